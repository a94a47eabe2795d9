// The finite-sample objective and its gradient by hand, by enumeration and against autodiff.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { closedFormPolicy } from "../../../src/math/closed_form_policy.ts";
import { surrogateGradient } from "../../../src/math/surrogate_gradient.ts";
import {
  type EnumeratedPrompt,
  surrogateAtOptimum,
  surrogateObjective,
} from "../../../src/math/surrogate_objective.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import {
  enumeratedProblem,
  NUM_CONTINUATIONS,
  randomNumbers,
  randomPolicy,
  SEEDS,
} from "../../support/enumerated_problem.ts";
import {
  assertGradient,
  centralDifferences,
  relativeError,
  TOLERANCE,
} from "../../support/gradient_check.ts";

function near(got: number, wanted: number, message?: string): void {
  assert.ok(
    Math.abs(got - wanted) <= 1e-9 * Math.max(1, Math.abs(wanted)),
    `${message}: ${got} instead of ${wanted}`,
  );
}

const optimum = ({ referencePolicy, rewards }: EnumeratedPrompt) =>
  closedFormPolicy(referencePolicy, rewards);

/** One prompt, two continuations, π_ref = (½, ½), rewards (ln 3, 0): Z = ½·3 + ½ = 2, π* = (¾, ¼). */
const BY_HAND: EnumeratedPrompt[] = [{
  promptShare: 1,
  demonstrationShares: [1, 0],
  referencePolicy: [0.5, 0.5],
  rewards: [Math.log(3), 0],
}];

describe("surrogateObjective()", () => {
  it("is E_D[r + log π_ref] − E[r − KL]: by hand (Eq. (6))", () => {
    // Demonstrations are all y = 1: ln 3 − ln 2. The policy's value is log Z = ln 2.
    near(surrogateObjective(BY_HAND, BY_HAND.map(optimum)), Math.log(3) - 2 * Math.log(2));
  });

  it("is the demonstrations' log-likelihood under π* (Eq. (6))", () => {
    // log π* = r + log π_ref − log Z, so both say the same: here log ¾.
    near(surrogateObjective(BY_HAND, BY_HAND.map(optimum)), Math.log(0.75));
    for (const seed of SEEDS) {
      const problem = enumeratedProblem(seed);
      const likelihood = problem.flatMap((prompt) =>
        optimum(prompt).map((share, y) => prompt.demonstrationShares[y] * Math.log(share))
      );
      near(
        surrogateObjective(problem, problem.map(optimum)),
        likelihood.reduce((a, b) => a + b),
        `seed ${seed}`,
      );
    }
  });

  it("is smallest over policies at π*, and there equals surrogateAtOptimum() (Eq. (15))", () => {
    for (const seed of SEEDS) {
      const problem = enumeratedProblem(seed), value = surrogateObjective(problem, problem.map(optimum));
      near(surrogateAtOptimum(problem), value, `seed ${seed}`);
      const others = problem.map((_, x) => randomPolicy(seed, `other ${x}`));
      assert.ok(surrogateObjective(problem, others) > value);
    }
  });
});

