// How many sequences are scored together.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { longestSequence, scoringBatch, scoringBatches } from "../../../src/irl/scoring_batch.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import * as tf from "@tensorflow/tfjs-core";
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

describe("scoringBatches()", () => {
  // Only asked whether it is there.
  const TRACED = { loop: () => [], writeSlice: (target: tf.Tensor) => target };
  const cpu = useCpuTier();
  const SEQUENCES = Array.from({ length: 300 }, (_, i) => ({
    prompt: [3 + i % 5],
    continuation: Array.from({ length: 1 + i * 7 % 23 }, () => 4),
  }));
  const all = (isTraced: boolean) => {
    const traced = isTraced ? TRACED : undefined;
    return scoringBatches({ traced }, TINY_SHAPE, { sequences: SEQUENCES, padId: 1 });
  };

  it("gives each sequence once, at its place and under its number, in few shapes", () => {
    for (const isTraced of [false, true]) {
      const seen: number[] = [], shapes = new Set<string>();
      for (const { rows, sequences, batch } of all(isTraced)) {
        sequences.forEach((sequence, i) => {
          const first = batch.firstIndex[i], text = [...sequence.prompt, ...sequence.continuation];
          assert.equal(sequence, SEQUENCES[rows[i]]);
          assert.deepEqual(Array.from(batch.tokens.subarray(first, first + text.length)), text);
          assert.equal(batch.ends[batch.slotIndex[i]], first % batch.time + text.length - 1);
        });
        seen.push(...rows);
        shapes.add(`${batch.batch} ${batch.time} ${batch.slotIndex.length}`);
      }
      assert.deepEqual(seen.toSorted((a, b) => a - b), SEQUENCES.map((_, i) => i));
      assert.ok(shapes.size <= 2, Array.from(shapes).join(", "));
    }
  });

  it("gives long sequences one shape where shapes are compiled", () => {
    const sequences = Array.from({ length: 200 }, () => ({ prompt: [3], continuation: [4] }));
    sequences[7].continuation.push(...Array.from({ length: 250 }, () => 5));
    const sizes = (traced: typeof TRACED | undefined) =>
      Array.from(scoringBatches({ traced }, TINY_SHAPE, { sequences, padId: 1 }), ({ batch }) => batch.batch);
    assert.deepEqual(sizes(undefined), [128, 72]);
    assert.deepEqual(sizes(TRACED), [128, 128]);
  });

  it("frees the tensors of a batch with the next one, and where the reader stops", () => {
    assert.ok(cpu.tier);
    const before = tf.memory().numTensors;
    for (const { sequences } of all(false)) if (sequences.length > 0) break;
    assert.equal(tf.memory().numTensors, before);
    for (const { sequences } of all(true)) assert.ok(sequences.length > 0);
    assert.equal(tf.memory().numTensors, before);
  });
});
