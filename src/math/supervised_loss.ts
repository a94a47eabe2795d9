// Supervised fine-tuning loss. Paper: Eq. (1).
import * as tf from "@tensorflow/tfjs-core";
import { checkShapes } from "../base/shapes.ts";

/**
 * Eq. (1): −E_D[log π(y|x)], here as the mean over counted tokens: −Σ_t m_t log π(y_t|x, y_<t) / Σ_t m_t.
 * Objective: maximise the likelihood of demonstrations. Gradient: the mean of ∇ −log π(y_t|x, y_<t).
 *
 * @param logProbabilities [rows], nats
 * @param continuationMask [rows], how many texts count the token: 1, more where they share it, 0 at prompt and padding
 * @returns scalar, nats per token
 */
export function supervisedLoss(logProbabilities: tf.Tensor, continuationMask: tf.Tensor): tf.Scalar {
  checkShapes("supervisedLoss()", { logProbabilities: ["rows"], continuationMask: ["rows"] }, {
    logProbabilities,
    continuationMask,
  });
  return tf.neg(tf.div(tf.sum(tf.mul(logProbabilities, continuationMask)), tf.sum(continuationMask)));
}