describe("surrogateGradient()", () => {
  useCpuTier();

  /** A reward that is no table: r(x, y; θ) = tanh(features · θ), with 4 parameters shared by all continuations. */
  const NUM_PARAMETERS = 4;
  const features = randomNumbers(7, "features", 2 * NUM_CONTINUATIONS * NUM_PARAMETERS);
  const rewardsAt = (theta: tf.Tensor) =>
    tf.tanh(
      tf.matMul(tf.tensor2d(features, [2 * NUM_CONTINUATIONS, NUM_PARAMETERS]), tf.reshape(theta, [-1, 1])),
    );

  /** Eq. (15) written with tensors, so that it can be differentiated. */
  function objective(problem: EnumeratedPrompt[], theta: tf.Tensor): tf.Scalar {
    const rewards = tf.reshape(rewardsAt(theta), [2, NUM_CONTINUATIONS]);
    const logReference = tf.tensor2d(problem.map(({ referencePolicy }) => referencePolicy.map(Math.log)));
    const shares = tf.tensor2d(problem.map(({ demonstrationShares }) => [...demonstrationShares]));
    const logZ = tf.logSumExp(tf.add(logReference, rewards), 1);
    const promptShares = tf.tensor1d(problem.map(({ promptShare }) => promptShare));
    return tf.sub(tf.sum(tf.mul(shares, tf.add(rewards, logReference))), tf.sum(tf.mul(promptShares, logZ)));
  }

  it("equals autodiff of Eq. (15) and central differences; a wrong one is rejected (Eq. (10))", () => {
    for (const seed of SEEDS.slice(0, 5)) {
      const point = Float32Array.from(randomNumbers(seed, "theta", NUM_PARAMETERS));
      const rewards = tf.tidy(() => Array.from(rewardsAt(tf.tensor1d(point)).dataSync()));
      const problem = enumeratedProblem(seed).map((prompt, x) => ({
        ...prompt,
        rewards: rewards.slice(x * NUM_CONTINUATIONS, (x + 1) * NUM_CONTINUATIONS),
      }));
      const weights = surrogateGradient(problem).flat();
      // Σ weight(x, y) ∇r(x, y; θ), with ∇tanh(u) = (1 − tanh² u) · features.
      const gradient = Array.from(
        { length: NUM_PARAMETERS },
        (_, p) =>
          weights.reduce(
            (sum, weight, i) => sum + weight * (1 - rewards[i] ** 2) * features[i * NUM_PARAMETERS + p],
            0,
          ),
      );
      const auto = tf.tidy(() =>
        tf.grad((theta: tf.Tensor) => objective(problem, theta))(tf.tensor1d(point)).dataSync()
      );
      assertGradient(auto, gradient, 1e-5);
      const differences = centralDifferences(
        (at) => tf.tidy(() => objective(problem, tf.tensor1d(at)).dataSync()[0]),
        point,
      );
      assertGradient(gradient, differences);
      const wrong = problem.flatMap(({ demonstrationShares, promptShare, referencePolicy }) =>
        demonstrationShares.map((share, y) => share - promptShare * referencePolicy[y])
      );
      const ofReference = Array.from(
        { length: NUM_PARAMETERS },
        (_, p) =>
          wrong.reduce(
            (sum, weight, i) => sum + weight * (1 - rewards[i] ** 2) * features[i * NUM_PARAMETERS + p],
            0,
          ),
      );
      assert.ok(
        relativeError(ofReference, differences) > TOLERANCE,
        "π_ref in the place of π* must be noticed",
      );
    }
  });

  it("is D's share less the policy's share: by hand (Eq. (10))", () => {
    // Demonstrations (1, 0), π* = (¾, ¼).
    surrogateGradient(BY_HAND)[0].forEach((value, y) => near(value, [0.25, -0.25][y]));
  });

  it("sums to zero for each prompt: r + c(x) changes nothing (Eq. (10))", () => {
    for (const seed of SEEDS) {
      const problem = enumeratedProblem(seed);
      for (const weights of surrogateGradient(problem)) near(weights.reduce((a, b) => a + b), 0);
      const moved = problem.map((prompt, x) => ({
        ...prompt,
        rewards: prompt.rewards.map((reward) => reward + x - 3),
      }));
      near(surrogateAtOptimum(moved), surrogateAtOptimum(problem), `seed ${seed}`);
    }
  });

  it("vanishes where π* is the demonstrations' distribution (Eq. (10))", () => {
    const [prompt] = enumeratedProblem(1), expert = randomPolicy(1, "expert");
    const rewards = expert.map((share, y) => Math.log(share / prompt.referencePolicy[y]));
    const problem = [{ ...prompt, promptShare: 1, demonstrationShares: expert, rewards }];
    for (const weight of surrogateGradient(problem)[0]) assert.ok(Math.abs(weight) < 1e-12);
  });
});
