// Rotary positions against the formula written out.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed, normals } from "../../../src/base/random.ts";
import { numRotated, rotaryTables, rotate } from "../../../src/model/rotary.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";

const HEAD = 10, SHARE = 0.6, TIME = 5;

/** Rotated vectors of one head, [time, head]. */
function rotated(vectors: readonly number[][]): number[][] {
  return tf.tidy(() => {
    const { cosines, sines, halfTurn } = rotaryTables({
      headSize: HEAD,
      rotaryShare: SHARE,
      rotaryBase: 10_000,
    }, vectors.length);
    const x = tf.tensor4d([[vectors.map((vector) => [...vector])]]);
    const out = Array.from(rotate(x, cosines, sines, halfTurn).dataSync());
    return vectors.map((_, t) => out.slice(t * HEAD, (t + 1) * HEAD));
  });
}

describe("rotate()", () => {
  useCpuTier();
  const numbers = Array.from(normals(keyFromSeed(1), TIME * HEAD));
  const vectors = Array.from({ length: TIME }, (_, t) => numbers.slice(t * HEAD, (t + 1) * HEAD));

  it("turns pair (i, i + half) by position · 10000^(−2i/rotated), and leaves the rest", () => {
    // 0.6 of 10 features are 6: pairs (0, 3), (1, 4), (2, 5).
    const result = rotated(vectors);
    vectors.forEach((vector, position) => {
      const wanted = [...vector];
      for (let i = 0; i < 3; i++) {
        const angle = position * 10_000 ** (-2 * i / 6), a = vector[i], b = vector[i + 3];
        wanted[i] = a * Math.cos(angle) - b * Math.sin(angle);
        wanted[i + 3] = b * Math.cos(angle) + a * Math.sin(angle);
      }
      wanted.forEach((value, i) =>
        assert.ok(Math.abs(result[position][i] - value) < 1e-5, `${position}, ${i}`)
      );
    });
  });

  it("makes products depend on distance alone", () => {
    const [first, second] = vectors;
    const products = Array.from({ length: 3 }, (_, shift) => {
      const at = Array.from(
        { length: TIME },
        (_, t) => t === shift ? first : t === shift + 2 ? second : vectors[4],
      );
      const turned = rotated(at);
      return turned[shift].reduce((sum, value, i) => sum + value * turned[shift + 2][i], 0);
    });
    products.forEach((product) => assert.ok(Math.abs(product - products[0]) < 1e-5));
  });
});

describe("numRotated()", () => {
  it("is even and at most the share", () => {
    assert.deepEqual(
      [[24, 0.25], [12, 0.25], [8, 1], [7, 1], [8, 0]].map(([head, share]) => numRotated(head, share)),
      [
        6,
        2,
        8,
        6,
        0,
      ],
    );
  });
});
