// When texts share rows: where it saves work, compared with rows of their own as they would be made.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { packParts, packRows } from "../../../src/model/pack_rows.ts";
import { sharedShape, shouldShareRows } from "../../../src/model/row_sharing.ts";
import type { TokenSequence } from "../../../src/model/token_sequence.ts";
import { checkPacking, textsOf } from "../../support/packed_texts.ts";

describe("shouldShareRows()", () => {
  it("says so where texts badly fill rows of their own, or where long beginnings are common", () => {
    assert.ok(shouldShareRows(textsOf([10, 20])));
    assert.ok(!shouldShareRows(textsOf([20, 20, 20, 20])));
    const prompt = Array.from({ length: 40 }, (_, t) => t);
    const samples = [1, 2, 3, 4].map((token) => ({ prompt, continuation: [token, token, 0] }));
    assert.ok(shouldShareRows(samples));
    assert.ok(!shouldShareRows(samples, { sharing: false }));
    const withPrompt = (length: number) =>
      samples.map((sample) => ({ ...sample, prompt: Array.from({ length }, () => 3) }));
    assert.ok(shouldShareRows(withPrompt(400)));
    assert.deepEqual([packRows(withPrompt(400)).rows, packRows(withPrompt(400)).time], [1, 448]);
    checkPacking(withPrompt(400), packRows(withPrompt(400)));
    assert.ok(!shouldShareRows(withPrompt(1100)));
    // Two of 160 tokens do not fit into the longest row, though they would save a fifth of their tokens.
    const wide = [1, 2, 3, 4].map((token) => ({
      prompt: Array.from({ length: 60 }, () => 3),
      continuation: Array.from({ length: 100 }, () => token),
    }));
    assert.ok(!shouldShareRows(wide));
  });
});

/** `count` texts of one prompt that go apart at once. */
function branches(
  prompt: number,
  count: number,
  { shared, own }: { shared: number; own: number },
): TokenSequence[] {
  return Array.from({ length: count }, (_, i) => ({
    prompt: Array.from({ length: shared }, () => prompt),
    continuation: Array.from({ length: own }, () => 1000 + i),
  }));
}

describe("shouldShareRows() of parts", () => {
  it("compares with own rows as they would be cut: those of like length together", () => {
    const short = Array.from({ length: 15 }, (_, i) => branches(i, 4, { shared: 240, own: 60 })).flat();
    const mixed = [...short, ...branches(99, 4, { shared: 900, own: 100 })];
    assert.ok(shouldShareRows(short, { size: 4 }));
    assert.ok(!shouldShareRows(mixed, { size: 4 }));
  });

  it("makes no row longer than a part of own rows is large", () => {
    const samples = branches(3, 8, { shared: 400, own: 40 });
    assert.ok(shouldShareRows(samples, { size: 4 }));
    assert.ok(!shouldShareRows(samples, { size: 1 }));
    assert.ok(packParts(samples, 2).every(({ packed }) => packed.time <= 4 * 440));
  });

  it("lets one large family not lengthen all rows", () => {
    const pairs = Array.from({ length: 30 }, (_, i) => branches(i, 2, { shared: 200, own: 60 })).flat();
    const { time } = packRows(pairs);
    assert.equal(packRows([...pairs, ...branches(77, 5, { shared: 200, own: 60 })]).time, time);
  });
});

describe("sharedShape()", () => {
  it("is one shape for parts that are packed one by one", () => {
    const parts = [3, 4].map((prompt) => branches(prompt, 4, { shared: 400, own: 3 }));
    assert.deepEqual(sharedShape(parts), { rows: 1, time: 448 });
    assert.deepEqual(sharedShape([textsOf([10, 20]), textsOf([4, 30])]), { rows: 1, time: 64 });
  });

  it("leaves parts own rows where only different parts begin alike, or where rows would be too long", () => {
    const demonstrations = [3, 4].map((prompt) => branches(prompt, 8, { shared: 20, own: 10 }));
    const parts = Array.from({ length: 8 }, (_, i) => [demonstrations[0][i], demonstrations[1][i]]);
    assert.equal(sharedShape(parts), undefined);
    assert.equal(sharedShape([branches(3, 4, { shared: 1100, own: 3 })]), undefined);
  });
});
