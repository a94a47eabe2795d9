// Padding, labels and masks by hand.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { sequenceBatch } from "../../../src/model/sequence_batch.ts";
import { firstEquals, ofEach } from "../../../src/model/token_sequence.ts";

const SEQUENCES = [{ prompt: [5, 6], continuation: [7, 2, 0] }, { prompt: [8], continuation: [0] }];

describe("sequenceBatch()", () => {
  it("pads on the right, shifts labels by one and counts the continuation: by hand", () => {
    assert.deepEqual(sequenceBatch(SEQUENCES, { padId: 1, lengthMultiple: 3 }), {
      batch: 2,
      time: 6,
      tokens: Int32Array.of(5, 6, 7, 2, 0, 1, 8, 0, 1, 1, 1, 1),
      labels: Int32Array.of(6, 7, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0),
      // Position 1 predicts the first continuation token; the last token predicts nothing.
      continuationMask: Float32Array.of(0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0),
      placement: undefined,
      places: [Int32Array.of(0, 1, 2, 3, 4), Int32Array.of(6, 7)],
      slots: 1,
      ends: Int32Array.of(4, 1),
      slotIndex: Int32Array.of(0, 1),
      numTokens: 7,
    });
  });

  it("counts the prompt too where asked, and leaves out uncounted tokens", () => {
    const mask = (options: { promptLoss?: boolean; uncounted?: number[] }) =>
      Array.from(sequenceBatch(SEQUENCES, { padId: 1, lengthMultiple: 5, ...options }).continuationMask);
    assert.deepEqual(mask({ promptLoss: true }), [1, 1, 1, 1, 0, 1, 0, 0, 0, 0]);
    assert.deepEqual(mask({ uncounted: [2] }), [0, 1, 0, 1, 0, 1, 0, 0, 0, 0]);
  });

  it("rounds lengths up to few shapes", () => {
    const timeOf = (length: number) =>
      sequenceBatch([{ prompt: [3], continuation: Array.from({ length: length - 1 }, () => 3) }], {
        padId: 1,
      }).time;
    assert.deepEqual([2, 8, 9, 16, 17].map(timeOf), [8, 8, 16, 16, 24]);
  });

  it("puts short sequences into one row, each out of the others' sight and with its own end: by hand", () => {
    const batch = sequenceBatch(SEQUENCES, { padId: 1, packed: true, sequences: 3 });
    const row = (...values: number[]) => [...values, ...Array.from({ length: 32 - values.length }, () => 0)];
    const until = (...values: number[]) =>
      Array.from({ length: 32 }, (_, place) => values[place] ?? place + 1);
    assert.equal(batch.batch, 1);
    assert.equal(batch.time, 32);
    assert.deepEqual(Array.from(batch.tokens.subarray(0, 8)), [5, 6, 7, 2, 0, 8, 0, 1]);
    assert.deepEqual(Array.from(batch.placement ?? []), [
      ...row(0, 1, 2, 3, 4, 0, 1),
      ...until(5, 5, 5, 5, 5, 7, 7),
    ]);
    // The last token of the first sequence does not predict the first one of the second.
    assert.deepEqual(Array.from(batch.labels), row(6, 7, 2, 0, 0, 0, 0));
    assert.deepEqual(Array.from(batch.continuationMask), row(0, 1, 1, 1, 0, 1));
    assert.deepEqual(batch.places, [Int32Array.of(0, 1, 2, 3, 4), Int32Array.of(5, 6)]);
    assert.deepEqual(batch.ends, Int32Array.of(4, 6, -1, -1, -1, -1));
    assert.deepEqual(batch.slotIndex, Int32Array.of(0, 1, 0));
    assert.equal(batch.numTokens, 7);
  });

  it("writes what begins two texts once, and counts at a token all that share its label: by hand", () => {
    const sequences = [[5, 6, 0], [5, 4, 0], [5, 6, 0]].map((continuation) => ({
      prompt: [1, 2],
      continuation,
    }));
    const batch = sequenceBatch(sequences, { padId: 9, packed: true, promptLoss: true });
    const first = (array: ArrayLike<number>) => Array.from({ length: 9 }, (_, place) => array[place]);
    assert.deepEqual([batch.batch, batch.time], [1, 32]);
    assert.deepEqual(first(batch.tokens), [1, 2, 5, 4, 0, 5, 6, 0, 9]);
    assert.deepEqual(first(batch.labels), [2, 5, 4, 0, 0, 6, 0, 0, 0]);
    assert.deepEqual(first(batch.continuationMask), [3, 3, 1, 1, 0, 2, 2, 0, 0]);
    assert.deepEqual(first(batch.placement ?? []), [0, 1, 2, 3, 4, 2, 3, 4, 0]);
    assert.deepEqual(first(batch.placement?.subarray(32) ?? []), [8, 8, 5, 5, 5, 8, 8, 8, 9]);
    assert.deepEqual(batch.places.map((own) => Array.from(own)), [
      [0, 1, 5, 6, 7],
      [0, 1, 2, 3, 4],
      [0, 1, 5, 6, 7],
    ]);
    assert.deepEqual([batch.ends, batch.slotIndex], [
      Int32Array.of(4, 7, -1, -1, -1, -1),
      Int32Array.of(1, 0, 1),
    ]);
  });

  it("refuses a sequence without a token by its number", () => {
    const sequences = [...SEQUENCES, { prompt: [], continuation: [] }];
    assert.throws(() => sequenceBatch(sequences, { padId: 1 }), /sequence 2 has no token/);
  });
});

describe("firstEquals()", () => {
  it("names the first sequence with the same prompt and continuation, and ofEach() copies its value", () => {
    const sequences = [...SEQUENCES, SEQUENCES[0], { prompt: [5], continuation: [6, 7, 2, 0] }, SEQUENCES[1]];
    const first = firstEquals(sequences);
    assert.deepEqual(first, [0, 1, 0, 3, 1]);
    assert.deepEqual(ofEach(first, ["a", "b", "c"]), ["a", "b", "a", "c", "b"]);
  });
});
