// The fused kernels of the wasm tier against the operations that other tiers compose them of, values and gradients, at odd
// sizes; and that neither threads nor the way work is cut change a bit.
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { ConfigError } from "../../../src/base/errors.ts";
import { openTier, type Tier, type TierOptions } from "../../../src/compute/tier.ts";
import { defaultVariant } from "../../../src/compute/wasm_kernels.ts";
import { adamWStep } from "../../../src/math/adamw.ts";
import { fusedKernel, type FusedKernelName } from "../../../src/math/fused_kernel.ts";
import { tokenLogProbabilities } from "../../../src/math/token_log_probabilities.ts";
import { sightMask } from "../../../src/model/causal_attention.ts";
import { extendedCache } from "../../../src/model/extended_cache.ts";
import { inverseDraw } from "../../../src/model/inverse_draw.ts";
import { gelu, layerNorm, linear } from "../../../src/model/layers.ts";
import { rotaryTables } from "../../../src/model/rotary.ts";
import { attendJoined, type LayerInput, plainAttention } from "../../../src/model/transformer_layer.ts";
import { TINY_SHAPE } from "../../support/tiny_model.ts";

/** Made-up numbers between −1 and 1. */
function made(shape: number[], seed: number): tf.Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => ((i * seed + (i >> 3)) % 37 - 18) / 18),
    shape,
  );
}

type Differentiable = (...args: tf.Tensor[]) => tf.Tensor;

/** A value and the gradients of all arguments under an uneven upstream gradient. */
function withGradients(fn: Differentiable, args: tf.Tensor[]): tf.Tensor[] {
  const value = fn(...args), upstream = made(value.shape, 11);
  return [value, ...tf.grads((...inputs) => tf.sum(tf.mul(fn(...inputs), upstream)))(args)];
}

/** What `compute` gives on a backend without the kernel. */
function composed(name: FusedKernelName, compute: () => tf.Tensor[]): tf.Tensor[] {
  const kernel = tf.getKernel(name, "wasm");
  tf.unregisterKernel(name, "wasm");
  try {
    assert.equal(fusedKernel(name), undefined);
    return compute();
  } finally {
    tf.registerKernel(kernel);
  }
}

/** Fused and composed agree to 1e-6 of each result's largest number, or of 1. */
function assertSame(name: FusedKernelName, compute: () => tf.Tensor[], tolerance = 1e-6): void {
  tf.tidy(() => {
    const found = compute(), wanted = composed(name, compute);
    assert.equal(found.length, wanted.length);
    wanted.forEach((tensor, index) => {
      assert.deepEqual(found[index].shape, tensor.shape);
      assert.equal(found[index].dtype, tensor.dtype);
      const values = Array.from(tensor.dataSync()), got = found[index].dataSync();
      const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
      const off = values.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i])), 0);
      assert.ok(off <= tolerance * scale, `${name}, result ${index}: off by ${off / scale}`);
    });
  });
}

const options: TierOptions[] = defaultVariant() === "simd128"
  ? [{ name: "wasm", threads: 2, variant: "simd128" }]
  : [{ name: "wasm", threads: 2, variant: "simd128" }, { name: "wasm", threads: 2, variant: "relaxed-simd" }];

