// A plan's arithmetic: what each step has in memory at a time, bytes, work, and what does not fit.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { ROLES, RunConfig, type RunConfigInput } from "../../../events/mod.ts";
import { COMPUTE_DEVICES, workSeconds } from "../../../src/irl/compute_devices.ts";
import { stepMemory, TIER_MEMORY, total } from "../../../src/irl/memory_budget.ts";
import { memoryShortage, planBudget } from "../../../src/irl/plan_budget.ts";
import { boundedData, type PlanData } from "../../../src/irl/plan_data.ts";
import { PRESETS } from "../../../src/irl/presets.ts";
import { type PlannedStep, stepSizes } from "../../../src/irl/step_sizes.ts";
import { runWork } from "../../../src/irl/work_budget.ts";
import { trainingOperations } from "../../../src/model/model_cost.ts";

const DATA: PlanData = {
  numDemonstrations: 100,
  numPrompts: 100,
  numEvaluationPrompts: 10,
  prompt: { longest: 20, mean: 10 },
  completion: { longest: 30, mean: 15 },
  vocabularySize: 200,
  isMeasured: true,
};
/** A process without a runtime and without programs: arrays alone. */
const ARRAYS_ALONE = { openBytes: 0, compilerBytes: 0, layerBytes: 0, programBytes: 0, arrayFactor: 1 };

const configOf = (input: RunConfigInput = {}) => RunConfig.parse(input);
const sizesOf = (step: PlannedStep, input: RunConfigInput = {}, isTraced = true, data = DATA) => {
  const found = stepSizes(configOf(input), data, { isTraced }).find((sizes) => sizes.step === step);
  assert.ok(found !== undefined);
  return found;
};
const bytesOf = (step: PlannedStep, input: RunConfigInput = {}) =>
  stepMemory(sizesOf(step, input), ARRAYS_ALONE).peakBytes;

describe("stepSizes()", () => {
  it("lets short texts share rows, and trains a batch whole or in parts", () => {
    // 64 texts of at most 50 tokens in rows of three and a half times the mean.
    const whole = sizesOf("sft", { supervised: { batchSize: 64 } }).trained[0];
    assert.deepEqual([whole.rows, whole.time, whole.isCut], [19, 96, false]);
    const cut = sizesOf("sft", { supervised: { batchSize: 64, microbatchSize: 8 } }).trained[0];
    assert.deepEqual([cut.rows, cut.isCut], [3, true]);
    const [pairs] = sizesOf("reward", { reward: { batchSize: 16, microbatchSize: 4 } }).trained;
    assert.deepEqual([pairs.rows, pairs.time, pairs.isCut], [3, 192, true]);
  });

  it("gives long texts rows of their own, padded to eight tokens", () => {
    const data = { ...DATA, completion: { longest: 300, mean: 15 } };
    const [sft] = stepSizes(configOf({ supervised: { batchSize: 64 } }), data, { isTraced: true });
    assert.deepEqual([sft.trained[0].rows, sft.trained[0].time], [64, 320]);
  });

  it("generates a power of two of rows from 64 where programs are compiled", () => {
    const input = { generation: { batchSize: 100, negatives: 4 } };
    assert.deepEqual(
      sizesOf("generate", input).generated.map(({ rows, samples }) => [rows, samples]),
      [[128, 4]],
    );
    assert.deepEqual(
      sizesOf("generate", input, false).generated.map(({ rows, samples }) => [rows, samples]),
      [[100, 1]],
    );
  });

  it("counts what evaluation compiles: samples and greedy texts, drawn texts and demonstrations scored", () => {
    const input = { evaluation: { samplesPerPrompt: 4 } };
    const { generated, scored } = sizesOf("evaluate", input);
    assert.deepEqual(generated.map(({ samples }) => samples), [4, 1]);
    assert.deepEqual(scored.map(({ model }) => model.head), ["policy", "policy", "reward", "reward"]);
    assert.equal(sizesOf("evaluate", { evaluation: { samplesPerPrompt: 1 } }).generated.length, 1);
    assert.equal(sizesOf("evaluate", input, false).generated.length, 1);
  });

  it("knows the networks of each policy optimiser", () => {
    const counts = (input: RunConfigInput["policy"]) => {
      const { trained, frozen } = sizesOf("policy", { policy: input });
      return [trained.length, frozen.length];
    };
    assert.deepEqual(counts({ optimiser: "rloo" }), [1, 2]);
    assert.deepEqual(counts({ optimiser: "ppo" }), [2, 2]);
    assert.deepEqual(counts({ optimiser: "best-of-n" }), [1, 3]);
    assert.deepEqual(counts({ optimiser: "raft" }), [1, 2]);
  });

  it("leaves supervised tuning out where the policy is tuned already", () => {
    const steps = (input: RunConfigInput) =>
      stepSizes(configOf(input), DATA, { isTraced: true }).map(({ step }) => step);
    assert.ok(steps({}).includes("sft"));
    assert.ok(!steps({ model: { start: "tuned" } }).includes("sft"));
  });
});

