// The forward passes that steps repeat on fixed parameters, compiled once a tier: rewards of sequences, log-probabilities of
// continuations, and both token by token.
import * as tf from "@tensorflow/tfjs-core";
import { compileOnce } from "../compute/compile_once.ts";
import type { Tier } from "../compute/tier.ts";
import type { ModelShape } from "../model/model_shape.ts";
import { forbiddenBias, policyLogProbabilities } from "../model/policy_model.ts";
import { rewardScores } from "../model/reward_model.ts";
import { tokenValues } from "../model/value_model.ts";

/**
 * r(x, y) of each sequence, [batch], raw logits. The caller disposes it.
 *
 * @param flat [parameters]
 * @param tokens [batch, time], int32
 * @param lastIndex [batch], int32
 */
export type RewardScoring = (flat: tf.Tensor, tokens: tf.Tensor, lastIndex: tf.Tensor) => tf.Tensor;

export function rewardScoring(tier: Tier, model: ModelShape): RewardScoring {
  // Rewards that differ in nothing but their shift share a program.
  const { rewardShift, ...unshifted } = model;
  const run = compileOnce(
    tier,
    (flat, tokens, lastIndex) => [rewardScores(unshifted, flat, { tokens, lastIndex })],
    { name: "reward scores", settings: unshifted },
  );
  return (...args) => {
    const [scores] = run(...args);
    if (!rewardShift) return scores;
    const shifted = tf.sub(scores, rewardShift);
    scores.dispose();
    return shifted;
  };
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

/**
 * log π(y_t | x, y_<t) of every position's label, [batch, time], nats. The caller disposes it.
 *
 * @param flat [parameters]
 * @param tokens [batch, time], int32
 * @param labels [batch, time], int32
 */
export function tokenScoring(
  tier: Tier,
  model: ModelShape,
  options: { temperature: number; forbidden: readonly number[] },
): (flat: tf.Tensor, tokens: tf.Tensor, labels: tf.Tensor) => tf.Tensor {
  const run = compileOnce(
    tier,
    (flat, tokens, labels, temperature, forbidden) => [
      policyLogProbabilities(model, flat, { tokens, labels, temperature, forbidden }),
    ],
    { name: "token log-probabilities", settings: model },
  );
  return (...args) => {
    const temperature = tf.scalar(options.temperature);
    const forbidden = tf.tensor1d(forbiddenBias(options.forbidden, model.vocabularySize));
    const [logs] = run(...args, temperature, forbidden);
    tf.dispose([temperature, forbidden]);
    return logs;
  };
}

/** V(x, y_<t) at every position, [batch, time], of flat [parameters] and tokens [batch, time]. The caller disposes it. */
export function valueScoring(
  tier: Tier,
  model: ModelShape,
): (flat: tf.Tensor, tokens: tf.Tensor) => tf.Tensor {
  const run = compileOnce(tier, (flat, tokens) => [tokenValues(model, flat, { tokens })], {
    name: "token values",
    settings: model,
  });
  return (...args) => run(...args)[0];
}
