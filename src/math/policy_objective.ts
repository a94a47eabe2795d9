// Policy optimisation by REINFORCE with a leave-one-out baseline (RLOO). Paper: Eq. (3) and (5b).
// Leaves out clipping and value functions: one update per batch of rollouts, so the policy is on its own samples.
import * as tf from "@tensorflow/tfjs-core";
import { checkShapes } from "../base/shapes.ts";

/**
 * Eq. (3) for one rollout: r(x,y) − β (log π(y|x) − log π_ref(y|x)), the reward that a rollout is credited with.
 * Eq. (5b) is its expectation with β = 1. The KL estimate is k1 (the log-ratio), summed over the sequence.
 */
export function regularisedReward(reward: number, logRatio: number, klCoefficient: number): number {
  return reward - klCoefficient * logRatio;
}

/**
 * Leave-one-out advantages: each of the K rollouts of a prompt against the mean of the other K − 1; unbiased, because the
 * baseline does not depend on the rollout. Rollouts of one prompt stand together.
 *
 * @param rewards prompts × samplesPerPrompt numbers
 * @returns the same number of advantages; they sum to zero within a prompt
 */
export function leaveOneOutAdvantages(rewards: ArrayLike<number>, samplesPerPrompt: number): Float64Array {
  if (samplesPerPrompt < 2 || rewards.length % samplesPerPrompt !== 0) {
    throw new RangeError(
      `leaveOneOutAdvantages: wants a multiple of samplesPerPrompt >= 2 rewards, got ${rewards.length} for ${samplesPerPrompt}`,
    );
  }
  const advantages = new Float64Array(rewards.length);
  for (let start = 0; start < rewards.length; start += samplesPerPrompt) {
    let sum = 0;
    for (let i = start; i < start + samplesPerPrompt; i++) sum += rewards[i];
    for (let i = start; i < start + samplesPerPrompt; i++) {
      advantages[i] = rewards[i] - (sum - rewards[i]) / (samplesPerPrompt - 1);
    }
  }
  return advantages;
}

/** Advantages divided by their standard deviation over the batch. Departure: keeps the step size free of the reward's spread. */
export function scaledAdvantages(advantages: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(advantages);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / Math.max(1, values.length - 1);
  return values.map((value) => value / (Math.sqrt(variance) + 1e-6));
}

/**
 * Surrogate whose gradient is the REINFORCE gradient of Eq. (3): −Σ_i A_i log π(y_i|x_i) / Σ_i |y_i|.
 * Objective: maximise E[r] − β KL(π‖π_ref). Gradient: −E[A ∇log π(y|x)], per token of the batch.
 *
 * @param logProbabilities [batch, time], nats, of the rollouts' own tokens at the rollout temperature
 * @param continuationMask [batch, time], how many rollouts count the token: 0 or 1 where none shares it
 * @param advantages [batch, time], constants: at each token its rollout's, of several the mean
 * @returns scalar
 */
export function policyLoss(
  logProbabilities: tf.Tensor,
  continuationMask: tf.Tensor,
  advantages: tf.Tensor,
): tf.Scalar {
  checkShapes("policyLoss()", {
    logProbabilities: ["batch", "time"],
    continuationMask: ["batch", "time"],
    advantages: ["batch", "time"],
  }, { logProbabilities, continuationMask, advantages });
  const credited = tf.mul(tf.mul(logProbabilities, continuationMask), advantages);
  return tf.neg(tf.div(tf.sum(credited), tf.sum(continuationMask)));
}
