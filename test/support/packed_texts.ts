// Made-up texts for tests of packing, and what every packing must hold.
import assert from "node:assert/strict";
import { keyFromSeed, uniforms } from "../../src/base/random.ts";
import type { PackedRows } from "../../src/model/pack_rows.ts";
import { type TokenSequence, tokensOf } from "../../src/model/token_sequence.ts";

export function randomLengths(seed: number, count: number, most: number): number[] {
  return Array.from(uniforms(keyFromSeed(seed), count), (share) => 1 + Math.floor(share * most));
}

/** Texts of these lengths, each with a prompt of its own. */
export function textsOf(lengths: readonly number[]): TokenSequence[] {
  return lengths.map((length, i) => ({
    prompt: [100 + i],
    continuation: Array.from({ length: length - 1 }, () => 4),
  }));
}

/** Eight samples of each prompt that go apart early or late. */
export function samplesOf(seed: number, prompts: number): TokenSequence[] {
  const lengths = randomLengths(seed, 8 * prompts, 12),
    tokens = uniforms(keyFromSeed(seed + 1000), 400 * prompts);
  return lengths.map((length, i) => ({
    prompt: [100 + Math.floor(i / 8), 1, 2],
    continuation: [
      ...Array.from(
        tokens.subarray(i * 20, i * 20 + 10 + length),
        (u, t) => u < 0.9 ? 20 + t : 3 + Math.floor(10 * u),
      ),
      0,
    ],
  }));
}

/**
 * Every token stands in its row at one place or more, at each place one token with one next token, and what is visible from a text's
 * last token by the rule of sight is the text.
 */
export function checkPacking(
  sequences: readonly TokenSequence[],
  { rows, time, slots, texts }: PackedRows,
): void {
  const at = new Map<number, { token: number; next: number | undefined; until: number }>();
  const ends = new Map<number, string>();
  sequences.forEach((sequence, i) => {
    const { row, slot, places } = texts[i], tokens = tokensOf(sequence), end = places[places.length - 1];
    assert.equal(places.length, tokens.length);
    assert.ok(row < rows && slot < slots && end < time);
    assert.equal(ends.get(row * slots + slot) ?? tokens.join(), tokens.join());
    ends.set(row * slots + slot, tokens.join());
    places.forEach((place, t) => {
      assert.ok(t === 0 || place > places[t - 1]);
      const known = at.get(row * time + place), next = tokens[t + 1];
      if (known !== undefined) assert.deepEqual([known.token, known.next], [tokens[t], tokens[t + 1]]);
      at.set(row * time + place, { token: tokens[t], next, until: Math.max(known?.until ?? 0, end + 1) });
    });
  });
  sequences.forEach((sequence, i) => {
    const { row, places } = texts[i], end = places[places.length - 1], seen: number[] = [];
    for (let place = 0; place <= end; place++) {
      const known = at.get(row * time + place);
      if (known !== undefined && end < known.until) seen.push(known.token);
    }
    assert.deepEqual(seen, tokensOf(sequence));
  });
}