for (const option of options) {
  describe(`the fused kernels of the tier "wasm", variant "${option.variant}"`, () => {
    let tier: Tier;
    beforeAll(async () => {
      tier = await openTier(option);
    });
    afterAll(() => tier.dispose());

    it("Linear is x Wᵀ + b", () => {
      for (const [rows, depth, columns] of [[1, 5, 7], [3, 8, 8], [70, 33, 21], [9, 400, 5]]) {
        const args = [made([rows, depth], 5), made([columns, depth], 7), made([columns], 3)];
        assertSame("Linear", () => withGradients(linear as Differentiable, args));
      }
    });

    it("LayerNorm is layer norm, and its gradient", () => {
      for (const [rows, width] of [[1, 5], [67, 12], [130, 33]]) {
        const args = [made([rows, width], 5), made([width], 7), made([width], 3)];
        assertSame(
          "LayerNorm",
          () => withGradients((x, scale, shift) => layerNorm(x, scale, shift), args),
          2e-6,
        );
      }
    });

    it("Gelu is x Φ(x), and its gradient", () => {
      assertSame("Gelu", () => withGradients(gelu, [tf.mul(made([41, 51], 5), 6)]));
    });

    it("TokenLogProbabilities is the logarithm of softmax at the label, and its gradient", () => {
      for (const [rows, vocabulary] of [[1, 3], [5, 19], [7, 66]]) {
        const labels = tf.tensor1d(Array.from({ length: rows }, (_, i) => i * 5 % vocabulary), "int32");
        const logits = tf.mul(made([rows, vocabulary], 5), 8);
        assertSame(
          "TokenLogProbabilities",
          () => withGradients((x) => tokenLogProbabilities(x, labels), [logits]),
        );
      }
    });

    it("TokenLogProbabilities refuses a label outside of the vocabulary", () => {
      const logits = made([2, 3], 5);
      for (const wrong of [-1, 3]) {
        assert.throws(
          () => tf.tidy(() => tokenLogProbabilities(logits, tf.tensor1d([0, wrong], "int32"))),
          new RegExp(`label ${wrong} is not in \\[0, 3\\)`),
        );
      }
      logits.dispose();
    });

    it("Attention is softmax(q kᵀ / √head + bias) v, with shared keys too, and its gradient", () => {
      for (const [batch, heads, groups, time, head] of [[2, 2, 2, 5, 8], [3, 4, 2, 9, 6], [2, 3, 1, 2, 7]]) {
        const mask = tf.tensor(
          Float32Array.from({ length: time * time }, (_, i) => i % time > i / time ? -1e9 : 0),
          [1, 1, time, time],
        );
        const bias = tf.add(mask, made([batch, 1, time, time], 5));
        const args = [[heads, 3], [groups, 5], [groups, 7]].map(([own, seed]) =>
          made([batch, own, time, head], seed)
        );
        const attention: Differentiable = (queries, keys, values) =>
          plainAttention({ queries, keys, values }, bias);
        assertSame("Attention", () => withGradients(attention, args));
        assertSame(
          "Attention",
          () => [plainAttention({ queries: args[0], keys: args[1], values: args[2] }, mask)],
        );
      }
    });

    it("SightMask hides what comes later and what is no longer seen", () => {
      // A text of two tokens, another of three of which the first is seen by all and the second by itself alone, padding.
      const seenUntil = tf.tensor2d([[2, 2, 5, 4, 5, 6], [6, 6, 6, 6, 6, 6]], [2, 6], "int32");
      assertSame("SightMask", () => {
        const mask = sightMask(seenUntil);
        return [tf.equal(mask, 0), tf.lessEqual(mask, -1e9)];
      });
      seenUntil.dispose();
    });

    it("SplitHeads takes a joined projection apart and rotates it, and its gradient", () => {
      const model = {
        ...TINY_SHAPE,
        numHeads: 2,
        numKeyValueHeads: 2,
        headSize: 8,
        hiddenSize: 16,
        rotaryShare: 0.5,
      };
      const batch = 3, time = 5, rotary = rotaryTables(model, time);
      const input: LayerInput = {
        ...{ layer: 0, x: tf.zeros([1]), batch, time, rotary },
        attend: (_, { queries, keys, values }) => tf.add(tf.mul(queries, keys), values),
      };
      assertSame(
        "SplitHeads",
        () => withGradients((joined) => attendJoined(model, joined, input), [made([batch * time, 48], 5)]),
      );
    });

    it("DrawTokens draws what inverse transform sampling draws", () => {
      const rows = 40, uniforms = Float32Array.from({ length: rows }, (_, i) => (i + 0.37) / rows);
      assertSame("DrawTokens", () => {
        const { token, logProbability } = inverseDraw(tf.mul(made([rows, 61], 5), 4), uniforms);
        return [token, logProbability];
      });
    });

    it("DrawTokens never draws what has no probability, at either end", () => {
      const logits = tf.tensor2d([[-1e9, 1, 2, -1e9], [-1e9, 1, 2, -1e9]]);
      const { token, logProbability } = inverseDraw(logits, Float32Array.of(0, 1 - 2 ** -24));
      assert.deepEqual(Array.from(token.dataSync()), [1, 2]);
      tf.dispose([logits, token, logProbability]);
    });

    it("ExtendCache puts new positions behind the old ones, in place where there is room", () => {
      const before = tf.memory().numTensors;
      let cache = made([2, 3, 4, 5], 5), wanted = tf.clone(cache), numGrown = 0;
      for (let step = 0; step < 40; step++) {
        const added = made([2, 3, 1, 5], step + 3), dataId = cache.dataId;
        const next = extendedCache(cache, added, 4 + step), longer = tf.concat([wanted, added], 2);
        if (next.dataId !== dataId) numGrown++;
        tf.dispose([cache, wanted, added]);
        [cache, wanted] = [next, longer];
        const used = tf.slice(cache, [0, 0, 0, 0], [2, 3, 5 + step, 5]);
        assert.deepEqual(used.dataSync(), wanted.dataSync());
        used.dispose();
      }
      assert.equal(numGrown, 2);
      tf.dispose([cache, wanted]);
      assert.equal(tf.memory().numTensors, before);
    });

    it("AdamWStep is the composed update, clipped and not", () => {
      const state = {
        parameters: made([2_500], 5),
        firstMoment: made([2_500], 3),
        secondMoment: tf.abs(made([2_500], 7)),
      };
      const scalars = {
        learningRate: tf.scalar(0.01),
        correction1: tf.scalar(0.19),
        correction2: tf.scalar(0.02),
      };
      for (const gradientNorm of [null, 1, 1e9]) {
        const settings = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, gradientNorm };
        assertSame("AdamWStep", () => Object.values(adamWStep(state, made([2_500], 11), scalars, settings)));
      }
    });

    it("AdamWStep hands a NaN in the gradient on", () => {
      const zeros = tf.zeros([5]), gradient = tf.tensor1d([1, NaN, 1, 1, 1]), one = tf.scalar(1);
      const next = adamWStep(
        { parameters: zeros, firstMoment: zeros, secondMoment: zeros },
        gradient,
        { learningRate: one, correction1: one, correction2: one },
        { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, gradientNorm: 1 },
      );
      assert.ok(Array.from(next.parameters.dataSync()).every(Number.isNaN));
      tf.dispose([Object.values(next), zeros, gradient, one]);
    });
  });
}

