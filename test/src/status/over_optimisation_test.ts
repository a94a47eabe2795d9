// Does the gold measure follow the learned reward?
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { verdicts } from "../../../src/status/over_optimisation.ts";
import { projectRun, type RunProjection } from "../../../src/status/run_projection.ts";
import { fabricatedRun } from "../../support/fabricated_run.ts";

/** A run whose slot error at T = 1 after iterations 0, 1 … is given. */
function runWith(errors: readonly number[]): RunProjection {
  const records = fabricatedRun({ config: { preset: "demo", iterations: errors.length - 1 } });
  return projectRun(records.map((record) => {
    if (record.type !== "PolicyEvaluated") return record;
    const sampled = errors[Number(record.data.iteration)];
    const policy = {
      negativeLogLikelihood: 1.7,
      meanLength: 20,
      distinct2: 0.3,
      slotErrorRate: { sampled, tempered: 0, greedy: 0 },
    };
    return { ...record, data: { ...record.data, policy } };
  }));
}

describe("verdicts()", () => {
  it("compares every iteration with the one before", () => {
    const found = verdicts(runWith([0.35, 0.3, 0.36, 0.361]));
    assert.deepEqual(found.map(({ iteration, kind, gold }) => [iteration, kind, gold]), [
      [1, "together", ".350 → .300"],
      [2, "apart", ".300 → .360"],
      [3, "neither", ".360 → .361"],
    ]);
    assert.match(found[1].word, /over-optimised/);
    assert.match(found[0].learned, /^-0\.\d\d → -0\.\d\d$/);
  });

  it("says nothing before the first iteration is evaluated", () => {
    const records = fabricatedRun();
    const before = records.findIndex(({ type, data }) => type === "PolicyEvaluated" && data.iteration === 1);
    assert.deepEqual(verdicts(projectRun(records.slice(0, before))), []);
  });
});
