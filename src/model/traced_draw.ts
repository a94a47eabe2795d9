// Drawing a token of every row inside a compiled program: inverse transform sampling in two levels.
// The plain way (inverse_draw.ts) cumulates over the whole vocabulary, which XLA does slowly; the tokens are the same.
import * as tf from "@tensorflow/tfjs-core";

/** [rows] each. */
export interface Drawn {
  /** int32 */
  token: tf.Tensor;
  /** nats */
  logProbability: tf.Tensor;
}

/**
 * The first token whose cumulated probability exceeds u. A token without probability is never drawn.
 *
 * @param logits [rows, vocab]
 * @param uniform [rows], in [0, 1)
 */
export function drawByInverse(logits: tf.Tensor, uniform: tf.Tensor): Drawn {
  const [rows] = logits.shape;
  const shifted = tf.sub(logits, tf.max(logits, 1, true));
  const { token, total } = pickByInverse(tf.exp(shifted), uniform);
  const chosen = tf.gatherND(shifted, tf.stack([tf.range(0, rows, 1, "int32"), token], 1));
  return { token, logProbability: tf.sub(chosen, tf.log(tf.reshape(total, [rows]))) };
}

/**
 * The first place whose cumulated weight exceeds u of the total: first the block of √size places, then the place in it. Weights are
 * cumulated by products with a triangular matrix. A place without weight is never drawn.
 *
 * @param weights [rows, size], ≥ 0
 * @param uniform [rows], in [0, 1)
 * @returns token [rows], int32, and total [rows, 1]
 */
export function pickByInverse(
  weights: tf.Tensor,
  uniform: tf.Tensor,
): { token: tf.Tensor; total: tf.Tensor } {
  const [rows, length] = weights.shape, size = Math.ceil(Math.sqrt(length));
  const padded = tf.pad(tf.reshape(weights, [rows, length]), [[0, 0], [0, size * size - length]]);
  const inBlocks = tf.reshape(padded, [rows, size, size]);
  const upTo = tf.tensor2d(
    Float32Array.from({ length: size * size }, (_, i) => Number(i % size >= Math.floor(i / size))),
    [size, size],
  );
  const blocks = tf.sum(inBlocks, 2), cumulatedBlocks = tf.matMul(blocks, upTo);
  const total = tf.slice(cumulatedBlocks, [0, size - 1], [rows, 1]);
  const threshold = below(tf.mul(tf.reshape(uniform, [rows, 1]), total), cumulatedBlocks);
  const isBefore = tf.cast(tf.lessEqual(cumulatedBlocks, threshold), "float32");
  const block = tf.cast(tf.sum(isBefore, 1), "int32");
  const rest = tf.sub(threshold, tf.sum(tf.mul(isBefore, blocks), 1, true));
  const places = tf.add(block, tf.mul(tf.range(0, rows, 1, "int32"), tf.scalar(size, "int32")));
  const cumulated = tf.matMul(tf.gather(tf.reshape(inBlocks, [rows * size, size]), places), upTo);
  const within = tf.sum(tf.cast(tf.lessEqual(cumulated, below(tf.maximum(rest, 0), cumulated)), "int32"), 1);
  return { token: tf.add(tf.mul(block, tf.scalar(size, "int32")), within), total };
}

/** Rounding must not push a threshold to the end: the last entry stays above it. */
function below(threshold: tf.Tensor, cumulated: tf.Tensor): tf.Tensor {
  const [rows, size] = cumulated.shape;
  return tf.minimum(threshold, tf.mul(tf.slice(cumulated, [0, size - 1], [rows, 1]), 1 - 2 ** -20));
}

/** Sums over the last axis of `term` of slices of x [rows, size], in the form that XLA vectorises: [rows, 1]. */
export function rowSums(x: tf.Tensor, term: (part: tf.Tensor) => tf.Tensor): tf.Tensor {
  const [rows, size] = x.shape, width = size % 8 === 0 ? size / 8 : size;
  let sum = term(tf.slice(x, [0, 0], [rows, width]));
  for (let start = width; start < size; start += width) {
    sum = tf.add(sum, term(tf.slice(x, [0, start], [rows, width])));
  }
  return tf.matMul(sum, tf.ones([width, 1]));
}
