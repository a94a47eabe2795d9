// Batches in parts: every sequence once, parts of nearly equal size.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { sequenceParts, spreadOver } from "../../../src/irl/sequence_parts.ts";
import { lengthOf, type TokenSequence } from "../../../src/model/token_sequence.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import * as tf from "@tensorflow/tfjs-core";

/** Of a prompt of its own. */
const sequenceOf = (length: number, i = 0): TokenSequence => ({
  prompt: [3 + i],
  continuation: Array.from({ length: length - 1 }, () => 4),
});
const LONG_PROMPT = Array.from({ length: 26 }, (_, t) => 3 + t);
const SHORT = Array.from({ length: 20 }, (_, i) => sequenceOf(2 + i * 7 % 19, i));

describe("sequenceParts()", () => {
  useCpuTier();

  const partsOf = (sequences: TokenSequence[], size: number | null) =>
    tf.tidy(() =>
      sequenceParts(sequences, { size, padId: 1 }).map(({ rows, batch, numCounted }) => ({
        rows,
        numCounted,
        shape: [batch.batch, batch.time],
        isShared: batch.placement !== undefined,
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
    const sequences = [40, 40, 40, 40, 2, 2, 2, 2].map((length, i) => sequenceOf(length, i));
    assert.deepEqual(partsOf(sequences, 4).map(({ shape }) => shape), [[1, 96], [1, 96]]);
  });

  it("puts long sequences of like length together, each in a row of its own", () => {
    const parts = partsOf([300, 40, 290, 33].map((length, i) => sequenceOf(length, i)), 2);
    assert.deepEqual(parts.map(({ rows }) => rows), [[3, 1], [2, 0]]);
    assert.deepEqual(parts.map(({ shape }) => shape), [[2, 40], [2, 304]]);
    assert.ok(parts.every(({ isShared }) => !isShared));
  });

  it("takes all at once where no size is given", () => {
    assert.deepEqual(partsOf(SHORT, null).map(({ rows }) => rows.length), [20]);
  });

  it("spreads a number of each sequence over its tokens", () => {
    tf.tidy(() => {
      const sequences = [sequenceOf(3), sequenceOf(9, 1)];
      const [part] = sequenceParts(sequences, { size: null, padId: 1 });
      const spread = Array.from(spreadOver(part, [2, 5]).dataSync());
      assert.equal(spread.filter((value) => value === 2).length, 3);
      assert.equal(spread.filter((value) => value === 5).length, 9);
      const { places } = part.batch;
      assert.deepEqual([spread[places[0][0]], spread[places[1][8]]], [2, 5]);
    });
  });

  it("gives tokens that several sequences share their mean, so that counted it is their sum", () => {
    tf.tidy(() => {
      const sequences = [4, 5, 4].map((last) => ({ prompt: LONG_PROMPT, continuation: [last, 0] }));
      const [part] = sequenceParts(sequences, { size: null, padId: 1 });
      const spread = spreadOver(part, [1, 4, 2]).dataSync(), { places, continuationMask } = part.batch;
      assert.equal(spread[places[0][0]], Math.fround(7 / 3));
      assert.deepEqual(Array.from(places[0].subarray(25), (at) => spread[at] * continuationMask[at]), [
        3,
        3,
        0,
      ]);
      assert.deepEqual(Array.from(places[1].subarray(25), (at) => spread[at] * continuationMask[at]), [
        4,
        4,
        0,
      ]);
      assert.equal(part.numCounted, 6);
    });
  });

  it("keeps sequences apart where asked", () => {
    tf.tidy(() => {
      const sequences = [4, 5].map((last) => ({ prompt: [1, 2, 3, 3, 3, 3], continuation: [last, 0] }));
      sequences.push({ prompt: [1], continuation: [0] });
      const [part] = sequenceParts(sequences, { size: null, padId: 1, sharing: false });
      assert.equal(new Set(part.batch.places.flatMap((own) => Array.from(own))).size, 18);
    });
  });
});
