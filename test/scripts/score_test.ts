// Scores of rows as the Hugging Face library computes them, summaries beside longer-wins, refusals at file and line.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "@std/testing/bdd";
import { parseCommandLine } from "../../scripts/command_line.ts";
import { exportRun, exportTable } from "../../scripts/export.ts";
import { scoreRows, scoreTable } from "../../scripts/score.ts";
import { SchemaError } from "../../src/base/errors.ts";
import parity from "../golden/huggingface_parity.json" with { type: "json" };
import { PARITY_TEXTS } from "../golden/parity_model.ts";
import { FROM_MODEL_RUN, type RecordedWorld, withModelRun } from "../support/model_run.ts";

const FROM = [...FROM_MODEL_RUN, "--backend", "cpu"];
const COMPLETIONS = [0, 1, 2].map((i) => ({
  prompt: PARITY_TEXTS[2 * i],
  completion: PARITY_TEXTS[2 * i + 1],
}));

async function score(world: RecordedWorld, rows: readonly unknown[], ...args: string[]): Promise<string[]> {
  const text = rows.map((row) => typeof row === "string" ? row : JSON.stringify(row)).join("\n");
  Deno.writeTextFileSync(join(world.workingFolder, "rows.jsonl"), text);
  const line = parseCommandLine(scoreTable, ["--data", "rows.jsonl", ...args]);
  assert.ok(line);
  const before = world.result.length;
  assert.equal(await scoreRows(line, world), 0);
  return world.result.slice(before);
}

function near(got: readonly number[], wanted: readonly number[]): void {
  got.forEach((value, i) =>
    assert.ok(Math.abs(value - wanted[i]) < 1e-4, `${value} instead of ${wanted[i]}`)
  );
}

