// The forward passes that steps repeat on fixed parameters, compiled once a tier: rewards of sequences, log-probabilities and values
// token by token.
import * as tf from "@tensorflow/tfjs-core";
import { compileOnce } from "../compute/compile_once.ts";
import type { Tier } from "../compute/tier.ts";
import type { ModelShape } from "../model/model_shape.ts";
import { forbiddenBias, policyLogProbabilities } from "../model/policy_model.ts";
import type { SequenceBatch } from "../model/sequence_batch.ts";
import { rewardScores } from "../model/reward_model.ts";
import { tokenValues } from "../model/value_model.ts";
import { type BatchTensors, optional } from "./sequence_parts.ts";

/**
 * r(x, y) of each sequence, [sequences], raw logits, of flat [parameters]; may run beside others (`callAll`). The caller disposes it.
 */
export type RewardScoring = (
  flat: tf.Tensor,
  batch: Pick<BatchTensors, "tokens" | "placement" | "ends" | "slotIndex">,
) => Promise<tf.Tensor>;

export function rewardScoring(tier: Tier, model: ModelShape): RewardScoring {
  // Rewards that differ in nothing but their shift share a program.
  const { rewardShift, ...unshifted } = model;
  const run = compileOnce(
    tier,
    (flat, tokens, ends, slotIndex, placement) => [
      rewardScores(unshifted, flat, { tokens, ends, slotIndex, placement }),
    ],
    { name: "reward scores", settings: unshifted },
  );
  return async (flat, { tokens, ends, slotIndex, placement }) => {
    const [scores] = await run.later(flat, tokens, ends, slotIndex, ...optional(placement));
    if (!rewardShift) return scores;
    const shifted = tf.sub(scores, rewardShift);
    scores.dispose();
    return shifted;
  };
}

/** log π(y_t | x, y_<t) of every position's label, [batch, time], nats, of flat [parameters]. The caller disposes it. */
export type TokenScoring = (
  flat: tf.Tensor,
  batch: Pick<BatchTensors, "tokens" | "labels" | "placement">,
) => Promise<tf.Tensor>;

/** One program for all temperatures and forbidden tokens. */
export function tokenScoring(
  tier: Tier,
  model: ModelShape,
  options: { temperature: number; forbidden: readonly number[] },
): TokenScoring {
  const run = compileOnce(
    tier,
    (flat, tokens, labels, temperature, forbidden, placement) => [
      policyLogProbabilities(model, flat, { tokens, labels, temperature, forbidden, placement }),
    ],
    { name: "token log-probabilities", settings: model },
  );
  return async (flat, { tokens, labels, placement }) => {
    const temperature = tf.scalar(options.temperature);
    const forbidden = tf.tensor1d(forbiddenBias(options.forbidden, model.vocabularySize));
    const [logs] = await run.later(flat, tokens, labels, temperature, forbidden, ...optional(placement))
      .finally(() => tf.dispose([temperature, forbidden]));
    return logs;
  };
}

/** V(x, y_<t) at every position, [batch, time], of flat [parameters]. The caller disposes it. */
export function valueScoring(
  tier: Tier,
  model: ModelShape,
): (flat: tf.Tensor, batch: Pick<BatchTensors, "tokens" | "placement">) => Promise<tf.Tensor> {
  const run = compileOnce(
    tier,
    (flat, tokens, placement) => [tokenValues(model, flat, { tokens, placement })],
    { name: "token values", settings: model },
  );
  return async (flat, { tokens, placement }) => (await run.later(flat, tokens, ...optional(placement)))[0];
}

/** Σ_t of each sequence's counted labels, from numbers at every position, [batch, time]. */
export function sequenceSums(
  perToken: ArrayLike<number>,
  { continuationMask, places }: SequenceBatch,
): Float64Array {
  return Float64Array.from(places, (own) => {
    let sum = 0;
    for (const at of own) if (continuationMask[at] > 0) sum += perToken[at];
    return sum;
  });
}
