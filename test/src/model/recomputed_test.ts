// Layers that are run again for their gradients: the same numbers, less memory.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { policyLogProbabilities } from "../../../src/model/policy_model.ts";
import { recomputed } from "../../../src/model/recomputed.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { PAD, TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";

const ids = (start: number) =>
  tf.tensor2d(Int32Array.from({ length: 32 }, (_, i) => (i * 5 + start) % 6 + 3), [2, 16], "int32");

/** Mean log-probability of a batch and its gradient. */
function lossAndGradient(model: typeof TINY_SHAPE, flat: tf.Tensor, recompute: boolean): tf.Tensor[] {
  const options = { tokens: ids(3), labels: ids(4), temperature: 0.7, forbidden: [PAD], recompute };
  const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
    tf.neg(tf.mean(policyLogProbabilities(model, x, options)))
  )(flat);
  return [value, grad];
}

describe("recomputed()", () => {
  const cpu = useCpuTier();

  it("gives the numbers of the function itself, to the bit, several layers deep", () => {
    assert.equal(cpu.tier.name, "cpu");
    tf.tidy(() => {
      const flat = tf.tensor1d(tinyParameters());
      const [wanted, got] = [false, true].map((recompute) =>
        lossAndGradient(TINY_SHAPE, flat, recompute).map((tensor) => tensor.dataSync())
      );
      assert.deepEqual(got, wanted);
    });
  });

  it("keeps one tensor a layer: of eight layers it needs less than half the memory", async () => {
    const model = { ...TINY_SHAPE, numLayers: 8 }, flat = tf.tensor1d(tinyParameters(model));
    const peaks: number[] = [];
    for (const recompute of [false, true]) {
      const { peakBytes } = await tf.profile(() =>
        tf.tidy(() => void lossAndGradient(model, flat, recompute))
      );
      peaks.push(peakBytes - flat.size * 4);
    }
    flat.dispose();
    assert.ok(peaks[1] < peaks[0] / 2, peaks.join(" "));
  });

  it("differentiates with respect to every input and none of the constants, twice in one tape", () => {
    tf.tidy(() => {
      const double = tf.scalar(2);
      const cube = (x: tf.Tensor, y: tf.Tensor) =>
        recomputed({
          run: ([a, b], [factor]) => tf.mul(tf.mul(tf.square(a), b), factor),
          inputs: [x, y],
          constants: [double],
        });
      // f = 2 (2 a² b)² b = 8 a⁴ b³: ∂a = 32 a³ b³, ∂b = 24 a⁴ b².
      const gradients = tf.grads((a, b) => tf.sum(cube(cube(a, b), b)))([
        tf.tensor1d([1, 2]),
        tf.tensor1d([3, 1]),
      ]);
      assert.deepEqual(gradients.map((tensor) => Array.from(tensor.dataSync())), [[864, 256], [216, 384]]);
    });
  });
});
