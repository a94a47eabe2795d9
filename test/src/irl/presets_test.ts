// Every preset can run, and the paper's two say what was published.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { RunConfig, unbuiltSwitches } from "../../../events/mod.ts";
import { PRESETS } from "../../../src/irl/presets.ts";
import { modelShape } from "../../../src/model/checkpoint.ts";
import { numParameters } from "../../../src/model/model_shape.ts";

describe("PRESETS", () => {
  it("are valid, name themselves and use no switch that is not built", () => {
    for (const [name, preset] of Object.entries(PRESETS)) {
      const config = RunConfig.parse(preset);
      assert.equal(config.preset, name);
      assert.deepEqual(unbuiltSwitches(config), []);
      assert.equal(config.model.hiddenSize % config.model.numHeads, 0, `${name}: heads divide the width`);
    }
  });

  it("have the number of parameters of Pythia-1B and of Mistral 7B", () => {
    const parametersOf = (name: string, head: "policy" | "reward") =>
      numParameters(modelShape(RunConfig.parse(PRESETS[name]).model, 1, head));
    // transformers 5.24: sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters()).
    assert.equal(parametersOf("tldr", "policy"), 1_011_781_632);
    assert.equal(parametersOf("ultrachat", "policy"), 7_241_732_096);
    // The reward has a score head instead of the output embedding.
    assert.equal(parametersOf("tldr", "reward"), 1_011_781_632 - 50_304 * 2048 + 2048);
  });

  it("see as many episodes and prompts as was published", () => {
    const { policy } = RunConfig.parse(PRESETS.tldr);
    const episodes = policy.steps * policy.promptsPerStep * policy.samplesPerPrompt;
    assert.ok(1_000_000 - episodes < policy.promptsPerStep);
    const { policy: best } = RunConfig.parse(PRESETS.ultrachat);
    assert.ok(Math.abs(best.steps / best.epochs * best.promptsPerStep - 20_000) < best.promptsPerStep);
  });
});

describe("RunConfig", () => {
  const problem = (policy: Record<string, unknown>) => RunConfig.safeParse({ policy }).error?.issues[0];

  it("wants two samples a prompt for rloo alone", () => {
    assert.deepEqual(problem({ samplesPerPrompt: 1 })?.path, ["policy", "samplesPerPrompt"]);
    assert.equal(problem({ samplesPerPrompt: 1, optimiser: "ppo" }), undefined);
  });

  it("takes more than one epoch for ppo and best-of-n alone, and no empty minibatch", () => {
    for (const optimiser of ["rloo", "raft"]) {
      assert.deepEqual(problem({ optimiser, epochs: 2 })?.path, ["policy", "epochs"]);
    }
    for (const optimiser of ["ppo", "best-of-n"]) assert.equal(problem({ optimiser, epochs: 2 }), undefined);
    const many = { optimiser: "ppo", promptsPerStep: 2, samplesPerPrompt: 1, ppo: { minibatches: 3 } };
    assert.deepEqual(problem(many)?.path, ["policy", "ppo", "minibatches"]);
  });

  it("names what this version cannot run", () => {
    const config = RunConfig.parse({ policy: { optimiser: "remax" }, reward: { kind: "summed" } });
    assert.deepEqual(unbuiltSwitches(config).map((text) => text.replace(/:.*/, "")), [
      'Set reward.kind to "residual" or "newest" or "warm"',
      'Set policy.optimiser to "rloo" or "ppo" or "best-of-n" or "raft"',
    ]);
  });
});
