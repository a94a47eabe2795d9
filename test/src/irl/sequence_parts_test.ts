// Batches in parts: every sequence once, parts of nearly equal size.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { sequenceParts, spreadOver } from "../../../src/irl/sequence_parts.ts";
import { lengthOf, type TokenSequence } from "../../../src/model/sequence_batch.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import * as tf from "@tensorflow/tfjs-core";

const sequenceOf = (length: number): TokenSequence => ({
  prompt: [3],
  continuation: Array.from({ length: length - 1 }, () => 4),
});
const SHORT = Array.from({ length: 20 }, (_, i) => sequenceOf(2 + i * 7 % 19));

describe("sequenceParts()", () => {
  useCpuTier();

  const partsOf = (sequences: TokenSequence[], size: number | null) =>
    tf.tidy(() =>
      sequenceParts(sequences, { size, padId: 1 }).map(({ rows, batch, numCounted }) => ({
        rows,
        numCounted,
        shape: [batch.batch, batch.time],
        isShared: batch.segments !== undefined,
      }))
    );

  it("lets short sequences share rows, all packed together, in parts of nearly equal size", () => {
    const parts = partsOf(SHORT, 8), places = SHORT.map((_, i) => i);
    assert.deepEqual(parts.flatMap(({ rows }) => rows).toSorted((a, b) => a - b), places);
    assert.ok(parts.every(({ isShared }) => isShared));
    assert.deepEqual(parts.map(({ shape }) => shape), [[1, 64], [2, 64], [1, 64]]);
    const counted = SHORT.reduce((sum, sequence) => sum + lengthOf(sequence) - 1, 0);
    assert.equal(parts.reduce((sum, { numCounted }) => sum + numCounted, 0), counted);
  });

  it("gives parts of unlike sequences one shape too", () => {
    const sequences = [40, 40, 40, 40, 2, 2, 2, 2].map(sequenceOf);
    assert.deepEqual(partsOf(sequences, 4).map(({ shape }) => shape), [[1, 96], [1, 96]]);
  });

  it("puts long sequences of like length together, each in a row of its own", () => {
    const parts = partsOf([sequenceOf(300), sequenceOf(40), sequenceOf(290), sequenceOf(33)], 2);
    assert.deepEqual(parts.map(({ rows }) => rows), [[3, 1], [2, 0]]);
    assert.deepEqual(parts.map(({ shape }) => shape), [[2, 40], [2, 304]]);
    assert.ok(parts.every(({ isShared }) => !isShared));
  });

  it("takes all at once where no size is given", () => {
    assert.deepEqual(partsOf(SHORT, null).map(({ rows }) => rows.length), [20]);
  });

  it("spreads a number of each sequence over its tokens", () => {
    tf.tidy(() => {
      const sequences = [sequenceOf(3), sequenceOf(9)];
      const [part] = sequenceParts(sequences, { size: null, padId: 1 });
      const spread = Array.from(spreadOver(part, sequences, [2, 5]).dataSync());
      assert.equal(spread.filter((value) => value === 2).length, 3);
      assert.equal(spread.filter((value) => value === 5).length, 9);
      const { firstIndex } = part.batch;
      assert.deepEqual([spread[firstIndex[0]], spread[firstIndex[1] + 8]], [2, 5]);
    });
  });
});
