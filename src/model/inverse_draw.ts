// Drawing a token of every row operation by operation: inverse transform sampling over the whole vocabulary.
import * as tf from "@tensorflow/tfjs-core";
import { fusedKernel } from "../math/fused_kernel.ts";

/** Inverse transform sampling: the first token whose cumulated probability exceeds u, and its log-probability. [rows] each. */
export function inverseDraw(
  logits: tf.Tensor,
  uniform: Float32Array,
): { token: tf.Tensor; logProbability: tf.Tensor } {
  const fused = fusedKernel("DrawTokens");
  if (fused !== undefined) {
    const [token, logProbability] = fused({ logits, uniforms: tf.tensor1d(uniform) });
    return { token, logProbability };
  }
  const [rows, vocab] = logits.shape;
  const probabilities = tf.softmax(logits);
  const cumulated = tf.cumsum(probabilities, 1);
  const total = tf.slice(cumulated, [0, vocab - 1], [rows, 1]);
  const threshold = tf.mul(tf.tensor2d(uniform, [rows, 1]), total);
  const token = tf.sum(tf.cast(tf.lessEqual(cumulated, threshold), "int32"), 1);
  const places = tf.stack([tf.range(0, rows, 1, "int32"), token], 1);
  return { token, logProbability: tf.log(tf.gatherND(probabilities, places)) };
}
