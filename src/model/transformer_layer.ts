// What a layer of every architecture is made of: its input, heads cut out of projections and joined again, plain attention.
// Keys and values may have fewer heads than queries (grouped-query attention, Ainslie et al. 2023): queries are grouped, keys
// are never repeated.
import * as tf from "@tensorflow/tfjs-core";
import { fusedKernel } from "../math/fused_kernel.ts";
import type { ModelShape } from "./model_shape.ts";
import { numRotated, type RotaryTables, rotate } from "./rotary.ts";

export type NamedParameters = Record<string, tf.Tensor>;

/** Keys and values of one layer, [batch, keyValueHeads, time, head] each. */
export interface LayerCache {
  keys: tf.Tensor;
  values: tf.Tensor;
}

/** Queries [batch, heads, time, head], keys and values of one layer's new tokens. */
export interface HeadTensors extends LayerCache {
  queries: tf.Tensor;
}

export interface LayerInput {
  layer: number;
  /** [batch · time, hidden] */
  x: tf.Tensor;
  batch: number;
  time: number;
  /** Cosines and sines broadcast over [batch, heads, time, head]. */
  rotary: RotaryTables;
  /** What the heads of a layer read for each query: [batch, heads, time, head]. Called once a layer, with `mask`. */
  attend(layer: number, heads: HeadTensors, mask?: tf.Tensor): tf.Tensor;
  /** Made once for all layers. */
  mask?: tf.Tensor;
  /**
   * The rows of `x` that `attend` reads for, where these are not all: a last layer's, behind which nobody asks for the others.
   * [batch · time, n] → [batch · picked, n]
   */
  pick?(x: tf.Tensor): tf.Tensor;
}

/** Projections [batch · time, heads · head] each → what the heads read, side by side: [batch · time or picked, heads · head]. */
export function attendHeads(
  model: ModelShape,
  projected: { queries: tf.Tensor; keys: tf.Tensor; values: tf.Tensor },
  input: LayerInput,
): tf.Tensor {
  const { batch, time } = input;
  const split = (x: tf.Tensor, heads: number) =>
    tf.transpose(tf.reshape(x, [batch, time, heads, model.headSize]), [0, 2, 1, 3]);
  return attendSplit(model, {
    queries: split(projected.queries, model.numHeads),
    keys: split(projected.keys, model.numKeyValueHeads),
    values: split(projected.values, model.numKeyValueHeads),
  }, input);
}

/** The same from one projection [batch · time, heads · (query | key | value)]. */
export function attendJoined(model: ModelShape, joined: tf.Tensor, input: LayerInput): tf.Tensor {
  const { layer, batch, time, rotary, attend } = input, { numHeads, headSize } = model;
  const fused = fusedKernel("SplitHeads");
  if (fused === undefined) {
    const apart = tf.reshape(joined, [batch, time, numHeads, 3 * headSize]);
    const [queries, keys, values] = tf.split(tf.transpose(apart, [0, 2, 1, 3]), 3, 3);
    return attendSplit(model, { queries, keys, values }, input);
  }
  const [queries, keys, values] = fused({ joined, cosines: rotary.cosines, sines: rotary.sines }, {
    time,
    heads: numHeads,
    size: headSize,
    rotated: numRotated(headSize, model.rotaryShare),
  });
  return sideBySide(model, attend(layer, { queries, keys, values }, input.mask));
}

/** The same from heads that are apart already, not yet rotated. */
export function attendSplit(
  model: ModelShape,
  { queries, keys, values }: HeadTensors,
  input: LayerInput,
): tf.Tensor {
  const { layer, rotary, attend, mask } = input;
  const turned = (x: tf.Tensor) => rotate(x, rotary.cosines, rotary.sines, rotary.halfTurn);
  return sideBySide(model, attend(layer, { queries: turned(queries), keys: turned(keys), values }, mask));
}

/** [batch, heads, time, head] → [batch · time, heads · head] */
function sideBySide({ numHeads, headSize }: ModelShape, read: tf.Tensor): tf.Tensor {
  const [batch, , time] = read.shape;
  return tf.reshape(tf.transpose(read, [0, 2, 1, 3]), [batch * time, numHeads * headSize]);
}

/**
 * softmax(q kᵀ / √head + bias) v, with the whole matrix of scores in memory.
 *
 * @param heads queries [batch, heads, time, head]; keys and values [batch, keyValueHeads, keys, head]
 * @param bias broadcast over [batch, heads, time, keys]: 0 where visible, a large negative number elsewhere
 * @returns [batch, heads, time, head]
 */
export function plainAttention({ queries, keys, values }: HeadTensors, bias: tf.Tensor): tf.Tensor {
  const [batch, heads, time, head] = queries.shape, [, groups, seen] = keys.shape;
  const fused = fusedKernel("Attention");
  if (fused !== undefined) {
    const wide = tf.reshape(bias, [bias.shape.at(-4) ?? 1, 1, time, bias.shape.at(-1) ?? 0]);
    return fused({ queries, keys, values, bias: wide }, { scale: 1 / Math.sqrt(head) })[0];
  }
  // The queries of a group are rows of one product with the keys that they share.
  const together = [batch, groups, heads / groups * time];
  const products = tf.matMul(tf.reshape(queries, [...together, head]), keys, false, true);
  const scores = tf.add(tf.mul(tf.reshape(products, [batch, heads, time, seen]), 1 / Math.sqrt(head)), bias);
  const shares = tf.reshape(tf.softmax(scores), [...together, seen]);
  return tf.reshape(tf.matMul(shares, values), queries.shape);
}
