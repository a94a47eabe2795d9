// What --growth measures: three works along five axes, one size changed at a time, and what the arithmetic of each point is.
import type { BenchModel, WorkSpec } from "./bench_protocol.ts";

export const GROWTH_WORKS = ["training", "generation", "scoring"] as const;
export type GrowthWork = (typeof GROWTH_WORKS)[number];

export interface GrowthSize extends Omit<BenchModel, "heads" | "positions"> {
  length: number;
  batch: number;
}
export type GrowthAxis = "length" | "batch" | "hidden" | "vocabulary" | "layers";

/** The point that all axes go through. */
const CENTRE: GrowthSize = { length: 128, batch: 8, hidden: 128, vocabulary: 2048, layers: 4 };

export const GROWTH_AXES: Readonly<Record<GrowthAxis, { about: string; sizes: readonly number[] }>> = {
  length: { about: "sequence length", sizes: [64, 128, 256, 512, 1024] },
  batch: { about: "batch", sizes: [2, 8, 32, 128] },
  hidden: { about: "width", sizes: [64, 128, 256, 512] },
  vocabulary: { about: "vocabulary", sizes: [512, 2048, 8192, 32_768] },
  layers: { about: "depth", sizes: [1, 2, 4, 8] },
};

export function growthSize(axis: GrowthAxis, size: number): GrowthSize {
  return { ...CENTRE, [axis]: size };
}

/** Tokens that generation writes behind its prompt. */
const NEW_TOKENS = 32;
/** Features of a head, at every width. */
const HEAD = 32;

export function growthSpec(
  work: GrowthWork,
  { length, batch, hidden, vocabulary, layers }: GrowthSize,
): WorkSpec {
  const model = { layers, hidden, heads: hidden / HEAD, vocabulary, positions: 1024 };
  switch (work) {
    case "training":
      return { kind: "training", model, batch, time: length };
    case "scoring":
      return { kind: "scoring", model, sequences: batch, time: length };
    case "generation":
      return {
        kind: "rollout",
        model,
        prompts: batch,
        samplesPerPrompt: 1,
        promptTokens: length - NEW_TOKENS,
        newTokens: NEW_TOKENS,
      };
    default:
      return work satisfies never;
  }
}

/**
 * Multiplications and additions of a call. A token costs 2 for each weight of the blocks, 4 · hidden · keys for attention in
 * each layer, and 2 · hidden · vocabulary where it gets logits; backward costs twice forward. A reward is read at a text's end, so in the
 * last layer the other tokens get queries, keys and values alone.
 */
export function growthFlops(
  work: GrowthWork,
  { length, batch, hidden, vocabulary, layers }: GrowthSize,
): number {
  const logits = 2 * hidden * vocabulary;
  const projections = 6 * hidden ** 2, block = (keys: number) => 24 * hidden ** 2 + 4 * hidden * keys;
  const blocks = (keys: number) => layers * block(keys);
  switch (work) {
    case "training":
      return 3 * batch * length * (blocks(length) + logits);
    case "scoring":
      return batch * (length * (layers - 1) * block(length) + (length - 1) * projections + block(length));
    case "generation": {
      const prompt = length - NEW_TOKENS;
      return batch * (prompt * blocks(prompt) + NEW_TOKENS * (blocks(length) + logits));
    }
    default:
      return work satisfies never;
  }
}

/**
 * Numbers that a call must hold, four bytes each, with nothing that is quadratic in the length: weights (with gradient and
 * moments in training), what backward needs of each token, logits, keys and values.
 */
export function growthBytes(
  work: GrowthWork,
  { length, batch, hidden, vocabulary, layers }: GrowthSize,
): number {
  const weights = layers * 12 * hidden ** 2 + 2 * vocabulary * hidden, tokens = batch * length;
  switch (work) {
    case "training":
      return 4 * (4 * weights + tokens * (layers * 16 * hidden + 3 * vocabulary));
    case "scoring":
      return 4 * (weights + tokens * 8 * hidden);
    case "generation":
      return 4 * (weights + tokens * (2 * layers + 8) * hidden + 3 * batch * vocabulary);
    default:
      return work satisfies never;
  }
}