describe("stepMemory()", () => {
  it("adds up its parts, and names none without bytes", () => {
    for (const sizes of stepSizes(configOf(), DATA, { isTraced: true })) {
      const { parts, peakBytes } = stepMemory(sizes, TIER_MEMORY.native);
      assert.equal(total(parts), peakBytes);
      assert.ok(parts.every(({ bytes }) => bytes > 0));
    }
  });

  it("falls with the part that a batch is cut into, and grows with batch, width and vocabulary", () => {
    const large = { supervised: { batchSize: 512 } };
    assert.ok(
      bytesOf("sft", { supervised: { batchSize: 512, microbatchSize: 16 } }) < bytesOf("sft", large) / 4,
    );
    assert.ok(bytesOf("sft", { ...large, model: { hiddenSize: 192 } }) > bytesOf("sft", large));
    assert.ok(bytesOf("sft", { ...large, model: { vocabularySize: 40_000 } }) > 4 * bytesOf("sft", large));
    assert.ok(bytesOf("policy", { policy: { optimiser: "ppo" } }) > bytesOf("policy"));
  });

  it("falls where layers are computed again, for a third more operations", () => {
    const again = { supervised: { recomputeLayers: true } };
    assert.ok(bytesOf("sft", again) < bytesOf("sft"));
    const operations = (input: RunConfigInput) =>
      runWork(configOf(input), DATA).find(({ step }) => step === "sft")?.operations ?? NaN;
    assert.ok(Math.abs(operations(again) / operations({}) - 4 / 3) < 1e-9);
  });

  it("is states loaded and saved where parameters are most of it", () => {
    const wide = { model: { hiddenSize: 1024, intermediateSize: 4096 }, supervised: { batchSize: 1 } };
    const sizes = sizesOf("sft", wide), { parts } = stepMemory(sizes, ARRAYS_ALONE);
    const [largest] = [...parts].sort((a, b) => b.bytes - a.bytes);
    assert.equal(largest.what, "states loaded and saved");
    // The file and three vectors of it; three vectors read, copied and written.
    assert.equal(largest.bytes, 15 * 4 * sizes.trained[0].trainedNumbers);
  });

  it("counts memory once that a later program can use again", () => {
    const sizes = sizesOf("sft"), twice = { ...sizes, trained: [...sizes.trained, ...sizes.trained] };
    const bytesOfPart = (of: typeof sizes, what: string) =>
      stepMemory(of, ARRAYS_ALONE).parts.find((part) => part.what === what)?.bytes;
    assert.equal(bytesOfPart(twice, "activations"), bytesOfPart(sizes, "activations"));
  });

  it("counts tiles of attention from each tier's length on, and prompts of an eager tier as whole matrices", () => {
    const long: PlanData = { ...DATA, prompt: { longest: 600, mean: 600 } };
    const partsOf = (step: PlannedStep, tier: keyof typeof TIER_MEMORY) => {
      const sizes = sizesOf(step, { model: { maxPositions: 1024 } }, tier === "native", long);
      const { parts } = stepMemory(sizes, TIER_MEMORY[tier]);
      return (what: string) => parts.find((part) => part.what === what)?.bytes ?? 0;
    };
    const tiles = "tiles of attention", native = partsOf("sft", "native"), cpu = partsOf("sft", "cpu");
    assert.ok(native(tiles) > 0);
    assert.equal(cpu(tiles), 2 * native(tiles));
    assert.equal(partsOf("sft", "wasm")(tiles), 0);
    assert.ok(partsOf("sft", "wasm")("activations") > 2 * native("activations"));
    assert.ok(partsOf("generate", "native")(tiles) > 0);
    for (const tier of ["wasm", "cpu", "webgpu"] as const) assert.equal(partsOf("generate", tier)(tiles), 0);
  });

  it("falls to an adapter's for states and moments where adapters are trained", () => {
    const wide = {
      model: { hiddenSize: 1024, intermediateSize: 4096 },
      policy: { promptsPerStep: 1, samplesPerPrompt: 2, microbatchSize: 1 },
    };
    assert.ok(bytesOf("policy", { ...wide, lora: {} }) < bytesOf("policy", wide) / 2);
    // A fresh network is tuned whole.
    assert.equal(bytesOf("sft", { ...wide, lora: {} }), bytesOf("sft", wide));
  });
});

