// The schedules by hand.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { learningRateFactor, type LearningRateSchedule } from "../../../src/math/learning_rate.ts";

const LINEAR: LearningRateSchedule = { numSteps: 10, warmupSteps: 2, schedule: "linear", rateFloor: 0.25 };

function assertFactors(options: LearningRateSchedule, wanted: readonly number[]): void {
  wanted.forEach((value, step) => {
    const factor = learningRateFactor(step, options);
    assert.ok(Math.abs(factor - value) < 1e-12, `step ${step}: ${factor}, wanted ${value}`);
  });
}

describe("learningRateFactor()", () => {
  it("rises linearly, then falls linearly to the floor: by hand", () => {
    assertFactors(LINEAR, [0.5, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.25]);
  });

  it("begins at the peak without warm-up", () => {
    assert.equal(learningRateFactor(0, { ...LINEAR, numSteps: 4, warmupSteps: 0 }), 1);
  });

  it("falls along half a cosine after warm-up: by hand", () => {
    // Two steps of warm-up, then cos(π · 0/4, 1/4 … 3/4): 1, (1 + √½)/2, ½, (1 − √½)/2, times .8 plus the floor .2.
    const root = Math.SQRT1_2, at = (share: number) => 0.2 + 0.8 * share;
    assertFactors({ numSteps: 6, warmupSteps: 2, schedule: "cosine", rateFloor: 0.2 }, [
      0.5,
      1,
      1,
      at((1 + root) / 2),
      at(0.5),
      at((1 - root) / 2),
    ]);
  });

  it("stays at the peak after warm-up where it is constant", () => {
    assertFactors({ ...LINEAR, schedule: "constant" }, [0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  });
});
