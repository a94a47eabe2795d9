// The reward's units by hand.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { rewardUnit } from "../../../src/math/reward_unit.ts";

describe("rewardUnit()", () => {
  // Mean 3, variance ((−2)² + 0 + 2²) / 3 = 8/3.
  const measured = { calibration: 0.5, scores: [1, 3, 5] };

  it("is the fitted scale and mean 0 on demonstrations where it is calibrated: by hand", () => {
    assert.deepEqual(rewardUnit("calibrated", measured), { scale: 0.5, shift: 3 });
  });

  it("leaves the raw scale or everything as it is: by hand", () => {
    assert.deepEqual(rewardUnit("mean", measured), { scale: 1, shift: 3 });
    assert.deepEqual(rewardUnit("none", measured), { scale: 1, shift: 0 });
  });

  it("gives demonstrations deviation 1: by hand", () => {
    const { scale, shift } = rewardUnit("mean-and-std", measured);
    assert.equal(shift, 3);
    assert.ok(Math.abs(scale - Math.sqrt(3 / 8)) < 1e-8);
    assert.ok(Number.isFinite(rewardUnit("mean-and-std", { calibration: 1, scores: [2, 2] }).scale));
  });

  it("refuses to measure nothing", () => {
    assert.throws(() => rewardUnit("mean", { calibration: 1, scores: [] }), RangeError);
  });
});
