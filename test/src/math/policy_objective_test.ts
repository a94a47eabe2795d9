// Policy optimisation: by hand, and its expected gradient against enumeration.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { closedFormPolicy } from "../../../src/math/closed_form_policy.ts";
import {
  leaveOneOutAdvantages,
  policyLoss,
  regularisedReward,
  scaledAdvantages,
} from "../../../src/math/policy_objective.ts";
import { policyValue } from "../../../src/math/policy_value.ts";
import { tokenLogProbabilities } from "../../../src/math/token_log_probabilities.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import {
  LENGTH,
  NUM_CONTINUATIONS,
  randomNumbers,
  randomPolicy,
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

describe("regularisedReward()", () => {
  it("is r − β log π/π_ref: by hand (Eq. (3))", () => {
    assert.equal(regularisedReward(2, 3, 0.5), 0.5);
    assert.equal(regularisedReward(2, -3, 0.5), 3.5);
  });

  it("averages to Eq. (3)'s value over a policy's own continuations (Eq. (5b))", () => {
    for (const seed of SEEDS) {
      const policy = randomPolicy(seed, "policy"), referencePolicy = randomPolicy(seed, "reference");
      const rewards = randomNumbers(seed, "rewards", NUM_CONTINUATIONS);
      for (const klCoefficient of [0.3, 1]) {
        const mean = policy.reduce(
          (sum, share, y) =>
            sum + share * regularisedReward(rewards[y], Math.log(share / referencePolicy[y]), klCoefficient),
          0,
        );
        const wanted = policyValue(policy, rewards, { referencePolicy, klCoefficient });
        assert.ok(Math.abs(mean - wanted) < 1e-9, `seed ${seed}`);
      }
    }
  });

  it("is the same for every continuation at the policy of Eq. (9): advantages vanish there (Eq. (5b))", () => {
    const referencePolicy = randomPolicy(1, "reference"),
      rewards = randomNumbers(1, "rewards", NUM_CONTINUATIONS);
    const best = closedFormPolicy(referencePolicy, rewards, { klCoefficient: 0.3 });
    const credited = best.map((share, y) =>
      regularisedReward(rewards[y], Math.log(share / referencePolicy[y]), 0.3)
    );
    credited.forEach((value) => assert.ok(Math.abs(value - credited[0]) < 1e-9));
    leaveOneOutAdvantages(credited, 3).forEach((advantage) => assert.ok(Math.abs(advantage) < 1e-9));
  });
});

describe("leaveOneOutAdvantages()", () => {
  it("is each reward less the mean of the prompt's others: by hand", () => {
    // (1, 2, 6): 1 − 4, 2 − 3.5, 6 − 1.5. (5, 5, 5): zeros.
    assert.deepEqual(Array.from(leaveOneOutAdvantages([1, 2, 6, 5, 5, 5], 3)), [-3, -1.5, 4.5, 0, 0, 0]);
  });

  it("sums to zero within a prompt and does not change by r + c(x)", () => {
    for (const seed of SEEDS) {
      const rewards = randomNumbers(seed, "rewards", 8), advantages = leaveOneOutAdvantages(rewards, 4);
      for (const start of [0, 4]) {
        assert.ok(
          Math.abs(advantages.slice(start, start + 4).reduce((a, b) => a + b)) < 1e-9,
          `seed ${seed}`,
        );
      }
      const moved = leaveOneOutAdvantages(rewards.map((reward, i) => reward + (i < 4 ? 9 : -2)), 4);
      moved.forEach((value, i) => assert.ok(Math.abs(value - advantages[i]) < 1e-9));
    }
  });

  it("refuses fewer than two samples and a remainder", () => {
    assert.throws(() => leaveOneOutAdvantages([1, 2], 1), RangeError);
    assert.throws(() => leaveOneOutAdvantages([1, 2, 3], 2), /got 3 for 2/);
  });
});

describe("scaledAdvantages()", () => {
  it("has deviation 1 over the batch and the signs of before: by hand", () => {
    // (−1, 1, −2, 2): mean 0, variance 10/3.
    const scaled = scaledAdvantages([-1, 1, -2, 2]), deviation = Math.sqrt(10 / 3);
    [-1, 1, -2, 2].forEach((value, i) => assert.ok(Math.abs(scaled[i] - value / deviation) < 1e-5));
  });

  it("leaves advantages that are all zero at zero", () => {
    assert.deepEqual(Array.from(scaledAdvantages([0, 0, 0])), [0, 0, 0]);
  });
});

/** Each rollout's advantage at all of its tokens. */
function atTokens(advantages: readonly number[], length: number): tf.Tensor {
  return tf.tensor2d(advantages.map((advantage) => Array.from({ length }, () => advantage)));
}

