// The schedule by hand.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { learningRateFactor } from "../../../src/math/learning_rate.ts";

describe("learningRateFactor()", () => {
  it("rises linearly, then falls linearly to the floor: by hand", () => {
    const factors = Array.from(
      { length: 10 },
      (_, step) => learningRateFactor(step, { numSteps: 10, warmupSteps: 2, floor: 0.25 }),
    );
    const wanted = [0.5, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.25];
    wanted.forEach((value, step) => assert.ok(Math.abs(factors[step] - value) < 1e-12, `step ${step}`));
  });

  it("begins at the peak without warm-up", () => {
    assert.equal(learningRateFactor(0, { numSteps: 4, warmupSteps: 0, floor: 0.1 }), 1);
  });
});
