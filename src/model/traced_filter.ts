// Top-k and top-p inside a compiled program: drawing from the kept tokens of every row without sorting the vocabulary.
// The least kept weight is found by closing a bracket around it; with top-k, only among the blocks of tokens that can hold the
// k largest. Tokens are taken in the order of their ids, so that a filter that keeps all changes no draw.
import * as tf from "@tensorflow/tfjs-core";
import type { TracedOperations } from "../compute/tier.ts";
import { leastByCount, leastByMass } from "./traced_roots.ts";
import { type Drawn, pickByInverse, rowSums } from "./traced_draw.ts";

/** Tokens of a block, and how many blocks are kept at least. */
const BLOCK = 64, LEAST_BLOCKS = 64;
/** A logit without probability. */
const MASKED = -1e30;

/** What a program is made for. */
export interface FilterProgram {
  isTopK: boolean;
  isTopP: boolean;
  /** So many blocks with the largest maxima go on, which hold the k largest for each k up to this; 0: all tokens go on. */
  blocks: number;
}

/** The program for a filter of so many tokens; undefined where all are kept. */
export function filterProgram(
  { topK, topP }: { topK: number; topP: number },
  vocabularySize: number,
): FilterProgram | undefined {
  if (topK === 0 && topP === 1) return undefined;
  const blocks = Math.max(LEAST_BLOCKS, 2 ** Math.ceil(Math.log2(Math.max(1, topK))));
  const isCut = topK > 0 && blocks < vocabularySize / BLOCK;
  return { isTopK: topK > 0, isTopP: topP < 1, blocks: isCut ? blocks : 0 };
}

/** Arguments of a program that filters: changing them makes no new one. */
export interface FilterArguments {
  /** float32 scalar, 1 to `blocks` where there are any */
  topK: tf.Tensor;
  /** 1 − p, scalar: made on the host, where it is exact for p next to 1. */
  rest: tf.Tensor;
}

/**
 * The first kept token whose cumulated kept probability exceeds u of its whole, and its log-probability among all tokens.
 *
 * @param logits [rows, vocab]
 * @param uniform [rows], in [0, 1)
 */
export function drawFilteredByInverse(
  logits: tf.Tensor,
  uniform: tf.Tensor,
  { program, traced, topK, rest }: FilterArguments & {
    program: FilterProgram;
    traced: Pick<TracedOperations, "loop">;
  },
): Drawn {
  const [rows] = logits.shape;
  const { candidates, blocks } = candidatesOf(logits, program.blocks);
  const peak = tf.max(candidates, 1, true);
  let weights: tf.Tensor = tf.exp(tf.sub(candidates, peak));
  const keep = (least: tf.Tensor) =>
    tf.where(tf.greaterEqual(weights, least), weights, tf.zerosLike(weights));
  if (program.isTopK) weights = keep(leastByCount(weights, { topK, traced }));
  if (program.isTopP) weights = keep(leastByMass(weights, { rest, traced }));
  const { token: place } = pickByInverse(weights, uniform);
  const token = blocks === undefined ? place : tokenAt(place, blocks);
  const chosen = tf.gatherND(logits, tf.stack([tf.range(0, rows, 1, "int32"), token], 1));
  const whole = rowSums(logits, (part) => tf.exp(tf.sub(part, peak)));
  return { token, logProbability: tf.sub(chosen, tf.reshape(tf.add(peak, tf.log(whole)), [rows])) };
}

/**
 * Logits of `count` blocks a row, those with the largest maxima, in the order of ids: [rows, count · BLOCK]. And which blocks:
 * [rows, count], int32. The k ≤ count largest of a row are among them, for a block in front of a block that holds one holds one.
 */
function candidatesOf(logits: tf.Tensor, count: number): { candidates: tf.Tensor; blocks?: tf.Tensor } {
  const [rows, vocab] = logits.shape, all = Math.ceil(vocab / BLOCK);
  if (count === 0) return { candidates: logits };
  const padded = all * BLOCK === vocab
    ? logits
    : tf.pad(tf.reshape(logits, [rows, vocab]), [[0, 0], [0, all * BLOCK - vocab]], MASKED);
  const { indices } = tf.topk(tf.max(tf.reshape(padded, [rows, all, BLOCK]), 2), count);
  const blocks = tf.cast(tf.neg(tf.topk(tf.neg(tf.cast(indices, "float32")), count).values), "int32");
  const starts = tf.mul(tf.reshape(tf.range(0, rows, 1, "int32"), [rows, 1]), tf.scalar(all, "int32"));
  const places = tf.reshape(tf.add(blocks, starts), [-1]);
  const candidates = tf.gather(tf.reshape(padded, [rows * all, BLOCK]), places);
  return { candidates: tf.reshape(candidates, [rows, count * BLOCK]), blocks };
}

/** The token at a place among candidates: [rows] → [rows], int32. */
function tokenAt(place: tf.Tensor, blocks: tf.Tensor): tf.Tensor {
  const [rows] = place.shape, size = tf.scalar(BLOCK, "int32");
  const inBlocks = tf.floorDiv(place, size);
  const block = tf.gatherND(blocks, tf.stack([tf.range(0, rows, 1, "int32"), inBlocks], 1));
  return tf.add(tf.mul(block, size), tf.sub(place, tf.mul(inBlocks, size)));
}
