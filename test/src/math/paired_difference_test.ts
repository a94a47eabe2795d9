import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { pairedDifference } from "../../../src/math/paired_difference.ts";

describe("pairedDifference()", () => {
  it("is the mean of second − first with 1.96 standard errors on each side", () => {
    // Differences −1, 0, −2, −1: mean −1, variance 2/3, standard error sqrt(2/3/4) = 0.408248.
    const { mean, low, high, pairs } = pairedDifference([1, 1, 2, 3], [0, 1, 0, 2]);
    assert.equal(mean, -1);
    assert.equal(pairs, 4);
    assert.ok(Math.abs(low - (-1 - 1.96 * 0.408248)) < 1e-5, `${low}`);
    assert.ok(Math.abs(high - (-1 + 1.96 * 0.408248)) < 1e-5, `${high}`);
  });

  it("refuses lists of unlike length and a single pair", () => {
    assert.throws(() => pairedDifference([1, 2], [1]), RangeError);
    assert.throws(() => pairedDifference([1], [1]), RangeError);
  });
});
