// The configuration of a run from preset, file, --set and --seed, and the messages about what is wrong with them.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { RunConfig } from "../../events/mod.ts";
import { PRESETS } from "../../src/irl/presets.ts";
import { parseCommandLine } from "../../scripts/command_line.ts";
import { configText } from "../../scripts/config.ts";
import { CONFIG_FIELDS, valueAt } from "../../scripts/config_fields.ts";
import { irlTable } from "../../scripts/irl.ts";
import { planTable } from "../../scripts/plan.ts";
import { type ConfigSources, resolveConfig, settingsNamed } from "../../scripts/resolve_config.ts";

const resolve = (sources: Partial<ConfigSources> = {}) => resolveConfig({ hasData: false, ...sources });
const file = (content: unknown) => ({ name: "my.json", text: JSON.stringify(content) });

describe("resolveConfig()", () => {
  it("starts from demo, or from own where there are data", () => {
    assert.equal(resolve().preset, "demo");
    assert.equal(resolve({ hasData: true }).preset, "own");
    assert.equal(resolve({ hasData: true, preset: "e2e" }).preset, "e2e");
  });

  it("gives every preset as its schema fills it in", () => {
    for (const [preset, input] of Object.entries(PRESETS)) {
      assert.deepEqual(resolve({ preset }), RunConfig.parse(input));
    }
  });

  it("lets a file win over the preset, --set over the file, and --seed over all", () => {
    const config = resolve({
      preset: "tiny",
      file: file({ seed: 3, policy: { steps: 11, temperature: 0.9 } }),
      set: ["policy.steps=12", "seed=4"],
      seed: 5,
    });
    assert.deepEqual([config.policy.steps, config.policy.temperature, config.seed], [12, 0.9, 5]);
    assert.equal(config.model.hiddenSize, RunConfig.parse(PRESETS.tiny).model.hiddenSize);
  });

  it("takes a whole printed configuration as a file", () => {
    const config = resolve({ preset: "tiny", set: ["iterations=1"] });
    assert.deepEqual(resolve({ file: file(config) }), config);
  });

  it("reads the value of --set as JSON where it is JSON, else as text", () => {
    const { task } = resolve({ preset: "own", set: ["task.demonstrations=null", "task.kind=e2e"] });
    assert.deepEqual([task.demonstrations, task.kind], [null, "e2e"]);
  });

  it("sets a section that is null by one of its fields, by {} or by a file, and unsets it by null", () => {
    const defaults = resolve({ set: ["lora={}"] }).lora;
    assert.deepEqual([resolve().lora, defaults?.rank, defaults?.targetModules], [null, 16, "all-linear"]);
    const set = ["lora.rank=8", 'lora.targetModules=["dense"]'];
    assert.deepEqual(resolve({ set }).lora, { ...defaults, rank: 8, targetModules: ["dense"] });
    assert.equal(resolve({ set: [...set, "lora=null"] }).lora, null);
    assert.deepEqual(resolve({ file: file({ lora: {} }) }).lora, defaults);
    assert.equal(resolve({ file: file({ lora: { alpha: 3 } }), set: ["lora.rank=8"] }).lora?.alpha, 3);
    const adapted = resolve({ set });
    assert.deepEqual(resolve({ file: file(adapted) }), adapted);
  });

  const mistakes: [what: string, sources: Partial<ConfigSources>, message: RegExp][] = [
    [
      "an unknown preset",
      { preset: "tyni" },
      /Choose the preset "tiny", or another of demo, .*: there is no "tyni"/,
    ],
    ["an unknown preset in a file", { file: file({ preset: "dem" }) }, /Choose the preset "demo"/],
    [
      "an unknown path",
      { set: ["policy.stepps=3"] },
      /Use "policy\.steps" in --set, .*: there is no "policy\.stepps"/,
    ],
    ["a field without its section", { set: ["klCoeficient=0"] }, /Use "policy\.klCoefficient" in --set/],
    [
      "an unknown key of a file",
      { file: file({ model: { width: 3 } }) },
      /in "my\.json", .*: there is no "model\.width"/,
    ],
    [
      "a wrong type",
      { set: ["policy.steps=many"] },
      /Correct policy\.steps \(steps per iteration; .*\): .*number/,
    ],
    ["a wrong choice", { set: ["reward.kind=best"] }, /Correct reward\.kind .*"residual"/],
    [
      "a switch that is not built",
      { set: ["reward.kind=summed"] },
      /Set reward\.kind to "residual" or "newest" or "warm": "summed" is not built/,
    ],
    [
      "heads that do not divide the width",
      { set: ["model.numHeads=5"] },
      /Correct model\.numHeads .*must divide/,
    ],
    ["an unknown field of a section that is null", { set: ["lora.rnk=3"] }, /Use "lora\.rank" in --set/],
    ["no rank", { set: ["lora.rank=0"] }, /Correct lora\.rank \(rows of A/],
    [
      "layers that the model has not",
      { set: ['lora.targetModules=["q_proj"]'] },
      /Give lora\.targetModules linear layers of a gpt_neox.*"q_proj" is none/,
    ],
    ["a setting without a value", { set: ["policy.steps"] }, /Write --set path=value/],
    ["a preset by --set", { set: ["preset=tiny"] }, /Use --preset/],
    ["a file that is no JSON", { file: { name: "my.json", text: "{" } }, /"my\.json": it is not JSON/],
    ["a file with something else", { file: file([]) }, /"my\.json": it holds something else/],
  ];
  for (const [what, sources, message] of mistakes) {
    it(`refuses ${what}`, () => {
      assert.throws(() => resolve(sources), (error) => {
        assert.match(String(error), message);
        return error instanceof Error && error.name === "ConfigError";
      });
    });
  }
});

describe("CONFIG_FIELDS", () => {
  it("lists every value of a configuration, with what it is and where it comes from", () => {
    const config = resolve();
    assert.ok(
      CONFIG_FIELDS.every(({ path, about, source, fallback }) =>
        (valueAt(config, path) !== undefined || fallback !== undefined) && about !== "" && source !== ""
      ),
    );
    const isOptional = ({ path }: { path: string }) => path.startsWith("lora.");
    const leaves = JSON.stringify(config).match(/"[^"{}]+":(?!\{)/g)?.length;
    assert.equal(CONFIG_FIELDS.filter((field) => !isOptional(field)).length, leaves);
    const { lora } = resolve({ set: ["lora={}"] });
    assert.deepEqual(
      CONFIG_FIELDS.filter(isOptional).map(({ path }) => path.slice(5)),
      Object.keys(lora ?? {}),
    );
  });

  it("is what `config` prints: value, unit, description and source", () => {
    assert.match(
      configText(resolve()),
      /^policy\.klCoefficient = 0\.3 per nat\n {4}beta, .* \[our trials.*\]$/m,
    );
    assert.match(configText(resolve()), /^lora = null\n.*\nlora\.rank = 16 \(once lora is set\)$/m);
    assert.match(configText(resolve({ set: ["lora.rank=8"] })), /^lora\.rank = 8\n/m);
  });
});

describe("settingsNamed()", () => {
  it("finds a field by the name that somebody gave an option", () => {
    assert.equal(settingsNamed("iterations"), "--set iterations=…");
    assert.equal(settingsNamed("lora.rank"), "--set lora.rank=…");
    const rates = /^--set supervised\.learningRate=… or --set reward\.learningRate=… or /;
    for (const name of ["learning-rate", "learning_rate"]) assert.match(settingsNamed(name) ?? "", rates);
  });

  it("finds none for another name, nor for a file or a preset", () => {
    for (const name of ["wandb", "demonstrations", "preset"]) assert.equal(settingsNamed(name), undefined);
  });

  it("is what `irl` and `plan` say of an option that is none", () => {
    const args = ["--learning-rate", "1"];
    for (const parse of [() => parseCommandLine(irlTable, args), () => parseCommandLine(planTable, args)]) {
      assert.throws(parse, {
        name: "ConfigError",
        message: /^Use --set supervised\.learningRate=… or .* --help: there is no --learning-rate$/,
      });
    }
  });
});
