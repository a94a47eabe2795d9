// Lengths of the rows on which a plan's memory is measured.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { lengthAt } from "../../../scripts/plan/measured_command.ts";

describe("lengthAt()", () => {
  const lengthsOf = (longest: number, mean: number) =>
    Array.from({ length: 120 }, (_, row) => lengthAt(row, { longest, mean }));

  it("gives rows the longest and about the mean", () => {
    for (const [longest, mean] of [[33, 20], [48, 8], [12, 11.5], [300, 15]]) {
      const lengths = lengthsOf(longest, mean);
      const found = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
      assert.equal(Math.max(...lengths), longest);
      assert.ok(Math.abs(found - mean) <= 0.1 * mean, `${longest}, ${mean}: ${found}`);
    }
  });

  it("gives rows that are all equally long their length, and none without a token", () => {
    assert.deepEqual(new Set(lengthsOf(7, 7)), new Set([7]));
    assert.deepEqual(new Set(lengthsOf(1, 1)), new Set([1]));
  });
});
