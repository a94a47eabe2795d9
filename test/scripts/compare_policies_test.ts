import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import {
  comparePolicies,
  comparisonLines,
  errorsByPrompt,
  readRunErrors,
} from "../../scripts/compare_policies.ts";
import { ConfigError } from "../../src/base/errors.ts";
import type { EvaluatedText } from "../../src/data/stored_rows.ts";
import { memoryArtifacts } from "../../src/store/memory_artifacts.ts";
import { fabricatedRun } from "../support/fabricated_run.ts";

const text = (
  prompt: string,
  errors: number,
  decoding: EvaluatedText["decoding"] = "greedy",
): EvaluatedText => ({
  prompt,
  decoding,
  text: "…",
  tokens: [3],
  errors,
  numSlots: 4,
});
const all = (errors: number[]) =>
  errors.flatMap((error, i) =>
    (["sampled", "tempered", "greedy"] as const).map((decoding) => text(`p${i}`, error, decoding))
  );

describe("errorsByPrompt()", () => {
  it("is errors over attributes, the mean over a prompt's samples", () => {
    const errors = errorsByPrompt([text("a", 1), text("a", 3), text("b", 0)]);
    assert.deepEqual([...errors], [["greedy/a", 0.5], ["greedy/b", 0]]);
  });
});

describe("comparePolicies()", () => {
  it("pools runs, one pair per prompt and run", () => {
    const run = { texts: "a", sft: errorsByPrompt(all([2, 2])), last: errorsByPrompt(all([0, 1])) };
    for (const { sft, last, difference } of comparePolicies([run, { ...run, texts: "b" }])) {
      assert.deepEqual({ sft, last, mean: difference.mean, pairs: difference.pairs }, {
        sft: 0.5,
        last: 0.125,
        mean: -0.375,
        pairs: 4,
      });
    }
    assert.match(comparisonLines(comparePolicies([run]))[3], /^greedy +0\.5000 +0\.1250 +-0\.3750/);
  });

  it("refuses the same run twice: its interval would be falsely narrow", () => {
    const run = { texts: "a", sft: errorsByPrompt(all([2, 2])), last: errorsByPrompt(all([0, 1])) };
    assert.throws(() => comparePolicies([run, run]), /different seeds/);
  });

  it("refuses runs without a gold measure", () => {
    const none = { texts: "a", sft: new Map<string, number>(), last: new Map<string, number>() };
    assert.throws(() => comparePolicies([none]), ConfigError);
  });
});

describe("readRunErrors()", () => {
  it("refuses a run that has no policy beyond SFT, by name", async () => {
    const records = fabricatedRun().filter(({ seq }) => seq <= 6);
    await assert.rejects(readRunErrors(records, memoryArtifacts(), "demo-9"), /"demo-9" first/);
  });
});