describe("runWork()", () => {
  const workOf = (step: PlannedStep, input: RunConfigInput = {}) => {
    const found = runWork(configOf(input), DATA).find((work) => work.step === step);
    assert.ok(found !== undefined);
    return found;
  };

  it("counts tokens and operations of supervised tuning by hand", () => {
    // 100 demonstrations in batches of 50, two epochs: 4 updates of 50 texts of 25 tokens.
    const { updates, tokensTrained, operations } = workOf("sft", {
      supervised: { batchSize: 50, epochs: 2 },
    });
    assert.deepEqual([updates, tokensTrained], [4, 4 * 50 * 25]);
    const { model } = sizesOf("sft").trained[0];
    assert.equal(operations, tokensTrained * trainingOperations(model, 25));
  });

  it("multiplies by the iterations, evaluation by one more", () => {
    const one = { iterations: 1 }, three = { iterations: 3 };
    assert.equal(workOf("policy", three).updates, 3 * workOf("policy", one).updates);
    assert.equal(workOf("evaluate", three).tokensScored, 2 * workOf("evaluate", one).tokensScored);
  });

  it("counts rollouts, epochs and updates of each policy optimiser by hand", () => {
    const settings = { steps: 6, promptsPerStep: 4, samplesPerPrompt: 2, maxNewTokens: 50 };
    const numbers = (policy: RunConfigInput["policy"]) => {
      const { updates, tokensTrained, tokensGenerated } = workOf("policy", { iterations: 1, policy });
      return [updates, tokensTrained / 25, tokensGenerated / 15];
    };
    assert.deepEqual(numbers(settings), [6, 48, 48]);
    assert.deepEqual(
      numbers({ ...settings, optimiser: "ppo", epochs: 3, ppo: { minibatches: 2 } }),
      [36, 144, 48],
    );
    // Three steps sample, all six train on four texts.
    assert.deepEqual(numbers({ ...settings, optimiser: "best-of-n", epochs: 2 }), [6, 24, 24]);
  });

  it("takes the time of memory where drawing reads more than it computes", () => {
    const device = { ...COMPUTE_DEVICES["2-cores"], peakOperations: 100, utilisation: 0.5 };
    const work = { ...workOf("generate"), operations: 500, drawingOperations: 50, drawingBytes: 300 };
    // 500 / 50, then the longer of 50 / 50 and 300 / (10 · ½).
    const seconds = workSeconds(work, { ...device, memoryBandwidth: 10, bandwidthShare: 0.5 });
    assert.equal(seconds, 10 + 60);
  });
});

describe("planBudget()", () => {
  it("plans every preset, all actors, with the data bounded by the configuration", () => {
    for (const preset of Object.values(PRESETS)) {
      const config = configOf(preset), budget = planBudget(config, boundedData(config), "native");
      assert.deepEqual(budget.actors.map(({ role }) => role), [...ROLES]);
      for (const { steps, peakBytes } of budget.actors) assert.equal(peakBytes, steps[0].peakBytes);
      assert.ok(budget.steps.every(({ operations }) => Number.isFinite(operations)));
    }
  });

  it("bounds texts by prompt limit, new tokens, context and window", () => {
    const tldr = boundedData(configOf(PRESETS.tldr));
    assert.deepEqual([tldr.prompt.longest, tldr.completion.longest], [512, 53]);
    const short = boundedData(configOf({ model: { maxPositions: 64 }, policy: { maxNewTokens: 500 } }));
    assert.deepEqual([short.prompt.longest, short.completion.longest], [1, 63]);
    const window = boundedData(configOf({ model: { maxPositions: 8192, slidingWindow: 256 } }));
    assert.equal(window.prompt.longest, 256 - 50);
  });
});

describe("memoryShortage()", () => {
  const budget = planBudget(configOf(), DATA, "native");
  const needed = budget.actors.reduce((sum, { peakBytes }) => sum + peakBytes, 0);

  it("says nothing where all actors fit side by side, and else how much is short", () => {
    assert.equal(memoryShortage(budget, { hostBytes: needed }), undefined);
    assert.match(memoryShortage(budget, { hostBytes: needed - 1 }) ?? "", /GB of memory, .* are free/);
  });

  it("asks for the largest actor alone where all are one process", () => {
    const largest = Math.max(...budget.actors.map(({ peakBytes }) => peakBytes));
    assert.equal(memoryShortage(budget, { hostBytes: largest, inProcess: true }), undefined);
  });

  it("names the field that makes the largest part smaller", () => {
    const advice = (input: RunConfigInput) => {
      const plan = planBudget(configOf(input), DATA, "native");
      return (memoryShortage(plan, { hostBytes: 1e9 }) ?? "").split(":")[0];
    };
    assert.equal(advice({ supervised: { batchSize: 20_000 } }), "Set a smaller supervised.microbatchSize");
    assert.equal(advice({ reward: { batchSize: 20_000 } }), "Set a smaller reward.microbatchSize");
    assert.equal(advice({ generation: { batchSize: 100_000 } }), "Set a smaller generation.batchSize");
    assert.equal(
      advice({ policy: { promptsPerStep: 20_000 } }),
      "Set a smaller policy.rolloutBatchSize",
    );
    assert.equal(
      advice({ model: { hiddenSize: 4096, intermediateSize: 16_384 } }),
      "Train adapters (--set lora={}), or take a smaller model or more memory",
    );
  });

  it("counts on a device of its own what lies there, of the actors that use it", () => {
    const device = (deviceBytes: number, deviceRoles = ROLES.slice()) =>
      memoryShortage(budget, { hostBytes: 1e12, deviceBytes, deviceRoles });
    assert.match(device(1e6) ?? "", /of the GPU's memory/);
    assert.equal(device(1e10), undefined);
    assert.equal(device(1e6, []), undefined);
  });
});
