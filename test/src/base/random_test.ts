import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  keyFromSeed,
  normals,
  permutation,
  sampleWithoutReplacement,
  splitKey,
  uniforms,
} from "../../../src/base/random.ts";

describe("uniforms()", () => {
  it("is Philox 4x32-10: the published known answer for counter 0, key 0", () => {
    // Salmon et al. 2011, Random123's kat_vectors: 6627e8d5 e169c58d bc57ac4c 9b00dbd8; we keep the upper 24 bits.
    const wanted = [0x6627e8, 0xe169c5, 0xbc57ac, 0x9b00db].map((bits) => bits / 0x1000000);
    assert.deepEqual([...uniforms("0000000000000000", 4)], wanted);
  });

  it("is a function of the key alone and a prefix of itself", () => {
    const key = keyFromSeed(7);
    assert.deepEqual(uniforms(key, 10), uniforms(key, 100).slice(0, 10));
    assert.notDeepEqual(uniforms(key, 10), uniforms(splitKey(key, "other"), 10));
  });

  it("fills [0, 1) evenly: chi-square of 64 cells under 111 (p = 2e-4 at 63 degrees of freedom)", () => {
    const numDraws = 64_000, cells = new Array<number>(64).fill(0);
    for (const u of uniforms(keyFromSeed(1), numDraws)) cells[Math.floor(u * 64)]++;
    const expected = numDraws / 64;
    const chiSquare = cells.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    assert.ok(chiSquare < 111, `chi-square ${chiSquare}`);
  });
});

describe("splitKey()", () => {
  it("gives 16 hex digits that differ for different labels, in order", () => {
    const key = keyFromSeed(1);
    const keys = [splitKey(key, "a", 1), splitKey(key, "a", 2), splitKey(key, 1, "a"), splitKey(key, "a")];
    assert.equal(new Set(keys).size, 4);
    for (const each of keys) assert.match(each, /^[0-9a-f]{16}$/);
  });
});

describe("normals()", () => {
  it("has mean 0 and variance 1 within four standard errors", () => {
    const drawn = normals(keyFromSeed(3), 100_001);
    const mean = drawn.reduce((a, b) => a + b, 0) / drawn.length;
    const variance = drawn.reduce((a, b) => a + b * b, 0) / drawn.length - mean ** 2;
    assert.ok(Math.abs(mean) < 4 / Math.sqrt(drawn.length), `mean ${mean}`);
    assert.ok(Math.abs(variance - 1) < 4 * Math.sqrt(2 / drawn.length), `variance ${variance}`);
    assert.ok(drawn.every(Number.isFinite));
  });
});

describe("permutation()", () => {
  it("holds every index once, in another order for another key", () => {
    const order = permutation(keyFromSeed(1), 50);
    assert.deepEqual([...order].sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i));
    assert.notDeepEqual(order, permutation(keyFromSeed(2), 50));
  });
});

describe("sampleWithoutReplacement()", () => {
  it("draws distinct items, all of them when more are wanted than there are", () => {
    const items = ["a", "b", "c", "d"];
    assert.equal(new Set(sampleWithoutReplacement(keyFromSeed(1), items, 3)).size, 3);
    assert.deepEqual(sampleWithoutReplacement(keyFromSeed(1), items, 9).sort(), items);
  });
});
