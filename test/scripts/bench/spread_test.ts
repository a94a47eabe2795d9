// Minimum, median and maximum of measurements.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { spread } from "../../../scripts/bench/spread.ts";

describe("spread()", () => {
  it("takes the middle of an odd number of values", () => {
    assert.deepEqual(spread([3, 1, 2]), { median: 2, min: 1, max: 3 });
  });

  it("takes the mean of the two in the middle of an even number", () => {
    // Sorted 1, 2, 4, 8: (2 + 4) / 2.
    assert.deepEqual(spread([8, 1, 4, 2]), { median: 3, min: 1, max: 8 });
  });

  it("has half of the values on either side of the median, in any order", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1 }), (values) => {
        const { median, min, max } = spread(values);
        assert.ok(min <= median && median <= max);
        assert.ok(values.filter((value) => value <= median).length >= values.length / 2);
        assert.ok(values.filter((value) => value >= median).length >= values.length / 2);
      }),
      { seed: 1 },
    );
  });

  it("refuses an empty list", () => assert.throws(() => spread([]), RangeError));
});
