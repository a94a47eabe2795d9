// Families: which texts begin alike, and how many places they take one after the other.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed, uniforms } from "../../../src/base/random.ts";
import { familiesOf, lonelyFamilies, placesOf } from "../../../src/model/common_beginnings.ts";

const of = (prompt: number[], continuation: number[]) => ({ prompt, continuation });

describe("familiesOf()", () => {
  it("puts texts of one prompt in lexical order, each with what the one before it has too: by hand", () => {
    const texts = [of([1, 2], [5, 6, 0]), of([3], [9]), of([1, 2], [5, 4, 0]), of([1, 2], [5, 6, 7, 0])];
    const families = familiesOf([...texts, texts[0]]);
    assert.deepEqual(
      families.map((family) => family.map(({ sequences, shared }) => ({ sequences, shared }))),
      [
        [
          { sequences: [2], shared: 0 },
          // 1, 2 and 5 are common; 5 stands twice, for it predicts 4 there and 6 here.
          { sequences: [0, 4], shared: 2 },
          { sequences: [3], shared: 3 },
        ],
        [{ sequences: [1], shared: 0 }],
      ],
    );
    assert.deepEqual(families.map(placesOf), [5 + 3 + 3, 2]);
  });

  it("gives a text that begins another a last place of its own: nothing follows there", () => {
    const [family] = familiesOf([of([1], [2, 3]), of([1], [2])]);
    assert.deepEqual(family.map(({ tokens, shared }) => [tokens, shared]), [[[1, 2], 0], [[1, 2, 3], 1]]);
    assert.equal(placesOf(family), 4);
  });

  it("shares nothing where nothing begins alike, and nothing between prompts or boundaries", () => {
    const apart = familiesOf([of([1, 2], [3]), of([1], [2, 3]), of([], [1]), of([], [2])]);
    assert.deepEqual(apart.map((family) => family.length), [1, 1, 1, 1]);
    assert.equal(lonelyFamilies([of([1], [2]), of([1], [2])]).length, 2);
  });

  it("never needs more places than the texts have tokens, and as many as different (beginning, next) pairs and ends", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const numbers = uniforms(keyFromSeed(seed), 80);
      const sequences = Array.from({ length: 12 }, (_, i) =>
        of(
          [1, 2],
          Array.from(numbers.subarray(6 * i, 6 * i + 1 + i % 6), (u) => 3 + Math.floor(2 * u)),
        ));
      const [family] = familiesOf(sequences), pairs = new Set<string>();
      for (const { prompt, continuation } of sequences) {
        const tokens = [...prompt, ...continuation];
        tokens.forEach((_, t) =>
          pairs.add(tokens.slice(0, t + 2).concat(t + 1 === tokens.length ? -1 : []).join())
        );
      }
      assert.equal(placesOf(family), pairs.size);
    }
  });
});
