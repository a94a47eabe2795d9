// Packing: nothing overlaps, is cut or hidden, little is left empty, few shapes.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { familiesOf, placesOf } from "../../../src/model/common_beginnings.ts";
import {
  lengthFacts,
  LONGEST_PACKED,
  packedSize,
  packParts,
  packRows,
  sharesRows,
} from "../../../src/model/pack_rows.ts";
import { lengthOf } from "../../../src/model/token_sequence.ts";
import { checkPacking, randomLengths, samplesOf, textsOf } from "../../support/packed_texts.ts";

describe("packRows()", () => {
  it("fills a row with the longest that still fit: by hand", () => {
    const { rows, time, texts } = packRows(textsOf([30, 13, 20, 32]), { time: 64 });
    assert.deepEqual([rows, time], [2, 64]);
    assert.deepEqual(texts.map(({ row, slot, places }) => [row, slot, places[0], places.length]), [
      [0, 1, 32, 30],
      [1, 1, 20, 13],
      [1, 0, 0, 20],
      [0, 0, 0, 32],
    ]);
  });

  it("writes texts of one prompt as a tree in preorder: by hand", () => {
    const sequences = [[5, 6, 0], [5, 4, 0], [5, 6, 0]].map((continuation) => ({
      prompt: [1, 2],
      continuation,
    }));
    const { rows, texts } = packRows(sequences, { time: 32 });
    assert.equal(rows, 1);
    // 1 2 5 4 0, then 5 6 0 behind 1 2.
    assert.deepEqual(texts, [
      { row: 0, slot: 1, places: [0, 1, 5, 6, 7] },
      { row: 0, slot: 0, places: [0, 1, 2, 3, 4] },
      { row: 0, slot: 1, places: [0, 1, 5, 6, 7] },
    ]);
    const own = packRows(sequences, { time: 32, sharing: false });
    assert.deepEqual(own.texts.map(({ slot, places }) => [slot, places[0]]), [[0, 0], [1, 5], [2, 10]]);
  });

  it("overlaps nothing, cuts nothing and hides nothing, whatever the texts", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const alone = textsOf(randomLengths(seed, 1 + seed * 3, 50)), samples = samplesOf(seed, 1 + seed);
      for (const sharing of [false, true]) {
        checkPacking(alone, packRows(alone, { sharing }));
        checkPacking(samples, packRows(samples, { sharing }));
        checkPacking(samples, packRows(samples, { sharing, time: 32 }));
      }
    }
  });

  it("fills rows of texts like the preset demo's to nine tenths, where a row for each would be half empty", () => {
    const lengths = randomLengths(1, 64, 22).map((length) => length + 14);
    const { rows, time } = packRows(textsOf(lengths)),
      used = lengths.reduce((sum, length) => sum + length, 0);
    assert.ok(used / (rows * time) > 0.88, `${used} of ${rows} x ${time}`);
  });

  it("needs few places more than all families together, though rows cut some of them", () => {
    const samples = samplesOf(1, 32), { rows, time } = packRows(samples);
    const least = familiesOf(samples).reduce((sum, family) => sum + placesOf(family), 0);
    const tokens = samples.reduce((sum, sample) => sum + lengthOf(sample), 0);
    assert.ok(rows * time < 1.25 * least, `${rows} x ${time} for ${least}`);
    assert.ok(rows * time < 0.85 * tokens, `${rows} x ${time} for ${tokens} tokens`);
  });

  it("takes no more rows for common beginnings, however little they save", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const texts = randomLengths(seed, 64, 22).map((length, i) => ({
        prompt: [1, 2],
        continuation: Array.from({ length: length + 12 }, () => 10 + i),
      }));
      assert.ok(packRows(texts).rows <= packRows(texts, { sharing: false }).rows);
      checkPacking(texts, packRows(texts));
    }
  });

  it("comes in few shapes, never smaller than asked, and refuses what is longer than a row", () => {
    const shapes = new Map<string, number>();
    for (let seed = 0; seed < 200; seed++) {
      const { rows, time } = packRows(textsOf(randomLengths(seed, 64, 22).map((length) => length + 14)));
      shapes.set(`${rows} x ${time}`, 1 + (shapes.get(`${rows} x ${time}`) ?? 0));
    }
    const often = Array.from(shapes.values()).sort((a, b) => b - a).slice(0, 3);
    assert.ok(often.reduce((sum, count) => sum + count, 0) >= 196, Array.from(shapes).join(" "));
    const { rows, time } = packRows(textsOf([3, 3]), { rows: 20, time: 33 });
    assert.deepEqual([rows, time], [20, 33]);
    // Three and a half means, or the longest.
    assert.deepEqual([packRows(textsOf([16, 30])).time, packRows(textsOf([2, 30])).time], [96, 64]);
    assert.equal(packRows(textsOf([LONGEST_PACKED])).time, LONGEST_PACKED);
    const many = packRows(textsOf(Array.from({ length: 9 }, () => 1)));
    assert.ok(many.rows >= 9 / many.slots);
    assert.throws(
      () => packRows(textsOf([3, 9]), { time: 8 }),
      /sequence 1 is longer than a row of 8 tokens/,
    );
    assert.throws(
      () => packRows([...textsOf([3]), { prompt: [], continuation: [] }]),
      /sequence 1 has no token/,
    );
  });
});

