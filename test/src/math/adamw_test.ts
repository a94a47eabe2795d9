// AdamW against torch (test/golden/make_adamw_parity.py) and by hand.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { type AdamWOptions, type AdamWState, adamWStep } from "../../../src/math/adamw.ts";
import parity from "../../golden/adamw_parity.json" with { type: "json" };
import { useCpuTier } from "../../support/cpu_tier.ts";

/** Parameters after every step. */
function descend(
  start: readonly number[],
  gradients: readonly number[][],
  options: AdamWOptions,
  rates: readonly number[],
) {
  return tf.tidy(() => {
    let state: AdamWState = {
      parameters: tf.tensor1d([...start]),
      firstMoment: tf.zeros([start.length]),
      secondMoment: tf.zeros([start.length]),
    };
    return gradients.map((gradient, step) => {
      state = adamWStep(state, tf.tensor1d(gradient), {
        learningRate: tf.scalar(rates[step]),
        correction1: tf.scalar(1 - options.beta1 ** (step + 1)),
        correction2: tf.scalar(1 - options.beta2 ** (step + 1)),
      }, options);
      return Array.from(state.parameters.dataSync());
    });
  });
}

describe("adamWStep()", () => {
  useCpuTier();

  it("moves as torch.optim.AdamW after clip_grad_norm_ over 20 steps, within 1e-6", () => {
    for (const { settings, path } of parity.cases) {
      const got = descend(parity.start, parity.gradients, settings, parity.rates);
      path.forEach((wanted, step) =>
        wanted.forEach((value, i) => {
          const off = Math.abs(got[step][i] - value);
          assert.ok(off <= parity.made.tolerance, `step ${step + 1}: ${got[step][i]} instead of ${value}`);
        })
      );
    }
  });

  it("moves by the learning rate against the gradient's sign in its first step: by hand", () => {
    const options = { beta1: 0.9, beta2: 0.999, epsilon: 0, weightDecay: 0.1, gradientNorm: 100 };
    // Corrected moments are g and g²; decay first: 2·(1 − .01·.1) − .01, −1·(1 − .001) + .01.
    const [[a, b]] = descend([2, -1], [[3, -4]], options, [0.01]);
    assert.ok(Math.abs(a - 1.988) < 1e-6 && Math.abs(b + 0.989) < 1e-6, `${a} ${b}`);
  });

  it("never scales a gradient without a norm", () => {
    const stepWith = (gradientNorm: number | null) =>
      tf.tidy(() => {
        const zeros = () => tf.zeros([2]),
          [learningRate, correction1, correction2] = [1, 1, 1].map((x) => tf.scalar(x));
        const options = { beta1: 0, beta2: 0, epsilon: 1, weightDecay: 0, gradientNorm };
        const state = { parameters: zeros(), firstMoment: zeros(), secondMoment: zeros() };
        const scalars = { learningRate, correction1, correction2 };
        return adamWStep(state, tf.tensor1d([30, 40]), scalars, options).firstMoment.dataSync();
      });
    assert.deepEqual(Array.from(stepWith(null)), [30, 40]);
    assert.ok(Math.abs(stepWith(5)[0] - 3) < 1e-5);
  });

  it("scales a gradient longer than the norm down to it, and leaves a shorter one", () => {
    const options = { beta1: 0, beta2: 0, epsilon: 1, weightDecay: 0, gradientNorm: 1 };
    // Without memory and with epsilon 1 the step is g / (|g| + 1): here g = (.6, .8) after clipping (3, 4).
    const [[a, b]] = descend([0, 0], [[3, 4]], options, [1]);
    assert.ok(Math.abs(a + 0.6 / 1.6) < 1e-5 && Math.abs(b + 0.8 / 1.8) < 1e-5);
    const [[c]] = descend([0, 0], [[0.5, 0]], options, [1]);
    assert.ok(Math.abs(c + 0.5 / 1.5) < 1e-5);
  });
});
