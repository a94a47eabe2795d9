// Texts from a run and from its export: equal to the Hugging Face library, repeatable, with clear refusals.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { parseCommandLine } from "../../scripts/command_line.ts";
import { exportRun, exportTable } from "../../scripts/export.ts";
import { generateTable, generateTexts } from "../../scripts/generate.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { openTier, type TierOptions } from "../../src/compute/tier.ts";
import { loadTokenizer } from "../../src/data/load_tokenizer.ts";
import parity from "../golden/huggingface_parity.json" with { type: "json" };
import { PARITY_TEXTS, parityModel } from "../golden/parity_model.ts";
import { FROM_MODEL_RUN, type RecordedWorld, withModelRun } from "../support/model_run.ts";

const [PROMPT] = PARITY_TEXTS;
const FROM = [...FROM_MODEL_RUN, "--backend", "cpu"];

/** Lines of the result of one call. */
async function run(world: RecordedWorld, ...args: string[]): Promise<string[]> {
  const line = parseCommandLine(generateTable, args);
  assert.ok(line);
  const before = world.result.length;
  assert.equal(await generateTexts(line, world), 0);
  return world.result.slice(before);
}

async function exportAll(world: RecordedWorld): Promise<void> {
  const line = parseCommandLine(exportTable, [...FROM_MODEL_RUN, "--to", "out"]);
  assert.ok(line);
  await exportRun(line, world);
}

describe("deno task generate", () => {
  it("writes greedily what transformers writes from the exported folder", () =>
    withModelRun(async (world) => {
      const { tokenizer: json } = parityModel(), tokenizer = loadTokenizer(json);
      // The fixture stops at 12 tokens, the run's own setting is 32.
      const [text] = await run(world, ...FROM, "--prompt", PROMPT, "--greedy");
      const wanted = tokenizer.decode(parity.greedy[0]);
      assert.ok(text.startsWith(wanted), `${text} does not begin with ${wanted}`);
      await exportAll(world);
      for (const model of ["out", "out/policy"]) {
        assert.deepEqual(
          await run(world, "--model", model, "--backend", "cpu", "--prompt", PROMPT, "--greedy"),
          [text],
        );
      }
    }));

  it("draws the same texts for the same seed, and others for another", () =>
    withModelRun(async (world) => {
      const draw = (seed: string) => run(world, ...FROM, "--prompt", PROMPT, "-n", "3", "--seed", seed);
      const first = await draw("7");
      assert.equal(first.length, 3);
      assert.equal(new Set(first).size, 3);
      assert.deepEqual(await draw("7"), first);
      assert.notDeepEqual(await draw("8"), first);
      assert.match(world.told[0], /run "tiny-1", iteration 2: drawn at temperature 0\.6, seed 7/);
    }));

  it("tells why the tier is not the variant that one would wish for", () =>
    withModelRun(async (world) => {
      const remarked = {
        ...world,
        openTier: async (options: TierOptions) => ({
          ...await openTier(options),
          remark: "nothing compiles\nhere",
        }),
      };
      assert.equal((await run(remarked, ...FROM, "--prompt", PROMPT, "--greedy")).length, 1);
      assert.ok(world.told.includes("nothing compiles here"), world.told.join("\n"));
    }));

  it("prints one JSON object a text with --json", () =>
    withModelRun(async (world) => {
      const lines = await run(world, ...FROM, "--prompt", PROMPT, "--temperature", "1", "-n", "2", "--json");
      for (const line of lines) {
        const { prompt, text, numTokens, finished, ...rest } = JSON.parse(line);
        assert.deepEqual([prompt, typeof text, typeof finished, rest], [PROMPT, "string", "boolean", {}]);
        assert.ok(numTokens > 0);
      }
      assert.equal(lines.length, 2);
    }));

  it("names unknown words for people", () =>
    withModelRun(async (world) => {
      await run(world, ...FROM, "--prompt", `${PROMPT} zebra, zebra and soup`, "--greedy");
      assert.ok(
        world.told.includes('Unknown to the tokenizer, so read as <unk>: "zebra"'),
        world.told.join("\n"),
      );
    }));

  it("refuses a prompt that fills the context, and wrong decoding options", () =>
    withModelRun(async (world) => {
      const refused = async (message: RegExp, ...args: string[]) =>
        await assert.rejects(
          run(world, ...FROM, ...args),
          (error) => error instanceof ConfigError && message.test(error.message),
        );
      await refused(
        /Shorten the prompt: it has 32 tokens, the model's context 32/,
        "--prompt",
        "soup ".repeat(31) + "soup",
      );
      await refused(/Give --prompt a text/);
      await refused(/either --greedy or --temperature/, "--prompt", PROMPT, "--greedy", "--temperature", "1");
      await refused(/Leave out -n with --greedy/, "--prompt", PROMPT, "--greedy", "-n", "2");
      await refused(
        /--temperature a number above 0, or use --greedy: got "0"/,
        "--prompt",
        PROMPT,
        "--temperature",
        "0",
      );
      assert.deepEqual(world.result, []);
    }));

  it("refuses a folder without a policy, without a model, or two sources", () =>
    withModelRun(async (world) => {
      await exportAll(world);
      const prompt = ["--prompt", PROMPT];
      await assert.rejects(run(world, "--model", "out/reward", ...prompt), /holds a reward only/);
      await assert.rejects(
        run(world, "--model", "runs", ...prompt),
        /"policy" and "reward": ".*runs" has neither/,
      );
      await assert.rejects(run(world, ...prompt), /Give either --from <run> or --model DIR/);
      await assert.rejects(run(world, ...FROM, "--model", "out", ...prompt), /Give either --from/);
      await assert.rejects(
        run(world, "--model", "out", "--iteration", "1", ...prompt),
        /--iteration with --from only/,
      );
    }));

  it("refuses an incomplete or mixed-up folder", () =>
    withModelRun(async (world) => {
      await exportAll(world);
      const policy = `${world.workingFolder}/out/policy`, prompt = ["--prompt", PROMPT];
      const tokenizer = JSON.parse(Deno.readTextFileSync(`${policy}/tokenizer.json`));
      tokenizer.model.vocab.more = 99;
      Deno.writeTextFileSync(`${policy}/tokenizer.json`, JSON.stringify(tokenizer));
      await assert.rejects(
        run(world, "--model", "out/policy", ...prompt),
        /own tokenizer\.json .* it has 39 tokens, the model .*38/,
      );
      Deno.removeSync(`${policy}/tokenizer.json`);
      await assert.rejects(run(world, "--model", "out/policy", ...prompt), /it lacks tokenizer\.json/);
      Deno.removeSync(`${policy}/model.safetensors`);
      await assert.rejects(
        run(world, "--model", "out/policy", ...prompt),
        /Complete the folder: it has neither model\.safetensors nor/,
      );
    }));
});
