// The forward passes that steps repeat on fixed parameters, compiled once a tier: rewards of sequences and log-probabilities
// of continuations.
import * as tf from "@tensorflow/tfjs-core";
import { compileOnce } from "../compute/compile_once.ts";
import type { Tier } from "../compute/tier.ts";
import type { ModelShape } from "../model/model_shape.ts";
import { forbiddenBias, policyLogProbabilities } from "../model/policy_model.ts";
import { rewardScores } from "../model/reward_model.ts";

/** Sequences scored together. */
export const SCORING_BATCH = 128;

/** Rows to pad a scoring batch to: always the same where every shape costs a compilation, no padding elsewhere. */
export function scoringRows({ traced }: Tier): number | undefined {
  return traced && SCORING_BATCH;
}

/**
 * r(x, y) of each sequence, [batch], raw logits. The caller disposes it.
 *
 * @param flat [parameters]
 * @param tokens [batch, time], int32
 * @param lastIndex [batch], int32
 */
export type RewardScoring = (flat: tf.Tensor, tokens: tf.Tensor, lastIndex: tf.Tensor) => tf.Tensor;

export function rewardScoring(tier: Tier, model: ModelShape): RewardScoring {
  const run = compileOnce(
    tier,
    (flat, tokens, lastIndex) => [rewardScores(model, flat, { tokens, lastIndex })],
    { name: "reward scores", settings: model },
  );
  return (...args) => run(...args)[0];
}

/**
 * Σ_t m_t log π(y_t | x, y_<t) of each sequence, [batch], nats. The caller disposes it.
 *
 * @param flat [parameters]
 * @param tokens [batch, time], int32
 * @param labels [batch, time], int32
 * @param continuationMask [batch, time], 1 where the label counts
 */
export type SequenceScoring = (
  flat: tf.Tensor,
  tokens: tf.Tensor,
  labels: tf.Tensor,
  continuationMask: tf.Tensor,
) => tf.Tensor;

/** One program for all temperatures and forbidden tokens. */
export function sequenceScoring(
  tier: Tier,
  model: ModelShape,
  options: { temperature: number; forbidden: readonly number[] },
): SequenceScoring {
  const run = compileOnce(
    tier,
    (flat, tokens, labels, mask, temperature, forbidden) => {
      const all = policyLogProbabilities(model, flat, { tokens, labels, temperature, forbidden });
      return [tf.sum(tf.mul(all, mask), 1)];
    },
    { name: "log-probabilities", settings: model },
  );
  return (...args) => {
    const temperature = tf.scalar(options.temperature);
    const forbidden = tf.tensor1d(forbiddenBias(options.forbidden, model.vocabularySize));
    const [totals] = run(...args, temperature, forbidden);
    tf.dispose([temperature, forbidden]);
    return totals;
  };
}
