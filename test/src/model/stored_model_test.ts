// Models as artifacts: whole, and as adapters on them.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { SchemaError } from "../../../src/base/errors.ts";
import { keyFromSeed, normals } from "../../../src/base/random.ts";
import { encodeModel } from "../../../src/model/checkpoint.ts";
import { rewardBody } from "../../../src/model/initial_parameters.ts";
import { adapterSize, linearModules, mergedParameters } from "../../../src/model/lora.ts";
import type { ModelShape } from "../../../src/model/model_shape.ts";
import { rewardScores } from "../../../src/model/reward_model.ts";
import { decodeSafetensors, encodeSafetensors } from "../../../src/model/safetensors.ts";
import { roundFloats } from "../../../src/model/stored_floats.ts";
import {
  encodeAdapter,
  mergedNetwork,
  type Network,
  normalisedAdapter,
  readStoredModel,
  type StoredAdapter,
} from "../../../src/model/stored_model.ts";
import { memoryArtifacts } from "../../../src/store/memory_artifacts.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";
import { TINY_SHAPES } from "../../support/tiny_shapes.ts";

const KEY = keyFromSeed(3);

/** An adapter of random numbers, B included, on a stored policy. */
async function adaptedFixture(shape: ModelShape, change: Partial<StoredAdapter> = {}) {
  const artifacts = memoryArtifacts(), model = { ...shape, head: "policy" as const };
  const flat = tinyParameters(model), base = await artifacts.put(encodeModel(model, flat));
  const config = { rank: 2, alpha: 4, rankStabilised: false, targetModules: linearModules(shape) };
  const adapted = { model: shape, config, ...change };
  const adapter: StoredAdapter = {
    base,
    baseType: "F32",
    flat: normals(KEY, adapterSize(adapted)).map((value) => 0.2 * value),
    ...adapted,
  };
  const digest = await artifacts.put(encodeAdapter(adapter));
  return { artifacts, policy: { model, flat }, adapter, digest };
}

describe("readStoredModel()", () => {
  it("reads a whole model, and an adapter with its base", async () => {
    for (const shape of Object.values(TINY_SHAPES)) {
      const { artifacts, policy, adapter, digest } = await adaptedFixture(shape);
      const whole = await readStoredModel(artifacts, adapter.base);
      assert.deepEqual(whole, { kind: "whole", network: policy });
      const stored = await readStoredModel(artifacts, digest);
      assert.deepEqual(stored, { kind: "adapter", adapter, base: policy.flat });
      const flat = mergedParameters(adapter, { base: policy.flat, adapter: adapter.flat });
      assert.deepEqual(mergedNetwork(stored), { model: policy.model, flat });
    }
  });

  it("rounds the base and not the adapter", async () => {
    const { artifacts, policy, adapter, digest } = await adaptedFixture(TINY_SHAPE, { baseType: "BF16" });
    const rounded = policy.flat.slice();
    roundFloats(rounded, "BF16");
    assert.notDeepEqual(rounded, policy.flat);
    assert.deepEqual(await readStoredModel(artifacts, digest), { kind: "adapter", adapter, base: rounded });
  });

  it("takes the body of a policy, adapted or not, as the base of a reward", async () => {
    const { artifacts, policy, digest } = await adaptedFixture(TINY_SHAPE);
    const reward = await adaptedFixture({ ...TINY_SHAPE, head: "reward" }, { base: digest });
    const stored = await readStoredModel(artifacts, await artifacts.put(encodeAdapter(reward.adapter)));
    assert.ok(stored.kind === "adapter");
    const { flat } = mergedNetwork(await readStoredModel(artifacts, digest));
    assert.deepEqual(stored.base, rewardBody(flat, policy.model));
    assert.notDeepEqual(stored.base, rewardBody(policy.flat, policy.model));
  });

  it("refuses a base of another model and a vector of another length, by the artifact's name", async () => {
    const { artifacts, adapter } = await adaptedFixture(TINY_SHAPE);
    const other = await artifacts.put(encodeModel(TINY_SHAPES.llama, tinyParameters(TINY_SHAPES.llama)));
    const put = (bytes: Uint8Array) => artifacts.put(bytes);
    const misplaced = await put(encodeAdapter({ ...adapter, base: other }));
    const { tensors, metadata } = decodeSafetensors(encodeAdapter(adapter), "file");
    tensors.adapter = { shape: [3], data: new Float32Array(3) };
    const short = await put(encodeSafetensors(tensors, metadata));
    for (
      const [digest, message] of [[misplaced, /is of another model/], [short, /one vector "adapter" of/]]
    ) {
      await assert.rejects(
        readStoredModel(artifacts, String(digest)),
        (error) =>
          error instanceof SchemaError && error.file === digest && RegExp(message).test(error.message),
      );
    }
  });
});

describe("normalisedAdapter()", () => {
  useCpuTier();

  it("gives scale · (r − shift), stored and merged, also twice, for every architecture", async () => {
    const scores = ({ model, flat }: Network) =>
      tf.tidy(() => {
        const tokens = tf.tensor2d([[3, 4, 5], [6, 7, 1]], [2, 3], "int32");
        const ends = tf.tensor2d([[2], [1]], [2, 1], "int32"), slotIndex = tf.tensor1d([0, 1], "int32");
        return rewardScores(model, tf.tensor1d(flat), { tokens, ends, slotIndex }).dataSync();
      });
    for (const shape of Object.values(TINY_SHAPES)) {
      const { artifacts, adapter, digest } = await adaptedFixture({ ...shape, head: "reward" });
      const raw = scores(mergedNetwork(await readStoredModel(artifacts, digest)));
      const once = normalisedAdapter(adapter, { scale: 2, shift: 0.5 });
      const twice = normalisedAdapter(once, { scale: 0.5, shift: -1 });
      for (
        const [normal, wanted] of [[once, (r: number) => 2 * (r - 0.5)], [twice, (r: number) => r]] as const
      ) {
        const stored = await readStoredModel(artifacts, await artifacts.put(encodeAdapter(normal)));
        // 0.5 · (2 · (r − 0.5) + 1) = r
        scores(mergedNetwork(stored)).forEach((score, i) =>
          assert.ok(Math.abs(score - wanted(raw[i])) < 1e-5)
        );
      }
    }
  });
});