describe("policyLoss()", () => {
  useCpuTier();

  /** log π of both tokens of all 9 continuations, [9, 2], from 12 logits. */
  function logProbabilities(logits: tf.Tensor): tf.Tensor {
    const table = tf.reshape(logits, [VOCABULARY + 1, VOCABULARY]);
    const all = Array.from({ length: NUM_CONTINUATIONS }, (_, y) => tokensOf(y));
    const rows = tf.tensor1d(all.flatMap(([first]) => [0, first + 1]), "int32");
    return tf.reshape(tokenLogProbabilities(tf.gather(table, rows), tf.tensor1d(all.flat(), "int32")), [
      -1,
      LENGTH,
    ]);
  }
  const lossOf = (logits: tf.Tensor, advantages: readonly number[]) =>
    policyLoss(logProbabilities(logits), tf.ones([NUM_CONTINUATIONS, LENGTH]), atTokens(advantages, LENGTH));

  it("is −Σ A log π over counted tokens: by hand (Eq. (3))", () => {
    const loss = tf.tidy(() =>
      policyLoss(
        tf.tensor2d([[-1, -2, -9], [-3, -9, -9]]),
        tf.tensor2d([[1, 1, 0], [1, 0, 0]]),
        atTokens([2, -1], 3),
      )
        .dataSync()[0]
    );
    // −(2·(−1 − 2) − 1·(−3)) / 3 counted tokens
    assert.equal(loss, 1);
  });

  it("has Eq. (3)'s gradient in expectation: rollouts weighted by the policy, exactly (Eq. (3))", () => {
    for (const seed of SEEDS.slice(0, 4)) {
      const point = Float32Array.from(randomNumbers(seed, "logits", 12)), klCoefficient = 0.4;
      const referencePolicy = randomPolicy(seed, "reference"),
        rewards = randomNumbers(seed, "rewards", NUM_CONTINUATIONS);
      const policy = sequencePolicy(point);
      const credited = policy.map((share, y) =>
        regularisedReward(rewards[y], Math.log(share / referencePolicy[y]), klCoefficient)
      );
      // Every continuation once, with its probability as its weight; a baseline changes nothing in expectation.
      const weighted = (baseline: number) => credited.map((value, y) => policy[y] * (value - baseline));
      const gradient = (baseline: number) =>
        tf.tidy(() =>
          tf.grad((logits: tf.Tensor) => lossOf(logits, weighted(baseline)))(tf.tensor1d(point)).dataSync()
        )
          .map((value) => -value * NUM_CONTINUATIONS * LENGTH);
      const wanted = centralDifferences(
        (at) => policyValue(sequencePolicy(at), rewards, { referencePolicy, klCoefficient }),
        point,
      );
      assertGradient(gradient(0), wanted);
      assertGradient(gradient(2), wanted);
      assert.ok(relativeError(gradient(0).map((value) => -value), wanted) > TOLERANCE);
      // The KL turned round must be noticed.
      const turned = policy.map((share, y) =>
        share * regularisedReward(rewards[y], -Math.log(share / referencePolicy[y]), klCoefficient)
      );
      const wrong = tf.tidy(() =>
        tf.grad((logits: tf.Tensor) => lossOf(logits, turned))(tf.tensor1d(point)).dataSync()
      );
      assert.ok(relativeError(wrong.map((value) => -value * NUM_CONTINUATIONS * LENGTH), wanted) > TOLERANCE);
    }
  });

  it("leads by descent to the policy of Eq. (9) (Eq. (5b))", () => {
    const referencePolicy = randomPolicy(5, "reference"),
      rewards = randomNumbers(5, "rewards", NUM_CONTINUATIONS);
    const best = closedFormPolicy(referencePolicy, rewards);
    let logits = Float32Array.from({ length: 12 }, () => 0);
    for (let step = 0; step < 300; step++) {
      const policy = sequencePolicy(logits);
      const advantages = policy.map((share, y) =>
        share * regularisedReward(rewards[y], Math.log(share / referencePolicy[y]), 1)
      );
      const gradient = tf.tidy(() =>
        tf.grad((at: tf.Tensor) => lossOf(at, advantages))(tf.tensor1d(logits)).dataSync()
      );
      logits = logits.map((value, i) => value - 30 * gradient[i]);
    }
    sequencePolicy(logits).forEach((share, y) =>
      assert.ok(Math.abs(share - best[y]) < 2e-3, `${share} ${best[y]}`)
    );
  });

  it("gives masked tokens no gradient and permutes with its batch", () => {
    const [first, second] = tf.tidy(() => {
      const mask = tf.tensor2d([[1, 0], [1, 1]]), advantages = atTokens([1, -2], 2);
      const gradient = tf.grad((logs: tf.Tensor) => policyLoss(logs, mask, advantages))(
        tf.tensor2d([[-1, -5], [-2, -3]]),
      );
      const turned = policyLoss(tf.tensor2d([[-2, -3], [-1, -5]]), tf.reverse(mask, 0), atTokens([-2, 1], 2));
      const straight = policyLoss(tf.tensor2d([[-1, -5], [-2, -3]]), mask, advantages);
      assert.equal(turned.dataSync()[0], straight.dataSync()[0]);
      return [gradient.dataSync()[0], gradient.dataSync()[1]];
    });
    assert.ok(Math.abs(first + 1 / 3) < 1e-6);
    assert.equal(Math.abs(second), 0);
  });

  it("refuses advantages of another shape by name", () => {
    assert.throws(
      () => tf.tidy(() => policyLoss(tf.ones([2, 3]), tf.ones([2, 3]), tf.ones([2, 1]))),
      /policyLoss\(\): "advantages" must be \[batch=2, time=3\], got \[2, 1\]/,
    );
  });
});
