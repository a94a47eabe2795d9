// PPO: by hand, gradients against central differences and against the exact policy gradient, and its limit (Eq. (9)).
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { closedFormPolicy } from "../../../src/math/closed_form_policy.ts";
import { regularisedReward } from "../../../src/math/policy_objective.ts";
import { policyValue } from "../../../src/math/policy_value.ts";
import {
  clippedPolicyLoss,
  clippedValueLoss,
  generalisedAdvantages,
  tokenRewards,
  whitenedAdvantages,
} from "../../../src/math/ppo.ts";
import { tokenLogProbabilities } from "../../../src/math/token_log_probabilities.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import {
  LENGTH,
  NUM_CONTINUATIONS,
  randomNumbers,
  SEEDS,
  sequencePolicy,
  tokensOf,
  VOCABULARY,
} from "../../support/enumerated_problem.ts";
import {
  assertGradient,
  centralDifferences,
  relativeError,
  TOLERANCE,
} from "../../support/gradient_check.ts";

const near = (got: ArrayLike<number>, wanted: readonly number[], tolerance = 1e-9) => {
  assert.equal(got.length, wanted.length);
  wanted.forEach((value, i) =>
    assert.ok(Math.abs(got[i] - value) <= tolerance, `${got[i]}, wanted ${value}`)
  );
};

describe("tokenRewards()", () => {
  it("charges each token its log-ratio and pays the reward at the last: by hand", () => {
    near(tokenRewards(2, [0.5, -1], 0.1), [-0.05, 2.1]);
    assert.throws(() => tokenRewards(1, [], 0.1), RangeError);
  });

  it("sums to the regularised reward of the whole rollout (Eq. (3))", () => {
    for (const seed of SEEDS) {
      const ratios = randomNumbers(seed, "ratios", 5);
      const total = tokenRewards(1.5, ratios, 0.3).reduce((a, b) => a + b);
      assert.ok(Math.abs(total - regularisedReward(1.5, ratios.reduce((a, b) => a + b), 0.3)) < 1e-12);
    }
  });
});

describe("generalisedAdvantages()", () => {
  const rewards = [1, 0, 2], values = [0.5, 1, -1];

  it("is A_t = δ_t + γλ A_{t+1}: by hand (Schulman et al. 2016, Eq. 16)", () => {
    // γ = .5, λ = .5. δ = 1 + .5 − .5, 0 − .5 − 1, 2 + 1 = 1, −1.5, 3. A_2 = 3, A_1 = −1.5 + .75, A_0 = 1 − .75/4.
    near(generalisedAdvantages(rewards, values, { discount: 0.5, traceDecay: 0.5 }), [0.8125, -0.75, 3]);
  });

  it("is returns less values at λ = 1 and one-step differences at λ = 0", () => {
    near(generalisedAdvantages(rewards, values, { discount: 1, traceDecay: 1 }), [2.5, 1, 3]);
    near(generalisedAdvantages(rewards, values, { discount: 1, traceDecay: 0 }), [1.5, -2, 3]);
  });

  it("is zero where values are the returns", () => {
    near(generalisedAdvantages(rewards, [3, 2, 2], { discount: 1, traceDecay: 0.95 }), [0, 0, 0]);
  });

  it("refuses lists of unlike length", () => {
    assert.throws(() => generalisedAdvantages([1], [1, 2], { discount: 1, traceDecay: 1 }), /got 2/);
  });
});

describe("whitenedAdvantages()", () => {
  it("has mean 0 and deviation 1 over all tokens and keeps the lists' lengths", () => {
    // 1, 2 and 6: mean 3, variance (4 + 1 + 9) / 3.
    const deviation = Math.sqrt(14 / 3);
    const [first, second] = whitenedAdvantages([Float64Array.of(1, 2), Float64Array.of(6)]);
    near(first, [-2 / deviation, -1 / deviation], 1e-6);
    near(second, [3 / deviation], 1e-6);
    near(whitenedAdvantages([Float64Array.of(4, 4)])[0], [0, 0]);
  });
});

