// Attention of one new token a row inside a compiled program, in the form that XLA runs fastest on a CPU: a batched product with
// one row is slow there, multiplying and adding up is not (64 rows x 4 heads, 64 … 496 slots: 1.2 to 1.8 times as fast).
import * as tf from "@tensorflow/tfjs-core";
import type { HeadTensors } from "./transformer_layer.ts";

/**
 * The same as `plainAttention` where time is 1.
 *
 * @param heads queries [rows, heads, 1, head]; keys and values [rows, keyValueHeads, slots, head]
 * @param bias [rows, 1, 1, slots]: 0 where visible, a large negative number elsewhere
 * @returns [rows, heads, 1, head]
 */
export function oneTokenAttention({ queries, keys, values }: HeadTensors, bias: tf.Tensor): tf.Tensor {
  const [rows, heads, , head] = queries.shape, [, groups, slots] = keys.shape, members = heads / groups;
  const each = tf.reshape(queries, [rows, groups, members, 1, head]);
  const products = tf.sum(tf.mul(each, tf.reshape(keys, [rows, groups, 1, slots, head])), 4);
  const scores = tf.add(tf.mul(tf.reshape(products, [rows, heads, 1, slots]), 1 / Math.sqrt(head)), bias);
  const shares = tf.reshape(tf.softmax(scores), [rows, groups, members, slots]);
  return tf.reshape(tf.matMul(shares, values), queries.shape);
}
