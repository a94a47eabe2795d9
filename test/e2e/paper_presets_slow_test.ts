// The paper's two presets from end to end with real steps, on a tiny random model of the same architecture: every switch that they
// set, from a Hugging Face folder and a data file to a finished run.
import assert from "node:assert/strict";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { RunConfig, RunEvent } from "../../events/mod.ts";
import { PRESETS } from "../../src/irl/presets.ts";
import { modelConfigFields } from "../../src/model/model_config_fields.ts";
import { modelShape } from "../../src/model/checkpoint.ts";
import { writeWeights } from "../../src/model/write_weights.ts";
import { readFileLog } from "../../src/store/file_log.ts";
import { folderWriter } from "../../src/store/folder_files.ts";
import { type TinyBpe, tinyBpeFiles } from "../support/tiny_bpe.ts";
import { tinyParameters } from "../support/tiny_model.ts";

const script = new URL("../../scripts/irl.ts", import.meta.url);

/** Sizes alone; every other field is the preset's. */
const SMALLER = [
  "iterations=1",
  "task.demonstrations=16",
  "task.evaluationPrompts=3",
  "generation.shards=1",
  "generation.maxNewTokens=8",
  "generation.batchSize=16",
  "reward.batchSize=4",
  "reward.heldOutEvery=4",
  "policy.promptsPerStep=4",
  "policy.steps=2",
  "policy.chunkSteps=1",
  "policy.maxNewTokens=6",
  "policy.microbatchSize=3",
  "policy.rolloutBatchSize=8",
  "evaluation.maxNewTokens=6",
];

/** In the form of Zephyr's. */
const CHAT_TEMPLATE =
  "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + eos_token + '\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}";

describe("the paper's presets", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await Deno.makeTempDir({ prefix: "irl-paper-" });
    await writeModel("tldr", "neox_like");
    await writeModel("ultrachat", "metaspace_like");
  });
  afterAll(() => Deno.remove(folder, { recursive: true }));

  it("tldr: SFT from --model, rewards from SFT, PPO; long posts are cut", async () => {
    const rows = Array.from({ length: 24 }, (_, i) => ({
      prompt: `SUBREDDIT: r/cats\n\nTITLE: ${i}\n\nPOST: it sat${"\nand sat".repeat(i)}\n\nTL;DR:`,
      completion: ` cat ${i} sat`,
    }));
    const events = await irl("tldr", rows, [
      `--model=${join(folder, "tldr")}`,
      "--set=task.maxPromptTokens=60",
      "--set=supervised.batchSize=8",
      "--set=supervised.microbatchSize=3",
    ]);
    const types = events.map(({ type }) => type);
    assert.ok(types.includes("SupervisedTuned"));
    const loaded = events.find((event) => event.type === "DemonstrationsLoaded");
    assert.ok(loaded?.type === "DemonstrationsLoaded" && loaded.data.counts.shortenedPrompts > 0);
    assert.equal(types.filter((type) => type === "PolicyOptimised").length, 2);
  });

  it("ultrachat: no SFT from --sft, best-of-8 in two epochs; conversations are read", async () => {
    const rows = Array.from({ length: 24 }, (_, i) => ({
      messages: [
        { role: "user", content: `say ${i}` },
        { role: "assistant", content: `so ${i} it is` },
      ],
    }));
    const events = await irl("ultrachat", rows, [`--sft=${join(folder, "ultrachat")}`]);
    const types = events.map(({ type }) => type);
    assert.ok(!types.includes("SupervisedTuned"));
    const optimised = events.flatMap((event) => event.type === "PolicyOptimised" ? [event.data] : []);
    // The first step samples 4 prompts × 8 texts, the second trains on the chosen ones again.
    assert.ok(optimised[0].tokensGenerated > 0);
    assert.deepEqual(optimised.map(({ tokensGenerated }) => tokensGenerated > 0), [true, false]);
  });

  it("say which folder they want and where it is published", async () => {
    const { code, errors } = await command("tldr", []);
    assert.equal(code, 2);
    assert.match(errors, /Give --model DIR.*pythia-1b/);
  });

  /** A model of the preset's architecture with a width of 16, and a tokenizer of the kind that its models have. */
  async function writeModel(preset: string, tokenizer: TinyBpe): Promise<void> {
    const path = join(folder, preset), files = tinyBpeFiles(tokenizer);
    await Deno.mkdir(path);
    const { model: settings } = RunConfig.parse(PRESETS[preset]);
    const model = modelShape(
      {
        ...settings,
        vocabularySize: 592,
        hiddenSize: 16,
        numLayers: 2,
        numHeads: 2,
        numKeyValueHeads: settings.numKeyValueHeads === null ? null : 1,
        intermediateSize: 24,
        maxPositions: 256,
      },
      0,
      "policy",
    );
    const config = modelConfigFields(model, { tokens: { eos: 0, pad: 1 } });
    await Deno.writeTextFile(join(path, "config.json"), JSON.stringify(config));
    await Deno.writeTextFile(join(path, "tokenizer.json"), files.tokenizerJson);
    await Deno.writeTextFile(join(path, "tokenizer_config.json"), files.tokenizerConfig ?? "{}");
    await Deno.writeTextFile(join(path, "chat_template.jinja"), CHAT_TEMPLATE);
    await writeWeights(folderWriter(path), { model, flat: tinyParameters(model) }, {});
  }

  async function irl(preset: string, rows: readonly unknown[], args: readonly string[]): Promise<RunEvent[]> {
    const data = join(folder, `${preset}.jsonl`);
    await Deno.writeTextFile(data, rows.map((row) => JSON.stringify(row)).join("\n"));
    const { code, errors } = await command(preset, [
      `--data=${data}`,
      ...SMALLER.map((setting) => `--set=${setting}`),
      ...args,
    ]);
    assert.equal(code, 0, errors);
    return readFileLog(join(folder, "runs", preset)).records.map(({ type, id, data }) =>
      RunEvent.parse({ type, id, data })
    );
  }

  async function command(preset: string, args: readonly string[]): Promise<{ code: number; errors: string }> {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        script.href,
        `--preset=${preset}`,
        `--run=${preset}`,
        `--runs-dir=${join(folder, "runs")}`,
        "--backend=wasm",
        "--in-process",
        "--no-http",
        ...args,
      ],
      stdin: "null",
    }).output();
    return { code, errors: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  }
});
