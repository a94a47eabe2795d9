// Attention of whole sequences, as training and scoring need it: plain where the sequences are short, in tiles where the matrix of all
// scores would be large. The choice goes by shape and tier alone, so equal work gives equal bits.
import * as tf from "@tensorflow/tfjs-core";
import { fusedKernel } from "../math/fused_kernel.ts";
import { beyondSight, hiding, hidingBeyond, tiledAttention } from "./tiled_attention.ts";
import { type HeadTensors, plainAttention } from "./transformer_layer.ts";

/**
 * From this length on tiles are faster (measured on the tier "native"), and their memory grows with the length alone. A kernel that
 * does it all in one pass, as on wasm, is faster than tiles for longer; its memory decides.
 */
export const TILED_FROM = 256, TILED_FROM_FUSED = 1024;
/**
 * Tokens of a block of tiles. Smaller blocks compute less that is hidden and take less memory, but a compiler works on each of them (a
 * training step of 1,024 tokens: 29 s for 20 s, and no faster): twice as large ones for long sequences, unless the scores of one block
 * would be more numbers than this (64 MB), where memory weighs more (rollouts of 32 such prompts: 358 MB for 442 MB).
 */
const BLOCK = 128, LONG_FROM = 512, MOST_LONG_SCORES = 2 ** 24;

/**
 * softmax(q kᵀ / √head) v where each token sees itself and what is before it, in its own text. Padding must be on the right: nothing
 * before it sees it.
 *
 * @param heads queries [batch, heads, time, head]; keys and values [batch, keyValueHeads, time, head]
 * @param mask of rows that hold several texts: what `sightMask` makes of them
 * @returns [batch, heads, time, head]
 */
export function causalAttention(heads: HeadTensors, mask?: tf.Tensor): tf.Tensor {
  const [batch, numHeads, time] = heads.queries.shape;
  if (isTiled(time)) return tiledAttention(heads, tileBlock({ numHeads: batch * numHeads, time }), mask);
  return plainAttention(heads, mask ?? hiding(1, [0, time], [0, time]));
}

/** Tokens of one block of tiles, for so many heads of all rows together. */
export function tileBlock({ numHeads, time }: { numHeads: number; time: number }): number {
  const long = 2 * BLOCK;
  return time < LONG_FROM || numHeads * long * time > MOST_LONG_SCORES ? BLOCK : long;
}

function isTiled(time: number): boolean {
  return time >= (fusedKernel("Attention") === undefined ? TILED_FROM : TILED_FROM_FUSED);
}

/**
 * What attention makes of rows of several texts, once for all layers: where it is not in tiles, what is added to scores,
 * [batch, 1, time, time]: 0 where a token sees another, −1e9 or less elsewhere. Tiles make their own.
 *
 * @param seenUntil [batch, time], int32: the place in its row up to which later tokens see a token
 */
export function sightMask(seenUntil: tf.Tensor): tf.Tensor {
  const [, time = 0] = seenUntil.shape, whole = [0, time] as const;
  if (isTiled(time)) return seenUntil;
  const fused = fusedKernel("SightMask");
  if (fused !== undefined) return fused({ seenUntil })[0];
  // A constant: without its gradient nothing that it is made of is kept for one.
  const constant = tf.customGrad((given) => ({
    // customGrad's types allow the save function where a tensor may stand; the first argument is the tensor.
    value: hidingBeyond(given as tf.Tensor, 1, { queries: whole, keys: whole }),
    gradFunc: () => tf.zeros(seenUntil.shape),
  }));
  return constant(seenUntil);
}

/**
 * What the queries of a few positions alone read.
 *
 * @param heads as above
 * @param ends [batch, slots], int32: these positions; what a negative one reads means nothing
 * @param mask as above. @default one text a row
 * @returns [batch, heads, slots, head]
 */
export function endAttention(
  { queries, keys, values }: HeadTensors,
  { ends, mask }: { ends: tf.Tensor; mask?: tf.Tensor },
): tf.Tensor {
  const [batch, heads, time] = queries.shape, slots = ends.shape[1] ?? 0, picks = atEnds(ends, time);
  // Joined and not tiled: the tier "wasm" tiles number by number.
  const ofHead = tf.reshape(picks, [batch, 1, slots, time]);
  const ofHeads = tf.concat(Array.from({ length: heads ?? 1 }, () => ofHead), 1);
  const picked: HeadTensors = { queries: tf.matMul(ofHeads, queries), keys, values };
  if (mask?.rank === 4) {
    const ofEnds = tf.matMul(picks, tf.reshape(mask, [batch, time, time]));
    return plainAttention(picked, tf.reshape(ofEnds, [batch, 1, slots, time]));
  }
  const own = tf.reshape(tf.cast(ends, "float32"), [batch, 1, slots, 1]);
  if (mask !== undefined) return plainAttention(picked, beyondSight(mask, own, [0, time]));
  const later = tf.sub(own, tf.reshape(tf.range(0, time, 1), [1, 1, 1, time]));
  return plainAttention(picked, tf.mul(tf.minimum(later, 0), 1e9));
}

/**
 * Picks positions by a product, whose gradient is one too: [batch, slots, time], 1 at each end, 0 elsewhere and everywhere for a
 * negative one.
 */
export function atEnds(ends: tf.Tensor, time: number): tf.Tensor {
  const [batch, slots] = ends.shape;
  const positions = tf.reshape(tf.range(0, time, 1, "int32"), [1, 1, time]);
  return tf.cast(tf.equal(tf.reshape(ends, [batch, slots, 1]), positions), "float32");
}
