// Log-probabilities of given tokens under a softmax policy: the quantity that every loss of the paper is made of.
import * as tf from "@tensorflow/tfjs-core";
import { checkShapes } from "../base/shapes.ts";
import { fusedKernel } from "./fused_kernel.ts";

/** Below this probability the logarithm is held constant, so that an impossible token gives a finite, large loss. */
const LEAST_PROBABILITY = 1e-30;

/**
 * log π(y_t | x, y_<t) for each row of logits: logits[i, label_i] − log Σ_v exp(logits[i, v]).
 * Gradient with respect to logits: onehot(label) − softmax(logits), times the incoming gradient.
 *
 * @param logits [rows, vocab], already divided by the temperature
 * @param labels [rows], int32 token ids
 * @returns [rows], nats, ≤ 0
 */
export function tokenLogProbabilities(logits: tf.Tensor, labels: tf.Tensor): tf.Tensor {
  checkShapes("tokenLogProbabilities()", { logits: ["rows", "vocab"], labels: ["rows"] }, { logits, labels });
  const fused = fusedKernel("TokenLogProbabilities");
  if (fused !== undefined) return fused({ logits, labels })[0];
  const [rows, vocab] = logits.shape;
  const picked = tf.customGrad((input, save) => {
    // customGrad's types allow the save function where a tensor may stand; the first argument is the tensor.
    const scores = input as tf.Tensor;
    const probabilities = tf.softmax(scores);
    const places = tf.stack([tf.range(0, rows, 1, "int32"), labels], 1);
    (save as tf.GradSaveFunc)([probabilities, labels]);
    return {
      value: tf.log(tf.maximum(tf.gatherND(probabilities, places), LEAST_PROBABILITY)),
      gradFunc: (upstream: tf.Tensor, saved: tf.Tensor[]) => {
        const [distribution, chosen] = saved, given = tf.reshape(upstream, [rows, 1]);
        // Compared and not scattered: a compiler makes it on the way, without a second matrix of that size.
        const onLabel = tf.cast(tf.oneHot(tf.cast(chosen, "int32"), vocab), "float32");
        return tf.sub(tf.mul(onLabel, given), tf.mul(distribution, given));
      },
    };
  });
  return picked(logits);
}
