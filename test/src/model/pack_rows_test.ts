// Packing: nothing overlaps or is cut, little is left empty, few shapes.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed, uniforms } from "../../../src/base/random.ts";
import {
  lengthFacts,
  LONGEST_PACKED,
  MOST_IN_ROW,
  packedSize,
  packParts,
  packRows,
  sharesRows,
} from "../../../src/model/pack_rows.ts";

function randomLengths(seed: number, count: number, most: number): number[] {
  return Array.from(uniforms(keyFromSeed(seed), count), (share) => 1 + Math.floor(share * most));
}

describe("packRows()", () => {
  it("puts the longest first, each into the fullest row that has room: by hand", () => {
    const { rows, time, places } = packRows([30, 13, 20, 32], { time: 64 });
    assert.deepEqual([rows, time], [2, 64]);
    assert.deepEqual(places, [
      { row: 0, slot: 1, start: 32 },
      { row: 1, slot: 1, start: 20 },
      { row: 1, slot: 0, start: 0 },
      { row: 0, slot: 0, start: 0 },
    ]);
  });

  it("overlaps nothing and cuts nothing, whatever the lengths", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const lengths = randomLengths(seed, 1 + seed * 3, 50),
        { rows, time, slots, places } = packRows(lengths);
      const taken = new Set<number>(), ends = new Set<number>();
      places.forEach(({ row, slot, start }, i) => {
        assert.ok(row < rows && slot < slots && start + lengths[i] <= time);
        assert.ok(!ends.has(row * slots + slot));
        ends.add(row * slots + slot);
        for (let t = start; t < start + lengths[i]; t++) {
          assert.ok(!taken.has(row * time + t));
          taken.add(row * time + t);
        }
      });
    }
  });

  it("fills rows of texts like the preset demo's to nine tenths, where a row for each would be half empty", () => {
    const lengths = randomLengths(1, 64, 22).map((length) => length + 14);
    const { rows, time } = packRows(lengths), used = lengths.reduce((sum, length) => sum + length, 0);
    assert.ok(used / (rows * time) > 0.88, `${used} of ${rows} x ${time}`);
  });

  it("comes in few shapes, never smaller than asked", () => {
    const shapes = new Set(
      Array.from(
        { length: 200 },
        (_, seed) => packRows(randomLengths(seed, 64, 22).map((length) => length + 14)).rows,
      ),
    );
    assert.ok(shapes.size <= 4, Array.from(shapes).join(" "));
    const { rows, time } = packRows([3, 3], { rows: 20, time: 33 });
    assert.deepEqual([rows, time], [20, 33]);
    // Three and a half means, or the longest.
    assert.deepEqual([packRows([20, 30]).time, packRows([2, 30]).time], [96, 64]);
    assert.equal(packRows([LONGEST_PACKED]).time, LONGEST_PACKED);
    assert.ok(packRows(Array.from({ length: 9 }, () => 1)).rows >= 9 / MOST_IN_ROW);
  });
});

describe("packParts()", () => {
  it("cuts what is packed together into parts of nearly equal size, every sequence once", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const lengths = randomLengths(seed, 256, 22).map((length) => length + 14),
        parts = packParts(lengths, 4);
      const sizes = parts.map(({ packed }) => packed.rows),
        seen = parts.flatMap(({ sequences }) => sequences);
      assert.equal(sizes.length, 4);
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, sizes.join(" "));
      assert.deepEqual(seen.toSorted((a, b) => a - b), lengths.map((_, i) => i));
      for (const { sequences, packed } of parts) {
        const ends = packed.places.map(({ row, start }, i) =>
          row * packed.time + start + lengths[sequences[i]]
        );
        const used = packed.places.reduce((sum, _, i) => sum + lengths[sequences[i]], 0);
        assert.ok(ends.every((end) => end <= packed.rows * packed.time));
        assert.ok(used / (packed.rows * packed.time) > 0.85, `${used} of ${packed.rows} x ${packed.time}`);
      }
    }
  });

  it("makes fewer parts where there are fewer rows", () => {
    assert.deepEqual(packParts([3, 4, 5], 4).map(({ packed }) => packed.rows), [1]);
    assert.deepEqual(packParts([60, 60, 60, 2], 8).map(({ sequences }) => sequences), [[0, 1, 3], [2]]);
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
      const { rows, time } = packRows(lengths), mean = lengths.reduce((sum, length) => sum + length, 0) / 64;
      const planned = packedSize(64, { longest: Math.max(...lengths), mean });
      assert.equal(planned.time, time);
      assert.ok(Math.abs(planned.rows - rows) <= 4, `${planned.rows} for ${rows}`);
    }
    assert.equal(packedSize(5, { longest: 224, mean: 224 }).rows, 5);
  });
});