describe("deno task score", () => {
  it("gives likelihood and reward of completions as transformers computes them (--eos)", () =>
    withModelRun(async (world) => {
      const lines = await score(world, COMPLETIONS, ...FROM, "--eos", "--json");
      const scores = lines.map((line) => JSON.parse(line));
      assert.deepEqual(
        scores.map((one) => Object.keys(one)),
        Array(3).fill(["logLikelihood", "numTokens", "reward"]),
      );
      near(scores.map((one) => one.logLikelihood), parity.logLikelihoods);
      near(scores.map((one) => one.reward), parity.rewards);
      assert.deepEqual(scores.map((one) => one.numTokens), [10, 11, 13]);
    }));

  it("reads prompt and completion from the fields that are named, of pairs too", () =>
    withModelRun(async (world) => {
      const [wanted] = await score(world, COMPLETIONS.slice(0, 1), ...FROM, "--json");
      const [{ prompt, completion }] = COMPLETIONS;
      const pair = { question: prompt, chosen: completion, rejected: "no" };
      const named = ["--fields", "prompt=question,completion=chosen"];
      assert.deepEqual(await score(world, [pair], ...FROM, "--json", ...named), [wanted]);
      await assert.rejects(
        score(world, [{ prompt, answer: completion }], ...FROM),
        /Add the field "completion", or name the one that holds it \(--fields completion=NAME\)/,
      );
      await assert.rejects(
        score(world, COMPLETIONS, ...FROM, "--fields", "prompt=a=b"),
        /Write --fields prompt=a,completion=b: got "prompt=a=b"/,
      );
    }));

  it("adds no token without --eos, and says so where there is a reward", () =>
    withModelRun(async (world) => {
      const [ended] = (await score(world, COMPLETIONS, ...FROM, "--eos", "--json")).map((line) =>
        JSON.parse(line)
      );
      const told = world.told.length;
      const [open] = (await score(world, COMPLETIONS, ...FROM, "--json")).map((line) => JSON.parse(line));
      assert.equal(open.numTokens, ended.numTokens - 1);
      assert.ok(open.logLikelihood > ended.logLikelihood);
      assert.match(world.told.slice(told).join("\n"), /add --eos/);
    }));

  it("compares pairs strictly, with accuracy beside longer-wins by subset for people", () =>
    withModelRun(async (world) => {
      const [a, b] = COMPLETIONS;
      const pair = (chosen: string, rejected: string, subset?: string) => ({
        prompt: a.prompt,
        chosen,
        rejected,
        subset,
      });
      const rows = [
        pair(a.completion, b.completion, "one"),
        pair(b.completion, a.completion, "one"),
        pair(a.completion, a.completion, "two"),
        pair(a.completion, b.completion),
      ];
      const scores = (await score(world, rows, ...FROM, "--eos", "--json")).map((line) => JSON.parse(line));
      assert.deepEqual(
        scores.map((one) => Object.keys(one)),
        Array(4).fill(["chosen", "rejected", "correct", "subset"]),
      );
      assert.deepEqual(scores.map((one) => one.subset), ["one", "one", "two", null]);
      const first: boolean = scores[0].chosen.reward > scores[0].rejected.reward;
      assert.deepEqual(scores.map((one) => one.correct), [first, !first, false, first]);
      // b is longer than a: right in row 2, wrong in rows 1 and 4, half in row 3.
      const told = world.told.join("\n");
      assert.match(told, /all, by reward: accuracy 0\.\d+, longer wins 0\.375 \(4 pairs\)/);
      assert.match(told, /^one: accuracy 0\.500, longer wins 0\.500 \(2 pairs\)$/m);
      assert.match(told, /^two: accuracy 0\.000, longer wins 0\.500 \(1 pairs\)$/m);
    }));

  it("has no reward for iteration 0 and compares by likelihood there", () =>
    withModelRun(async (world) => {
      const [a, b] = COMPLETIONS, rows = [{ prompt: a.prompt, chosen: a.completion, rejected: b.completion }];
      const [line] = await score(world, rows, ...FROM, "--iteration", "0", "--json");
      const { chosen, rejected, correct } = JSON.parse(line);
      assert.deepEqual(Object.keys(chosen), ["logLikelihood", "numTokens"]);
      assert.equal(correct, chosen.logLikelihood > rejected.logLikelihood);
      assert.match(world.told.join("\n"), /all, by log-likelihood/);
    }));

  it("scores from exported folders alike, a reward's alone without likelihood", () =>
    withModelRun(async (world) => {
      const wanted = await score(world, COMPLETIONS, ...FROM, "--eos", "--json");
      const line = parseCommandLine(exportTable, [...FROM_MODEL_RUN, "--to", "out"]);
      assert.ok(line);
      await exportRun(line, world);
      const from = (folder: string) =>
        score(world, COMPLETIONS, "--model", folder, "--backend", "cpu", "--eos", "--json");
      assert.deepEqual(await from("out"), wanted);
      const reward = (await from("out/reward")).map((line) => JSON.parse(line));
      assert.deepEqual(
        reward,
        wanted.map((line) => {
          const { numTokens, reward } = JSON.parse(line);
          return { numTokens, reward };
        }),
      );
    }));

  it("prints a line a row for people without --json", () =>
    withModelRun(async (world) => {
      const lines = await score(world, COMPLETIONS, ...FROM, "--eos");
      assert.equal(lines.length, 3);
      assert.match(lines[1], /^2\tlog-likelihood -\d+\.\d{3} \(11 tokens\), reward 0\.039$/);
    }));

  it("refuses a bad row with file and line before any output", () =>
    withModelRun(async (world) => {
      const [good] = COMPLETIONS;
      const cases: [readonly unknown[], RegExp][] = [
        [[good, "not json"], /^rows\.jsonl:2: .*not JSON/],
        [[good, "", { prompt: "x" }], /^rows\.jsonl:3: Add the field "completion"/],
        [[good, { ...good, completion: " " }], /^rows\.jsonl:2: Fill in "completion"/],
        [[{ prompt: "x", chosen: "a" }], /^rows\.jsonl:1: Add the field "rejected"/],
        [
          [good, { ...good, completion: "soup ".repeat(40) }],
          /^rows\.jsonl:2: Shorten the row: .* context 32/,
        ],
        [[""], /rows\.jsonl: Give at least one row/],
      ];
      for (const [rows, message] of cases) {
        await assert.rejects(
          score(world, rows, ...FROM, "--json"),
          (error) => error instanceof SchemaError && message.test(error.message),
        );
      }
      assert.deepEqual(world.result, []);
      const line = parseCommandLine(scoreTable, [...FROM, "--data", "none.jsonl"]);
      assert.ok(line);
      await assert.rejects(
        scoreRows(line, world),
        /Give --data a file of rows: "none\.jsonl": there is none/,
      );
    }));
});
