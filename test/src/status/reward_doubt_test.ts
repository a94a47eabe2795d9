// When a reward is said not to carry over: where held-out demonstrations lie below generations more often than chance has it.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { LogRecord } from "../../../src/store/event_log.ts";
import { createRunReporter } from "../../../scripts/run_reporter.ts";
import { doubtText, rewardDoubts } from "../../../src/status/reward_doubt.ts";
import { runPage } from "../../../src/status/run_page.ts";
import { projectRun } from "../../../src/status/run_projection.ts";
import { fabricatedRun } from "../../support/fabricated_run.ts";

/** A run of 2,000 demonstrations, 200 of them held out, whose rewards have this accuracy. */
function recordsOf(accuracy: number): LogRecord[] {
  const config = { preset: "demo", iterations: 2, task: { demonstrations: 2000 } };
  return fabricatedRun({ config }).map((record) => {
    const { result } = record.data as { result?: object | null };
    if (record.type !== "RewardLearned" || !result) return record;
    return { ...record, data: { ...record.data, result: { ...result, heldOutPairAccuracy: accuracy } } };
  });
}

const doubtsOf = (accuracy: number) => rewardDoubts(projectRun(recordsOf(accuracy)));

describe("rewardDoubts()", () => {
  it("doubts what lies 2.33 standard deviations of as many coins as held-out demonstrations below one half", () => {
    const least = 0.5 - 2.33 * 0.5 / Math.sqrt(200); // .4176
    assert.deepEqual(doubtsOf(least), []);
    assert.deepEqual(
      doubtsOf(0.417),
      [1, 2].map((iteration) => ({
        iteration,
        accuracy: 0.417,
        numDemonstrations: 200,
      })),
    );
  });

  it("doubts no reward of a usual run, and none before one is learned", () => {
    assert.deepEqual(doubtsOf(0.6), []);
    assert.deepEqual(rewardDoubts(projectRun(recordsOf(0.1).slice(0, 2))), []);
  });
});

describe("doubtText()", () => {
  it("is told after each such reward, and stands on the run's page", async () => {
    const records = recordsOf(0.25), lines: string[] = [];
    const reporter = createRunReporter({
      terminal: { width: 100, line: (text) => void lines.push(text), progress: () => {} },
      clock: { iso: () => "", elapsedMs: () => 0 },
      records: [],
    });
    for (const record of records) reporter.onRecord(record);
    const warnings = lines.filter((line) => line.startsWith("Warning: Iteration"));
    assert.deepEqual(
      warnings,
      rewardDoubts(projectRun(records)).map((doubt) => `Warning: ${doubtText(doubt)}`),
    );
    assert.match(warnings[0], /^Warning: Iteration 1: .* in 75 % of pairs \(200 demonstrations\)/);
    assert.match(
      lines[lines.indexOf(warnings[0]) - 1],
      /RewardLearned +iteration 1, .* held-out pairs \.250/,
    );
    const page = String(await runPage("demo-1", records, { alone: true, hasWriter: true, resume: "" }));
    assert.match(page, /class="note" data-state="trouble">Iteration 1: the reward puts held-out/);
  });
});