describe("packParts()", () => {
  it("cuts what is packed together into parts of nearly equal size, every sequence once", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const lengths = randomLengths(seed, 256, 22).map((length) => length + 14), texts = textsOf(lengths);
      const parts = packParts(texts, 4), sizes = parts.map(({ packed }) => packed.rows);
      const seen = parts.flatMap(({ sequences }) => sequences);
      assert.equal(sizes.length, 4);
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, sizes.join(" "));
      assert.deepEqual(seen.toSorted((a, b) => a - b), lengths.map((_, i) => i));
      for (const { sequences, packed } of parts) {
        checkPacking(sequences.map((i) => texts[i]), packed);
        const used = sequences.reduce((sum, i) => sum + lengths[i], 0);
        assert.ok(used / (packed.rows * packed.time) > 0.85, `${used} of ${packed.rows} x ${packed.time}`);
      }
    }
  });

  it("makes fewer parts where there are fewer rows", () => {
    const parts = (lengths: number[], most: number) => packParts(textsOf(lengths), most);
    assert.deepEqual(parts([3, 4, 5], 4).map(({ packed }) => packed.rows), [1]);
    assert.deepEqual(parts([60, 60, 60, 2], 8).map(({ sequences }) => sequences), [[0, 1, 3], [2]]);
  });
});

describe("sharesRows()", () => {
  it("leaves long sequences their own rows, and those that fill them", () => {
    const asked = (lengths: number[]) => sharesRows(lengthFacts(lengths));
    assert.deepEqual(lengthFacts([10, 20]), { longest: 20, mean: 15 });
    assert.ok(asked([10, 20]));
    assert.ok(!asked([18, 20]));
    assert.ok(asked([10, 10, LONGEST_PACKED]));
    assert.ok(!asked([10, 10, LONGEST_PACKED + 1]));
    // Two of 120 tokens do not fit into the longest row there is.
    assert.ok(!asked([...Array.from({ length: 63 }, () => 120), 200]));
    assert.deepEqual(lengthFacts(Array.from({ length: 300_000 }, () => 3)), { longest: 3, mean: 3 });
    assert.deepEqual(lengthFacts([]), { longest: 0, mean: 0 });
  });
});

describe("packedSize()", () => {
  it("knows from mean and longest what packing gives, to two of its steps", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const lengths = randomLengths(seed, 64, 30).map((length) => length + 8);
      const { rows, time } = packRows(textsOf(lengths)),
        mean = lengths.reduce((sum, length) => sum + length, 0) / 64;
      const planned = packedSize(64, { longest: Math.max(...lengths), mean });
      assert.equal(planned.time, time);
      assert.ok(Math.abs(planned.rows - rows) <= 4, `${planned.rows} for ${rows}`);
    }
    assert.equal(packedSize(5, { longest: 224, mean: 224 }).rows, 5);
  });
});
