// The concentration bound by hand, and on draws of a case in which it is nearly reached.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed, uniformStream } from "../../../src/base/random.ts";
import { concentrationBound } from "../../../src/math/concentration_bound.ts";

const ASSUMPTIONS = { rewardBound: 1, logReferenceBound: -3, failureProbability: 0.1 };

describe("concentrationBound()", () => {
  it("is (C_r − C_p) √(ln(2/δ) / 2|D|): by hand (Eq. (8))", () => {
    // (1 + 3) · √(ln 20 / 200) = 4 · √(2.995732 / 200) = 4 · 0.1223873
    assert.ok(Math.abs(concentrationBound(100, ASSUMPTIONS) - 0.4895493) < 1e-6);
    // δ = 2 e^(−2): ln(2/δ) = 2, so with |D| = 1 the root is 1.
    const one = { rewardBound: 2, logReferenceBound: -1, failureProbability: 2 * Math.exp(-2) };
    assert.ok(Math.abs(concentrationBound(1, one) - 3) < 1e-12);
  });

  it("halves with four times the demonstrations and grows with certainty (Eq. (13))", () => {
    const bound = concentrationBound(50, ASSUMPTIONS);
    assert.ok(Math.abs(concentrationBound(200, ASSUMPTIONS) - bound / 2) < 1e-12);
    assert.ok(concentrationBound(50, { ...ASSUMPTIONS, failureProbability: 0.01 }) > bound);
  });

  it("is exceeded by at most δ of draws in a near-extremal case, and half of it by many more (Eq. (13))", () => {
    // Two outcomes, the expert says each half of the time. On one, r = C_r = 1 and log π_ref is near 0; on the other, r = 0
    // and log π_ref = −3: r + log π_ref spans C_r − C_p. Only E_D differs between L and L̂.
    const values = [1 + Math.log(1 - Math.exp(-3)), -3], mean = (values[0] + values[1]) / 2;
    const draws = 20_000, size = 40, uniform = uniformStream(keyFromSeed(8));
    const bound = concentrationBound(size, ASSUMPTIONS);
    let beyond = 0, beyondHalf = 0;
    for (let draw = 0; draw < draws; draw++) {
      let total = 0;
      for (let i = 0; i < size; i++) total += values[uniform() < 0.5 ? 0 : 1];
      const distance = Math.abs(total / size - mean);
      if (distance > bound) beyond++;
      if (distance > bound / 2) beyondHalf++;
    }
    // The normal limit: 2 Φ(−2.448) = 1.4 % and 2 Φ(−1.224) = 22 %; in steps of 1/40 a little more or less.
    assert.ok(beyond / draws > 0.005 && beyond / draws < 0.03, `${beyond / draws}`);
    assert.ok(beyondHalf / draws > 0.15, `${beyondHalf / draws}`);
  });
});
