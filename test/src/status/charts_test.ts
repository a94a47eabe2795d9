// The curves as data.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { iterationCharts, overOptimisationChart, stepCharts } from "../../../src/status/charts.ts";
import { projectRun } from "../../../src/status/run_projection.ts";
import { fabricatedRun } from "../../support/fabricated_run.ts";

const records = fabricatedRun();
const run = projectRun(records);

function throughout(test: (seen: ReturnType<typeof projectRun>) => void): void {
  records.forEach((_, i) => test(projectRun(records.slice(0, i + 1))));
}

describe("iterationCharts()", () => {
  it("has one value per evaluated iteration, SFT first", () => {
    const [margin, kl, slotError] = iterationCharts(run);
    assert.deepEqual(margin.x, [0, 1, 2]);
    assert.deepEqual(margin.lines[0].values, [null, 0.4706, 0.3012]);
    assert.deepEqual(kl.lines[0].values, [0, 3.1, 4.3841]);
    assert.deepEqual(slotError.lines.map(({ values }) => values[0]), [0.35, 0.08, 0.037]);
  });

  it("shows the likelihood where there is no gold measure", () => {
    const ids = iterationCharts(projectRun(fabricatedRun({ ownData: true }))).map(({ id }) => id);
    assert.deepEqual(ids, ["margin", "kl", "likelihood"]);
  });

  it("shows no chart without a point, at any event", () => {
    throughout((seen) => {
      for (const { lines, x } of [...iterationCharts(seen), ...stepCharts(seen)]) {
        assert.ok(lines.some(({ values }) => values.some((value) => value !== null)));
        for (const { values } of lines) assert.equal(values.length, x.length);
      }
    });
    assert.deepEqual(iterationCharts(projectRun(records.slice(0, 1))), []);
  });
});

describe("stepCharts()", () => {
  it("breaks the line where an iteration ends", () => {
    const [rollouts] = stepCharts(run);
    assert.deepEqual(rollouts.x, [3, 6, 6.5, 9, 12]);
    assert.equal(rollouts.lines[0].values[2], null);
    assert.deepEqual(rollouts.marks, [6.5]);
  });

  it("shows the loss of fine-tuning until there is one of a reward", () => {
    const before = records.findIndex(({ type }) => type === "RewardLearned");
    const ids = (seen: number) => stepCharts(projectRun(records.slice(0, seen))).map(({ id }) => id);
    assert.deepEqual(ids(before), ["supervised-loss"]);
    assert.deepEqual(ids(before + 1), ["reward-loss"]);
  });
});

describe("overOptimisationChart()", () => {
  it("sets the learned margin against the gold measure, on two scales", () => {
    const [learned, gold] = overOptimisationChart(run).lines;
    assert.deepEqual([learned.right, gold.right], [undefined, true]);
    assert.deepEqual(gold.values, [0.35, 0.2949, 0.2615]);
  });
});
