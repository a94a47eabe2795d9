// The enumeration oracle: vocabulary 3, length 2, so 9 continuations a prompt; every expectation of the paper is a short sum.
import { keyFromSeed, normals, splitKey, uniforms } from "../../src/base/random.ts";
import type { EnumeratedPrompt } from "../../src/math/surrogate_objective.ts";

export const VOCABULARY = 3, LENGTH = 2, NUM_CONTINUATIONS = VOCABULARY ** LENGTH;

/** The two tokens of continuation y. */
export function tokensOf(y: number): [number, number] {
  return [Math.floor(y / VOCABULARY), y % VOCABULARY];
}

export function softmax(logits: readonly number[]): number[] {
  const highest = Math.max(...logits), weights = logits.map((logit) => Math.exp(logit - highest));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

/** Probabilities of the 9 continuations under 12 logits: 3 of the first token, then 3 of the second after each first. */
export function sequencePolicy(logits: ArrayLike<number>): number[] {
  const rows = Array.from(
    { length: VOCABULARY + 1 },
    (_, row) => softmax(Array.from({ length: VOCABULARY }, (_, i) => logits[row * VOCABULARY + i])),
  );
  return Array.from({ length: NUM_CONTINUATIONS }, (_, y) => {
    const [first, second] = tokensOf(y);
    return rows[0][first] * rows[first + 1][second];
  });
}

/** Standard normal numbers, the same for the same seed and label. */
export function randomNumbers(seed: number, label: string, count: number): number[] {
  return Array.from(normals(splitKey(keyFromSeed(seed), label), count));
}

/** A policy over the 9 continuations with full support. */
export function randomPolicy(seed: number, label: string): number[] {
  return sequencePolicy(randomNumbers(seed, label, (VOCABULARY + 1) * VOCABULARY));
}

/** Two prompts with a share of .4 and .6; demonstrations cover some continuations only, as real ones do. */
export function enumeratedProblem(seed: number): EnumeratedPrompt[] {
  const promptShares = [0.4, 0.6];
  return promptShares.map((promptShare, x) => {
    const drawn = Array.from(uniforms(splitKey(keyFromSeed(seed), "demonstrations", x), NUM_CONTINUATIONS));
    const counts = drawn.map((u) => Math.floor(4 * u * u)), total = counts.reduce((a, b) => a + b, 0) + 1;
    return {
      promptShare,
      // At least one demonstration a prompt; the prompts' shares in D are those of μ.
      demonstrationShares: counts.map((count, y) => promptShare * (count + (y === 4 ? 1 : 0)) / total),
      referencePolicy: randomPolicy(seed, `reference ${x}`),
      rewards: randomNumbers(seed, `rewards ${x}`, NUM_CONTINUATIONS),
    };
  });
}

export const SEEDS: readonly number[] = Array.from({ length: 20 }, (_, seed) => seed);
