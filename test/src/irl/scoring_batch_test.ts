// How many sequences are scored together.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { longestSequence, scoringBatch } from "../../../src/irl/scoring_batch.ts";
import { TINY_SHAPE } from "../../support/tiny_model.ts";

describe("scoringBatch()", () => {
  it("is 128 for small models, and a power of two that keeps logits below 512 MB for large ones", () => {
    assert.equal(scoringBatch(TINY_SHAPE, 32), 128);
    const large = { ...TINY_SHAPE, vocabularySize: 50_000, maxPositions: 2048 };
    // 2^27 numbers hold 26.8 sequences of 100 tokens.
    assert.equal(scoringBatch(large, 100), 16);
    assert.equal(scoringBatch({ ...large, head: "reward" }, 100), 128);
    assert.equal(scoringBatch({ ...large, vocabularySize: 2 ** 28 }, 100), 1);
  });
});

describe("longestSequence()", () => {
  it("is prompt and continuation of the longest", () => {
    assert.equal(
      longestSequence([{ prompt: [1], continuation: [2, 3] }, { prompt: [1, 2], continuation: [] }]),
      3,
    );
    assert.equal(longestSequence([]), 1);
  });
});