describe("clippedPolicyLoss()", () => {
  useCpuTier();
  const row = (values: readonly number[]) => tf.tensor2d([[...values]]);
  const lossOf = (logs: tf.Tensor, old: readonly number[], advantages: readonly number[]) =>
    clippedPolicyLoss(logs, {
      oldLogProbabilities: row(old),
      advantages: row(advantages),
      continuationMask: tf.ones([1, old.length]),
    }, { clipRange: 0.2 });

  it("is −min(ρA, clip(ρ)A) over counted tokens: by hand (Schulman et al. 2017, Eq. 7)", () => {
    const old = [-1, -1, -1, -1, -9], ratios = [1.5, 0.5, 1.5, 0.5];
    const logs = [...ratios.map((ratio) => Math.log(ratio) - 1), 50];
    const loss = tf.tidy(() =>
      clippedPolicyLoss(row(logs), {
        oldLogProbabilities: row(old),
        advantages: row([1, 1, -1, -1, 7]),
        continuationMask: row([1, 1, 1, 1, 0]),
      }, { clipRange: 0.2 }).dataSync()[0]
    );
    // A > 0: min(1.5, 1.2), min(.5, .8); A < 0: min(−1.5, −1.2), min(−.5, −.8).
    assert.ok(Math.abs(loss + (1.2 + 0.5 - 1.5 - 0.8) / 4) < 1e-6, `${loss}`);
  });

  it("has the gradient of its value on both sides of the clip (Schulman et al. 2017, Eq. 7)", () => {
    const old = [-1, -2, -1.5, -0.5], advantages = [1, -2, 0.5, -1];
    // Ratios 1.1 and .95 inside, 1.4 with A > 0 clipped, 1.3 with A < 0 not.
    const point = Float32Array.from([1.1, 0.95, 1.4, 1.3], (ratio, i) => old[i] + Math.log(ratio));
    const gradient = tf.tidy(() =>
      tf.grad((logs: tf.Tensor) => lossOf(tf.reshape(logs, [1, 4]), old, advantages))(tf.tensor1d(point))
        .dataSync()
    );
    assert.equal(Math.abs(gradient[2]), 0);
    assertGradient(
      gradient,
      centralDifferences(
        (at) => tf.tidy(() => lossOf(row(Array.from(at)), old, advantages).dataSync()[0]),
        point,
      ),
    );
  });

  it("gives uncounted places no gradient, whatever stands there", () => {
    const gradient = tf.tidy(() =>
      tf.grad((logs: tf.Tensor) =>
        clippedPolicyLoss(logs, {
          oldLogProbabilities: row([-1, 300]),
          advantages: row([1, 1]),
          continuationMask: row([1, 0]),
        }, { clipRange: 0.2 })
      )(row([-1, -300])).dataSync()
    );
    near(gradient, [-1, 0], 1e-6);
  });

  it("refuses tensors of unlike shape by name", () => {
    assert.throws(
      () => tf.tidy(() => lossOf(tf.ones([1, 3]), [0, 0], [0, 0])),
      /"oldLogProbabilities" must be/,
    );
  });

  /** log π of both tokens of all 9 continuations, [9, 2], from 12 logits. */
  function logProbabilities(logits: tf.Tensor): tf.Tensor {
    const table = tf.reshape(logits, [VOCABULARY + 1, VOCABULARY]);
    const all = Array.from({ length: NUM_CONTINUATIONS }, (_, y) => tokensOf(y));
    const rows = tf.tensor1d(all.flatMap(([first]) => [0, first + 1]), "int32");
    return tf.reshape(tokenLogProbabilities(tf.gather(table, rows), tf.tensor1d(all.flat(), "int32")), [
      NUM_CONTINUATIONS,
      LENGTH,
    ]);
  }

  /** Log-probabilities under 12 logits, token by token. */
  function tokenLogs(logits: Float32Array): number[][] {
    const flat = tf.tidy(() => logProbabilities(tf.tensor1d(logits)).dataSync());
    return Array.from({ length: NUM_CONTINUATIONS }, (_, y) => [flat[2 * y], flat[2 * y + 1]]);
  }

  /** Advantages of all 9 continuations with exact values, [9][2]. */
  function exactAdvantages(
    logits: Float32Array,
    { rewards, reference, klCoefficient }: {
      rewards: number[];
      reference: Float32Array;
      klCoefficient: number;
    },
  ): number[][] {
    const policy = sequencePolicy(logits), logs = tokenLogs(logits), references = tokenLogs(reference);
    const earned = policy.map((_, y) =>
      tokenRewards(rewards[y], logs[y].map((log, t) => log - references[y][t]), klCoefficient)
    );
    const after = (first: number) => {
      const rows = [...policy.keys()].filter((y) => tokensOf(y)[0] === first);
      const total = rows.reduce((sum, y) => sum + policy[y], 0);
      return rows.reduce((sum, y) => sum + policy[y] * earned[y][1], 0) / total;
    };
    const start = policy.reduce((sum, share, y) => sum + share * (earned[y][0] + earned[y][1]), 0);
    return policy.map((_, y) =>
      Array.from(
        generalisedAdvantages(earned[y], [start, after(tokensOf(y)[0])], { discount: 1, traceDecay: 0.95 }),
      )
    );
  }

  const problem = (seed: number) => ({
    rewards: randomNumbers(seed, "rewards", NUM_CONTINUATIONS),
    reference: Float32Array.from(randomNumbers(seed, "reference", 12)),
    klCoefficient: 0.4,
  });

  /** ∇ of the loss at π_old = π, every continuation weighted by its probability. */
  function gradientAt(logits: Float32Array, advantages: number[][]): number[] {
    const policy = sequencePolicy(logits), old = tokenLogs(logits);
    const gradient = tf.tidy(() =>
      tf.grad((at: tf.Tensor) =>
        clippedPolicyLoss(logProbabilities(at), {
          oldLogProbabilities: tf.tensor2d(old),
          advantages: tf.tensor2d(advantages.map((list, y) => list.map((value) => policy[y] * value))),
          continuationMask: tf.ones([NUM_CONTINUATIONS, LENGTH]),
        }, { clipRange: 0.2 })
      )(tf.tensor1d(logits)).dataSync()
    );
    return Array.from(gradient, (value) => -value * NUM_CONTINUATIONS * LENGTH);
  }

  it("has Eq. (3)'s gradient at the first ratio 1, whatever λ, where values are exact (Eq. (3))", () => {
    for (const seed of SEEDS.slice(0, 4)) {
      const given = problem(seed), point = Float32Array.from(randomNumbers(seed, "logits", 12));
      const wanted = centralDifferences(
        (at) =>
          policyValue(sequencePolicy(at), given.rewards, {
            referencePolicy: sequencePolicy(given.reference),
            klCoefficient: given.klCoefficient,
          }),
        point,
      );
      assertGradient(gradientAt(point, exactAdvantages(point, given)), wanted, 2 * TOLERANCE);
      // A reward at the wrong token must be noticed.
      const shifted = exactAdvantages(point, given).map(([first, second]) => [second, first]);
      assert.ok(relativeError(gradientAt(point, shifted), wanted) > 0.05);
    }
  });

  it("leads by descent to the policy of Eq. (9), where no token has an advantage (Eq. (5b))", () => {
    const given = problem(5), reference = sequencePolicy(given.reference);
    const best = closedFormPolicy(reference, given.rewards, { klCoefficient: given.klCoefficient });
    let logits = Float32Array.from({ length: 12 }, () => 0);
    for (let step = 0; step < 300; step++) {
      const ascent = gradientAt(logits, exactAdvantages(logits, given));
      logits = logits.map((value, i) => value + 3 * ascent[i]);
    }
    sequencePolicy(logits).forEach((share, y) =>
      assert.ok(Math.abs(share - best[y]) < 2e-3, `${share} ${best[y]}`)
    );
    const ofFirst = [0, 1, 2].map((first) =>
      best.reduce((sum, p, y) => tokensOf(y)[0] === first ? sum + p : sum, 0)
    );
    // Log-probabilities are logits: of the first token, then of the second after each first, up to a constant a row.
    const exact = Float32Array.from([...ofFirst, ...best], (share) => Math.log(share));
    near(sequencePolicy(exact), best, 1e-6);
    near(exactAdvantages(exact, given).flat(), best.flatMap(() => [0, 0]), 1e-5);
  });
});

