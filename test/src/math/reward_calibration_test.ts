// The reward's unit by hand and on seeded differences.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { calibrationScale, pairLossAtScale } from "../../../src/math/reward_calibration.ts";
import { randomNumbers, SEEDS } from "../../support/enumerated_problem.ts";

describe("pairLossAtScale()", () => {
  it("is the mean of log(1 + exp(−c d)): by hand (Eq. (11))", () => {
    // d = ±ln 3 at c = 1: −ln ¾ and −ln ¼.
    const loss = pairLossAtScale([Math.log(3), -Math.log(3)], 1);
    assert.ok(Math.abs(loss - (2 * Math.log(4) - Math.log(3)) / 2) < 1e-12);
    assert.ok(Math.abs(pairLossAtScale([5, -2], 0) - Math.LN2) < 1e-12);
  });

  it("stays finite for large margins", () => {
    assert.equal(pairLossAtScale([-1e6], 1), 1e6);
    assert.equal(pairLossAtScale([1e6], 1), 0);
  });
});

describe("calibrationScale()", () => {
  it("finds the scale at which predicted and observed shares agree: by hand (Eq. (11))", () => {
    // Three of four pairs right, all with |d| = 2: σ(2c) = ¾, so c = ln 3 / 2.
    assert.ok(Math.abs(calibrationScale([2, 2, 2, -2]) - Math.log(3) / 2) < 1e-6);
  });

  it("minimises the held-out loss, and scales inversely with the differences", () => {
    for (const seed of SEEDS) {
      const differences = randomNumbers(seed, "differences", 200).map((value) => 1.5 * value + 0.8);
      const scale = calibrationScale(differences), loss = pairLossAtScale(differences, scale);
      for (const other of [0.9 * scale, 1.1 * scale]) {
        assert.ok(pairLossAtScale(differences, other) > loss, `seed ${seed}`);
      }
      assert.ok(Math.abs(2 * calibrationScale(differences.map((value) => 2 * value)) - scale) < 1e-6);
    }
  });

  it("stays in its range where the loss has no minimum inside", () => {
    assert.equal(calibrationScale([1, 2]), 4);
    assert.equal(calibrationScale([-1, -2, 1]), 0.05);
    assert.equal(calibrationScale([1], { least: 0.5, most: 2 }), 2);
  });

  it("refuses an empty list", () => {
    assert.throws(() => calibrationScale([]), RangeError);
  });
});
