// LoRA: hand values, PEFT's merged weights, gradients by central differences, and that the base is left alone.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { ConfigError } from "../../../src/base/errors.ts";
import { keyFromSeed, normals } from "../../../src/base/random.ts";
import {
  type AdaptedModel,
  adaptedParameters,
  adapterLayout,
  adapterScale,
  adapterSize,
  initialAdapter,
  linearModules,
  mergedParameters,
} from "../../../src/model/lora.ts";
import { type ModelShape, numParameters, parameterLayout } from "../../../src/model/model_shape.ts";
import { policyLogProbabilities } from "../../../src/model/policy_model.ts";
import { rewardScores } from "../../../src/model/reward_model.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { assertGradient, centralDifferences } from "../../support/gradient_check.ts";
import { TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";
import { TINY_SHAPES } from "../../support/tiny_shapes.ts";

const KEY = keyFromSeed(11);

/** Rank 2, s = 3, all linear layers. */
function adaptedModel(model: ModelShape, change: Partial<AdaptedModel["config"]> = {}): AdaptedModel {
  return {
    model,
    config: { rank: 2, alpha: 6, rankStabilised: false, targetModules: linearModules(model), ...change },
  };
}

const randomAdapter = (adapted: AdaptedModel) =>
  normals(KEY, adapterSize(adapted)).map((value) => 0.1 * value);

/** Autodiff against central differences at every seventh number. */
function checkGradient(loss: (adapter: tf.Tensor) => tf.Tensor, point: Float32Array): void {
  const coordinates = [...point.keys()].filter((i) => i % 7 === 0);
  const value = (at: Float32Array) => tf.tidy(() => loss(tf.tensor1d(at)).dataSync()[0]);
  const gradient = tf.tidy(() => tf.grad((adapter) => loss(adapter))(tf.tensor1d(point)).dataSync());
  assert.equal(gradient.length, point.length);
  assertGradient(coordinates.map((i) => gradient[i]), centralDifferences(value, point, coordinates));
}

/** The slice of a flat vector under its layout's name. */
function slice(flat: Float32Array, layout: { name: string; offset: number; size: number }[], name: string) {
  const entry = layout.find((candidate) => candidate.name === name);
  assert.ok(entry);
  return flat.subarray(entry.offset, entry.offset + entry.size);
}

describe("adapterLayout()", () => {
  it("has A and B of every target, in the model's order and without gaps", () => {
    const adapted = adaptedModel(TINY_SHAPES.llama, { targetModules: ["v_proj", "self_attn.q_proj"] });
    const layout = adapterLayout(adapted);
    assert.deepEqual(layout.map(({ name, shape, offset }) => ({ name, shape, offset })).slice(0, 4), [
      { name: "model.layers.0.self_attn.q_proj.lora_A.weight", shape: [2, 16], offset: 0 },
      { name: "model.layers.0.self_attn.q_proj.lora_B.weight", shape: [16, 2], offset: 32 },
      { name: "model.layers.0.self_attn.v_proj.lora_A.weight", shape: [2, 16], offset: 64 },
      { name: "model.layers.0.self_attn.v_proj.lora_B.weight", shape: [8, 2], offset: 96 },
    ]);
    // Two layers of 2·16 + 16·2 + 2·16 + 8·2.
    assert.equal(adapterSize(adapted), 224);
  });

  it("trains a reward's score head whole", () => {
    const last = adapterLayout(adaptedModel({ ...TINY_SHAPES.neox, head: "reward" })).at(-1);
    assert.deepEqual([last?.name, last?.part, last?.shape], ["score.weight", "whole", [1, 16]]);
  });

  it("takes names as PEFT does: the last parts, or a whole one", () => {
    const count = (...targetModules: string[]) =>
      adapterLayout(adaptedModel(TINY_SHAPE, { targetModules })).length / 2;
    assert.deepEqual([count("dense"), count("attention.dense"), count("gpt_neox.layers.1.attention.dense")], [
      2,
      2,
      1,
    ]);
    assert.equal(count("dense", "attention.dense"), 2);
  });

  it("refuses a name that is no linear layer's, with the nearest, and an empty list", () => {
    const refusal = (...targetModules: string[]) => () =>
      adapterLayout(adaptedModel(TINY_SHAPES.mistral, { targetModules }));
    assert.throws(
      refusal("q_proj", "v_prj"),
      (error) =>
        error instanceof ConfigError &&
        /^Give lora\.targetModules linear layers of a mistral.*"v_prj" is none, did you mean "v_proj"$/
          .test(error.message),
    );
    for (const name of ["embed_tokens", "lm_head", "input_layernorm", "proj"]) {
      assert.throws(refusal(name), ConfigError);
    }
    assert.throws(refusal(), ConfigError);
  });
});

describe("initialAdapter()", () => {
  it("leaves the model as its base is: B zero, A uniform in ±1/√in, the base's score head", () => {
    for (const shape of Object.values(TINY_SHAPES)) {
      const adapted = adaptedModel({ ...shape, head: "reward" }), base = tinyParameters(adapted.model);
      const adapter = initialAdapter(adapted, { base, key: KEY });
      assert.deepEqual(mergedParameters(adapted, { base, adapter }), base);
      for (const { part, shape: [, input], offset, size } of adapterLayout(adapted)) {
        const numbers = adapter.subarray(offset, offset + size), bound = 1 / Math.sqrt(input);
        if (part === "B") assert.ok(numbers.every((value) => value === 0));
        if (part === "A") {
          assert.ok(numbers.every((value) => Math.abs(value) <= bound));
          // Of 32 or more uniform numbers the largest is hardly ever below half of the bound.
          assert.ok(Math.max(...numbers) > bound / 2);
        }
      }
    }
  });
});

describe("adapterScale()", () => {
  it("is alpha / rank, or alpha / √rank where rank-stabilised", () => {
    const config = { rank: 16, alpha: 32, targetModules: [] };
    assert.equal(adapterScale({ ...config, rankStabilised: false }), 2);
    assert.equal(adapterScale({ ...config, rankStabilised: true }), 8);
  });
});

describe("mergedParameters()", () => {
  it("is W + s B A, by hand", () => {
    const model: ModelShape = {
      ...TINY_SHAPE,
      hiddenSize: 2,
      numHeads: 1,
      headSize: 2,
      numKeyValueHeads: 1,
      numLayers: 1,
    };
    const adapted = adaptedModel(model, { rank: 1, alpha: 3, targetModules: ["attention.dense"] });
    // A = [1 2], B = [10 20]ᵀ, s = 3: s B A = [[30 60] [60 120]]
    const adapter = Float32Array.of(1, 2, 10, 20), base = new Float32Array(numParameters(model)).fill(0.5);
    const merged = mergedParameters(adapted, { base, adapter });
    const weight = slice(merged, parameterLayout(model), "gpt_neox.layers.0.attention.dense.weight");
    assert.deepEqual([...weight], [30.5, 60.5, 60.5, 120.5]);
    weight.fill(0.5);
    assert.deepEqual(merged, base, "nothing else is changed");
  });
});

describe("adaptedParameters()", () => {
  useCpuTier();

  it("equals mergedParameters() within 1e-6, for every architecture and head", () => {
    for (const shape of Object.values(TINY_SHAPES)) {
      for (const head of ["policy", "reward"] as const) {
        const adapted = adaptedModel({ ...shape, head }), base = tinyParameters(adapted.model);
        const adapter = randomAdapter(adapted), wanted = mergedParameters(adapted, { base, adapter });
        const got = tf.tidy(() =>
          adaptedParameters(adapted, tf.tensor1d(base), tf.tensor1d(adapter)).dataSync()
        );
        assert.equal(got.length, wanted.length);
        wanted.forEach((value, i) => assert.ok(Math.abs(got[i] - value) <= 1e-6));
      }
    }
  });

  it("gives a policy's loss the gradient of central differences in the adapter", () => {
    const adapted = adaptedModel(TINY_SHAPES.llama, { targetModules: ["q_proj", "down_proj"] });
    const base = tf.tensor1d(tinyParameters(adapted.model)),
      tokens = tf.tensor2d([[3, 4, 5]], [1, 3], "int32");
    const labels = tf.tensor2d([[4, 5, 0]], [1, 3], "int32");
    checkGradient((adapter) =>
      tf.mean(
        policyLogProbabilities(adapted.model, adaptedParameters(adapted, base, adapter), {
          tokens,
          labels,
          temperature: 1,
          forbidden: [],
        }),
      ), randomAdapter(adapted));
    tf.dispose([base, tokens, labels]);
  });

  it("gives a reward's score the gradient of central differences in the adapter, its head included", () => {
    const adapted = adaptedModel({ ...TINY_SHAPE, head: "reward" }, { targetModules: ["query_key_value"] });
    const base = tf.tensor1d(tinyParameters(adapted.model)),
      tokens = tf.tensor2d([[3, 4, 5]], [1, 3], "int32");
    const ends = tf.tensor2d([[2]], [1, 1], "int32"), slotIndex = tf.tensor1d([0], "int32");
    checkGradient(
      (adapter) => {
        const flat = adaptedParameters(adapted, base, adapter);
        return tf.sum(rewardScores(adapted.model, flat, { tokens, ends, slotIndex }));
      },
      randomAdapter(adapted),
    );
    tf.dispose([base, tokens, ends, slotIndex]);
  });

  it("names a vector of another length", () => {
    const adapted = adaptedModel(TINY_SHAPE);
    tf.tidy(() => {
      const base = tf.zeros([numParameters(TINY_SHAPE)]);
      assert.throws(
        () => adaptedParameters(adapted, base, tf.zeros([3])),
        /"adapter" must be \[\d+\], got \[3\]/,
      );
    });
  });
});
