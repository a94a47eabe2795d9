// Which parts of a batch may run side by side.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { lanesFor, partsForLanes } from "../../../src/irl/lanes.ts";
import { TINY_SHAPE } from "../../support/tiny_model.ts";

describe("lanesFor()", () => {
  it("gives small parts the tier's lanes, and large ones all of its threads", () => {
    const lanes = (model: typeof TINY_SHAPE, rows: number) =>
      lanesFor({ lanes: 3 }, model, { rows, time: 64 });
    assert.equal(lanes(TINY_SHAPE, 16), 3);
    assert.equal(lanes(TINY_SHAPE, 100_000), 1);
    // 64 MB are 2^24 numbers: a quarter of 16 rows of 64 logits from a vocabulary of 2^16 alone.
    assert.equal(lanes({ ...TINY_SHAPE, vocabularySize: 2 ** 16 }, 16), 1);
    assert.equal(lanes({ ...TINY_SHAPE, vocabularySize: 2 ** 16, head: "reward" }, 8), 3);
  });
});

describe("partsForLanes()", () => {
  it("cuts for every lane, into parts of 400 tokens at least", () => {
    assert.deepEqual([100, 799, 800, 1600, 1e6].map((tokens) => partsForLanes(4, tokens)), [1, 1, 2, 4, 4]);
    assert.equal(partsForLanes(1, 1e6), 1);
  });
});
