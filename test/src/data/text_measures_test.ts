// Hand values of variety and length.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { distinct2, meanLength } from "../../../src/data/text_measures.ts";

describe("distinct2()", () => {
  it("is the share of distinct pairs of neighbours over all texts", () => {
    // Pairs: 1-2, 2-1, 1-2 and 1-2, 2-3: five, of which 1-2, 2-1 and 2-3 are distinct.
    assert.equal(distinct2([[1, 2, 1, 2], [1, 2, 3]]), 3 / 5);
  });

  it("tells 1, 23 from 12, 3", () => {
    assert.equal(distinct2([[1, 23], [12, 3]]), 1);
  });

  it("is 0 where there is no pair", () => {
    assert.equal(distinct2([]), 0);
    assert.equal(distinct2([[], [4]]), 0);
  });
});

describe("meanLength()", () => {
  it("is the number of tokens per text", () => {
    assert.equal(meanLength([[1, 2, 3], [], [1, 2]]), 5 / 3);
    assert.equal(meanLength([]), 0);
  });
});
