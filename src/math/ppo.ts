// Proximal policy optimisation: clipped losses (Schulman et al. 2017, "Proximal Policy Optimization Algorithms") and generalised
// advantages (Schulman et al. 2016, "High-Dimensional Continuous Control Using Generalized Advantage Estimation").
// An optimiser of Eq. (5b): a token is an action, the KL of Eq. (3) is part of each token's reward.
import * as tf from "@tensorflow/tfjs-core";
import { checkShapes } from "../base/shapes.ts";

/**
 * What each token of one rollout earns: −β (log π(y_t|x,y_<t) − log π_ref(y_t|x,y_<t)), and r(x,y) on top at the last token. Their
 * sum is `regularisedReward`, Eq. (3) of one rollout with the k1 estimate of the KL.
 *
 * @param logRatios per token, nats; at least one token
 */
export function tokenRewards(
  reward: number,
  logRatios: ArrayLike<number>,
  klCoefficient: number,
): Float64Array {
  if (logRatios.length === 0) throw new RangeError("tokenRewards: wants a rollout of at least one token");
  const rewards = Float64Array.from(logRatios, (ratio) => -klCoefficient * ratio);
  rewards[rewards.length - 1] += reward;
  return rewards;
}

/**
 * Generalised advantages of one rollout (Schulman et al. 2016, Eq. 16): A_t = δ_t + γλ A_{t+1} with δ_t = r_t + γ V_{t+1} − V_t and
 * V = 0 behind the last token. λ = 1: returns less values; λ = 0: one-step differences.
 *
 * @param rewards per token
 * @param values V_t of what stands before token t
 */
export function generalisedAdvantages(
  rewards: ArrayLike<number>,
  values: ArrayLike<number>,
  { discount, traceDecay }: { discount: number; traceDecay: number },
): Float64Array {
  if (rewards.length !== values.length) {
    throw new RangeError(
      `generalisedAdvantages: wants a value for each of ${rewards.length} rewards, got ${values.length}`,
    );
  }
  const advantages = new Float64Array(rewards.length);
  let later = 0, nextValue = 0;
  for (let t = rewards.length - 1; t >= 0; t--) {
    later = rewards[t] + discount * nextValue - values[t] + discount * traceDecay * later;
    advantages[t] = later;
    nextValue = values[t];
  }
  return advantages;
}

/** Advantages with mean 0 and deviation 1 over all tokens of a batch; each list is one rollout's. */
export function whitenedAdvantages(advantages: readonly Float64Array[]): Float64Array[] {
  const count = advantages.reduce((sum, { length }) => sum + length, 0);
  const sumOf = (of: (value: number) => number) =>
    advantages.reduce((sum, list) => list.reduce((inner, value) => inner + of(value), sum), 0);
  const mean = sumOf((value) => value) / count;
  const deviation = Math.sqrt(sumOf((value) => (value - mean) ** 2) / count + 1e-8);
  return advantages.map((list) => list.map((value) => (value - mean) / deviation));
}

/**
 * The clipped surrogate (Schulman et al. 2017, Eq. 7) as a loss: mean over counted tokens of
 * −min(ρ_t A_t, clip(ρ_t, 1 − ε, 1 + ε) A_t) with ρ_t = exp(log π(y_t) − log π_old(y_t)).
 * Objective: the policy's value under Eq. (5b), not followed further than ε from where the rollouts came from.
 * Gradient: −A_t ρ_t ∇log π(y_t) where the ratio is not clipped, 0 where it is; at π = π_old that of REINFORCE.
 *
 * @param logProbabilities [batch, time], nats, of the rollouts' own tokens at the rollout temperature
 * @param batch oldLogProbabilities, advantages: [batch, time], constants; continuationMask [batch, time], 1 where the token
 * counts, all else gives no gradient
 * @returns scalar
 */
export function clippedPolicyLoss(
  logProbabilities: tf.Tensor,
  { oldLogProbabilities, advantages, continuationMask }: {
    oldLogProbabilities: tf.Tensor;
    advantages: tf.Tensor;
    continuationMask: tf.Tensor;
  },
  { clipRange }: { clipRange: number },
): tf.Scalar {
  const given = { logProbabilities, oldLogProbabilities, advantages, continuationMask };
  checkShapes("clippedPolicyLoss()", sameShape(given), given);
  // Masked before exp: what stands at uncounted places may be any number.
  const ratios = tf.exp(tf.mul(tf.sub(logProbabilities, oldLogProbabilities), continuationMask));
  const clipped = tf.minimum(tf.maximum(ratios, 1 - clipRange), 1 + clipRange);
  const surrogate = tf.minimum(tf.mul(ratios, advantages), tf.mul(clipped, advantages));
  return tf.neg(maskedMean(surrogate, continuationMask));
}

/**
 * The clipped value loss of PPO's public implementation: mean over counted tokens of
 * ½ max((V_t − R_t)², (clip(V_t, V_old,t − ε, V_old,t + ε) − R_t)²).
 * Objective: V_t is the mean return from token t on. Gradient: (V_t − R_t) ∇V_t, 0 where the clipped error is the larger one.
 *
 * @param values [batch, time]
 * @param batch oldValues, returns: [batch, time], constants; continuationMask [batch, time], 1 where the token counts
 * @returns scalar
 */
export function clippedValueLoss(
  values: tf.Tensor,
  { oldValues, returns, continuationMask }: {
    oldValues: tf.Tensor;
    returns: tf.Tensor;
    continuationMask: tf.Tensor;
  },
  { clipRange }: { clipRange: number },
): tf.Scalar {
  const given = { values, oldValues, returns, continuationMask };
  checkShapes("clippedValueLoss()", sameShape(given), given);
  const moved = tf.sub(values, oldValues);
  const clipped = tf.add(oldValues, tf.minimum(tf.maximum(moved, -clipRange), clipRange));
  const errors = tf.maximum(tf.square(tf.sub(values, returns)), tf.square(tf.sub(clipped, returns)));
  return tf.mul(0.5, maskedMean(errors, continuationMask));
}

function sameShape<Name extends string>(given: Record<Name, tf.Tensor>): Record<string, string[]> {
  return Object.fromEntries(Object.keys(given).map((name) => [name, ["batch", "time"]]));
}

function maskedMean(values: tf.Tensor, mask: tf.Tensor): tf.Scalar {
  return tf.div(tf.sum(tf.mul(values, mask)), tf.sum(mask));
}
