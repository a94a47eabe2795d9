// Where a run starts: folders of pretrained and tuned policies, and what is said when they do not fit.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "@std/testing/bdd";
import { RunConfig } from "../../events/mod.ts";
import { checkStartingModel, openStartingModel } from "../../scripts/base_model.ts";
import { ConfigError, exitCode } from "../../src/base/errors.ts";
import { loadTokenizer } from "../../src/data/load_tokenizer.ts";
import { decodeModel } from "../../src/model/checkpoint.ts";
import { parityFolders, parityModel } from "../golden/parity_model.ts";
import { tinyBpeFiles } from "../support/tiny_bpe.ts";
import { inTemporaryFolder, IrlCall, QUIET, recordsOf, SMALL, typesOf } from "./irl_fixtures.ts";

/** An export: a folder with "policy" and "reward" in it. */
async function writeExport(folder: string): Promise<void> {
  for (const [head, files] of Object.entries(await parityFolders())) {
    await Deno.mkdir(join(folder, head), { recursive: true });
    for (const [name, bytes] of Object.entries(files)) await Deno.writeFile(join(folder, head, name), bytes);
  }
}

describe("openStartingModel()", () => {
  it("gives shape, weights and tokenizer of a folder, or of the policy in an export", () =>
    inTemporaryFolder(async (folder) => {
      await writeExport(folder);
      const { policy } = parityModel();
      for (const model of [folder, join(folder, "policy")]) {
        const starting = await openStartingModel({ model });
        assert.ok(starting !== undefined);
        assert.equal(starting.model.start, "pretrained");
        assert.equal(starting.model.vocabularySize, policy.model.vocabularySize);
        assert.deepEqual(decodeModel(starting.weights, "weights"), policy);
        assert.equal(loadTokenizer(starting.tokenizer).vocabularySize, policy.model.vocabularySize);
      }
      assert.equal((await openStartingModel({ sft: folder }))?.model.start, "tuned");
      assert.equal(await openStartingModel({}), undefined);
    }));

  it("names the file in which a token to pad with is to be declared, where no token is made for it", () =>
    inTemporaryFolder(async (folder) => {
      await writeExport(folder);
      const { tokenizerJson } = tinyBpeFiles("neox_like"), policy = join(folder, "policy");
      const files = {
        "tokenizer.json": tokenizerJson.replaceAll("<|padding|>", "<|other|>"),
        "tokenizer_config.json": JSON.stringify({ eos_token: "<|endoftext|>" }),
      };
      for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(policy, name), text);
      await Deno.remove(join(policy, "special_tokens_map.json")).catch(() => {});
      for (const name of ["config.json", "generation_config.json"]) {
        const path = join(policy, name),
          { pad_token_id: _, ...others } = JSON.parse(await Deno.readTextFile(path));
        await Deno.writeTextFile(path, JSON.stringify(others));
      }
      await assert.rejects(openStartingModel({ model: policy }), (error) => {
        assert.match(
          String(error),
          /policy\/tokenizer_config\.json: Name a token .* as "pad_token": there is none/,
        );
        return exitCode(error) === 2;
      });
    }));

  it("refuses two folders, a folder without a model, and a reward", () =>
    inTemporaryFolder(async (folder) => {
      await writeExport(folder);
      const refused = (folders: { model?: string; sft?: string }, message: RegExp) =>
        assert.rejects(
          openStartingModel(folders),
          (error) => error instanceof ConfigError && message.test(error.message),
        );
      await refused({ model: folder, sft: folder }, /either --model .* or --sft/);
      await refused({ model: join(folder, "nothing") }, /Give --model a folder with config\.json/);
      await refused({ sft: join(folder, "reward") }, /Give --sft a policy .* holds a reward/);
    }));
});

describe("checkStartingModel()", () => {
  const starting = {
    folder: "pythia",
    weights: new Uint8Array(),
    tokenizer: "",
    model: { hiddenSize: 32, maxPositions: 64 },
  };

  it("allows a shorter context than the model's, and nothing else of another shape", () => {
    const config = (model: Record<string, unknown>) => RunConfig.parse({ model: { numHeads: 2, ...model } });
    checkStartingModel(config({ hiddenSize: 32, maxPositions: 48 }), starting);
    assert.throws(
      () => checkStartingModel(config({ hiddenSize: 64, maxPositions: 48 }), starting),
      /Leave out model\.hiddenSize=64: "pythia" is a model of 32/,
    );
    assert.throws(
      () => checkStartingModel(config({ hiddenSize: 32, maxPositions: 65 }), starting),
      /model\.maxPositions=65/,
    );
  });

  it("asks for the folder that a preset starts from, and says where it is published", () => {
    checkStartingModel(RunConfig.parse({}), undefined);
    const config = RunConfig.parse({ preset: "tldr", model: { start: "pretrained" } });
    assert.throws(() => checkStartingModel(config, undefined), /Give --model DIR: .*pythia-1b/);
    const tuned = RunConfig.parse({ preset: "ultrachat", model: { start: "tuned" } });
    assert.throws(() => checkStartingModel(tuned, undefined), /Give --sft DIR: .*zephyr-7b-sft-full/);
  });
});

describe("irl --model and --sft", () => {
  it("start from the folder: with supervised fine-tuning, and without it", () =>
    inTemporaryFolder(async (folder) => {
      await writeExport(join(folder, "export"));
      const data = join(folder, "rows.jsonl");
      const row = { prompt: "name[Blue Lamp], food[soup]", completion: "Blue Lamp serves soup." };
      await Deno.writeTextFile(
        data,
        Array.from(
          { length: 20 },
          (_, i) => JSON.stringify({ ...row, prompt: row.prompt + " soup".repeat(i) }),
        ).join("\n"),
      );
      const small = SMALL.filter((argument) => !argument.startsWith("--preset"));
      for (const option of ["model", "sft"]) {
        const args = [
          ...small,
          ...QUIET,
          "--in-process",
          "--preset=own",
          `--data=${data}`,
          "--set=iterations=1",
        ];
        const call = new IrlCall();
        assert.equal(
          await call.run([
            ...args,
            `--runs-dir=${folder}/runs`,
            `--run=${option}`,
            `--${option}=${folder}/export`,
          ]),
          0,
        );
        const records = recordsOf(join(folder, "runs"), option), loaded = records[1].data;
        assert.match(String(Object(loaded).base), /^sha256:/);
        assert.equal(typesOf(records).includes("SupervisedTuned"), option === "model");
        assert.equal(typesOf(records).at(-1), "RunCompleted");
      }
    }));
});