describe("clippedValueLoss()", () => {
  useCpuTier();
  const row = (values: ArrayLike<number>) => tf.tensor2d([Array.from(values)]);
  const lossOf = (values: tf.Tensor, mask: readonly number[] = [1, 1, 1]) =>
    clippedValueLoss(values, {
      oldValues: row([0, 0, 0]),
      returns: row([1, 1, -1]),
      continuationMask: row(mask),
    }, { clipRange: 0.2 });

  it("is half the larger of the plain and the clipped squared error: by hand", () => {
    const loss = tf.tidy(() => lossOf(row([0.5, -0.5, 0.1]), [1, 1, 0]).dataSync()[0]);
    // .5: clipped to .2, (.8)² > (.5)². −.5: clipped to −.2, (1.5)² > (1.2)².
    assert.ok(Math.abs(loss - (0.64 + 2.25) / 4) < 1e-6, `${loss}`);
  });

  it("has the gradient of its value, none where the clipped error is larger", () => {
    const point = Float32Array.of(0.5, -0.5, 0.1);
    const gradient = tf.tidy(() =>
      tf.grad((values: tf.Tensor) => lossOf(tf.reshape(values, [1, 3])))(tf.tensor1d(point)).dataSync()
    );
    assert.equal(Math.abs(gradient[0]), 0);
    assertGradient(gradient, centralDifferences((at) => tf.tidy(() => lossOf(row(at)).dataSync()[0]), point));
  });

  it("is 0 at the returns and more beside them", () => {
    const at = (values: readonly number[]) =>
      tf.tidy(() =>
        clippedValueLoss(row(values), {
          oldValues: row(values),
          returns: row([2, -1]),
          continuationMask: row([1, 1]),
        }, { clipRange: 0.2 }).dataSync()[0]
      );
    assert.equal(at([2, -1]), 0);
    assert.ok(at([1.9, -1]) > 0);
  });
});
