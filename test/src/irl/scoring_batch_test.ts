// How many sequences are scored together.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import {
  inScoringBatches,
  longestSequence,
  type ScoringBatch,
  scoringBatch,
} from "../../../src/irl/scoring_batch.ts";
import { tokensOf } from "../../../src/model/token_sequence.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import * as tf from "@tensorflow/tfjs-core";
import { TINY_SHAPE } from "../../support/tiny_model.ts";

describe("scoringBatch()", () => {
  it("is 64 for small models, and a power of two that keeps logits below 512 MB for large ones", () => {
    assert.equal(scoringBatch(TINY_SHAPE, 32), 64);
    const large = { ...TINY_SHAPE, vocabularySize: 50_000, maxPositions: 2048 };
    // 2^27 numbers hold 26.8 sequences of 100 tokens.
    assert.equal(scoringBatch(large, 100), 16);
    assert.equal(scoringBatch({ ...large, head: "reward" }, 100), 64);
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

describe("inScoringBatches()", () => {
  const cpu = useCpuTier();
  // Only asked whether it is there.
  const TRACED = { loop: () => [], writeSlice: (target: tf.Tensor) => target };
  const SEQUENCES = Array.from({ length: 300 }, (_, i) => ({
    prompt: [3 + i % 5],
    continuation: Array.from({ length: 1 + i * 7 % 23 }, () => 4),
  }));
  type Seen = Pick<ScoringBatch, "rows" | "sequences" | "batch">;
  const batches = async (sequences: typeof SEQUENCES, isTraced: boolean, lanes = 1): Promise<Seen[]> => {
    const seen: Seen[] = [], tier = { traced: isTraced ? TRACED : undefined, lanes };
    await inScoringBatches(tier, TINY_SHAPE, { sequences, padId: 1 }, (batch) => {
      assert.deepEqual(batch.tensors.tokens.shape, [batch.batch.batch, batch.batch.time]);
      seen.push(batch);
      return Promise.resolve();
    });
    return seen;
  };

  it("gives each sequence once, at its place and under its number, in few shapes", async () => {
    for (const [isTraced, lanes] of [[false, 1], [true, 1], [true, 2]] as const) {
      const seen: number[] = [], shapes = new Set<string>();
      for (const { rows, sequences, batch } of await batches(SEQUENCES, isTraced, lanes)) {
        sequences.forEach((sequence, i) => {
          const places = Array.from(batch.places[i]), last = places[places.length - 1];
          assert.equal(sequence, SEQUENCES[rows[i]]);
          assert.deepEqual(places.map((at) => batch.tokens[at]), tokensOf(sequence));
          assert.equal(batch.ends[batch.slotIndex[i]], last % batch.time);
        });
        seen.push(...rows);
        shapes.add(`${batch.batch} ${batch.time} ${batch.slotIndex.length}`);
      }
      assert.deepEqual(seen.toSorted((a, b) => a - b), SEQUENCES.map((_, i) => i));
      assert.ok(shapes.size <= 2, Array.from(shapes).join(", "));
    }
  });

  it("gives long sequences one shape where shapes are compiled", async () => {
    const sequences = Array.from({ length: 200 }, (_, i) => ({ prompt: [3 + i], continuation: [4] }));
    sequences[7].continuation.push(...Array.from({ length: 250 }, () => 5));
    const sizes = async (isTraced: boolean) =>
      (await batches(sequences, isTraced)).map(({ batch }) => batch.batch);
    assert.deepEqual(await sizes(false), [64, 64, 64, 8]);
    assert.deepEqual(await sizes(true), [64, 64, 64, 64]);
  });

  it("frees the tensors of a batch behind it, also where the work fails", async () => {
    assert.ok(cpu.tier);
    const before = tf.memory().numTensors;
    await batches(SEQUENCES, true);
    assert.equal(tf.memory().numTensors, before);
    const failing = () => Promise.reject(new Error("no score"));
    const asked = { sequences: SEQUENCES, padId: 1 };
    await assert.rejects(inScoringBatches({ lanes: 2 }, TINY_SHAPE, asked, failing), /no score/);
    assert.equal(tf.memory().numTensors, before);
  });
});
