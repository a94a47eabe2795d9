// The pairwise reward loss: by hand, its gradient, what leaves it unchanged.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { ShapeError } from "../../../src/base/errors.ts";
import { rewardLoss } from "../../../src/math/reward_loss.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { randomNumbers, SEEDS } from "../../support/enumerated_problem.ts";
import {
  assertGradient,
  centralDifferences,
  relativeError,
  TOLERANCE,
} from "../../support/gradient_check.ts";

function lossOf(demonstrations: readonly number[], generations: readonly number[]): number {
  return tf.tidy(() =>
    rewardLoss(tf.tensor1d([...demonstrations]), tf.tensor1d([...generations])).dataSync()[0]
  );
}

/** Gradients of the loss with respect to both lists. */
function gradientsOf(
  demonstrations: readonly number[],
  generations: readonly number[],
): [number[], number[]] {
  return tf.tidy(() => {
    const [first, second] = tf.grads((a: tf.Tensor, b: tf.Tensor) => rewardLoss(a, b))([
      tf.tensor1d([...demonstrations]),
      tf.tensor1d([...generations]),
    ]);
    return [Array.from(first.dataSync()), Array.from(second.dataSync())];
  });
}

describe("rewardLoss()", () => {
  useCpuTier();

  it("equals ln 2 when rewards are equal (Eq. (11))", () => {
    assert.ok(Math.abs(lossOf([0.3, -2, 7], [0.3, -2, 7]) - Math.LN2) < 1e-6);
  });

  it("is −log σ of the margin: by hand (Eq. (2))", () => {
    // Margins ln 3 and −ln 3: σ = ¾ and ¼; −(ln ¾ + ln ¼) / 2 = (2 ln 4 − ln 3) / 2.
    const wanted = (2 * Math.log(4) - Math.log(3)) / 2;
    assert.ok(Math.abs(lossOf([Math.log(3), 0], [0, Math.log(3)]) - wanted) < 1e-6);
  });

  it("is small where demonstrations have the higher reward and large where generations have (Eq. (11))", () => {
    // softplus(−4) = 0.0181499, softplus(4) = 4.0181499
    assert.ok(Math.abs(lossOf([3], [-1]) - 0.0181499) < 1e-6);
    assert.ok(Math.abs(lossOf([-1], [3]) - 4.0181499) < 1e-5);
  });

  it("has −½ of Eq. (10)'s integrand as gradient where rewards are equal (Eq. (11))", () => {
    // Eq. (10) per pair: ∇r(y) − ∇r(y′). The mean over 2 pairs halves each: −¼ on r(y), +¼ on r(y′).
    const [onDemonstrations, onGenerations] = gradientsOf([1, -2], [1, -2]);
    onDemonstrations.forEach((value) => assert.ok(Math.abs(value + 0.25) < 1e-6, `${value}`));
    onGenerations.forEach((value) => assert.ok(Math.abs(value - 0.25) < 1e-6, `${value}`));
  });

  it("raises rewards of demonstrations and lowers those of generations along its descent (Eq. (11))", () => {
    const [onDemonstrations, onGenerations] = gradientsOf([0.2, 3, -4], [0.5, -1, 2]);
    assert.ok(onDemonstrations.every((value) => value < 0) && onGenerations.every((value) => value > 0));
  });

  it("is unchanged by r + c(x) and by the order of pairs (Eq. (11))", () => {
    for (const seed of SEEDS) {
      const [first, second, constants] = ["y", "y'", "c"].map((label) => randomNumbers(seed, label, 5));
      const loss = lossOf(first, second),
        moved = (list: number[]) => list.map((value, i) => value + 3 * constants[i]);
      assert.ok(Math.abs(lossOf(moved(first), moved(second)) - loss) < 1e-5, `seed ${seed}`);
      assert.ok(Math.abs(lossOf([...first].reverse(), [...second].reverse()) - loss) < 1e-6, `seed ${seed}`);
    }
  });

  it("has the gradient that central differences give; a wrong one is rejected (Eq. (11))", () => {
    const point = Float32Array.from(randomNumbers(3, "rewards", 8));
    const loss = (flat: tf.Tensor) => {
      const [demonstrations, generations] = tf.split(flat, 2);
      return rewardLoss(demonstrations, generations);
    };
    const gradient = tf.tidy(() => tf.grad(loss)(tf.tensor1d(point)).dataSync());
    const wanted = centralDifferences((at) => tf.tidy(() => loss(tf.tensor1d(at)).dataSync()[0]), point);
    assertGradient(gradient, wanted);
    assert.ok(relativeError(gradient.map((value) => -value), wanted) > TOLERANCE);
    // Eq. (10) in the place of Eq. (11): weights ½ whatever the margin.
    const linear = gradient.map((_, i) => (i < 4 ? -1 : 1) / 8);
    assert.ok(relativeError(linear, wanted) > TOLERANCE);
  });

  it("stays finite for margins far beyond what exp holds", () => {
    assert.equal(lossOf([1e4], [-1e4]), 0);
    assert.equal(lossOf([-1e4], [1e4]), 2e4);
    gradientsOf([-1e4, 1e4], [1e4, -1e4]).flat().forEach((value) => assert.ok(Number.isFinite(value)));
  });

  it("refuses lists of different lengths by name", () => {
    assert.throws(
      () => lossOf([1, 2], [1]),
      (error) =>
        error instanceof ShapeError &&
        /rewardLoss\(\): "generationRewards" must be \[pairs=2\], got \[1\]/.test(error.message),
    );
  });
});