describe("threads of the tier wasm", () => {
  /** Results large enough to be cut into many chunks, from every fused kernel. */
  async function results(threads: number): Promise<Uint8Array> {
    const tier = await openTier({ name: "wasm", threads });
    try {
      const tensors = tf.tidy(() => {
        const x = made([700, 96], 5), weight = made([200, 96], 7), labels = tf.zeros([700], "int32");
        const joined = (...[input, w]: tf.Tensor[]) => {
          const inner = gelu(linear(layerNorm(input, made([96], 3), made([96], 5)), w, made([200], 3)));
          return tokenLogProbabilities(inner, labels);
        };
        const heads = [3, 5, 7].map((seed) => made([64, 4, 12, 24], seed));
        const attention = (...[queries, keys, values]: tf.Tensor[]) =>
          plainAttention({ queries, keys, values }, made([1, 1, 12, 12], 3));
        return [
          ...withGradients(joined, [x, weight]),
          ...withGradients(attention, heads),
          tf.matMul(made([3, 300, 90], 5), made([3, 90, 50], 7)),
          tf.matMul(made([1, 2_000], 5), made([2_000, 900], 7)),
        ];
      });
      const bytes: Uint8Array[] = [];
      for (const tensor of tensors) bytes.push(new Uint8Array((await tensor.data()).slice().buffer));
      return Uint8Array.from(bytes.flatMap((part) => Array.from(part)));
    } finally {
      await tier.dispose();
    }
  }

  it("change no bit of any result, with memory growing in between", async () => {
    const alone = await results(1);
    assert.deepEqual(await results(2), alone);
    assert.deepEqual(await results(5), alone);
  });

  it("are recorded with the variant, and the variant is refused where it means something else", async () => {
    const tier = await openTier({ name: "wasm", threads: 3, variant: "simd128" });
    assert.deepEqual([tier.threads, tier.variant], [3, "simd128"]);
    await tier.dispose();
    const wrong = openTier({ name: "wasm", threads: 1, variant: "xla" });
    await assert.rejects(
      wrong,
      (error) => error instanceof ConfigError && /has "simd128" and "relaxed-simd"/.test(error.message),
    );
  });
});
