// The tier "webgpu" on the adapter of this machine: the contract of tiers, and its silent failures made errors.
// Skipped where there is no adapter. Only software ones were ever at hand: not run on a GPU.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import { ConfigError } from "../../../src/base/errors.ts";
import { bufferLimit, setBufferLimit } from "../../../src/compute/buffer_limit.ts";
import { openTier, type Tier } from "../../../src/compute/tier.ts";
import { policyLogProbabilities } from "../../../src/model/policy_model.ts";
import { TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";
import { contract } from "./tier_contract.ts";
import { webgpuTestAdapter } from "./webgpu_test_adapter.ts";

const adapter = await webgpuTestAdapter();
if ("missing" in adapter) {
  it(`the tier "webgpu" is skipped: ${adapter.missing}`, { skip: adapter.missing }, () => {});
} else {
  describe(`the tier "webgpu" on ${adapter.name}`, () => {
    contract({ name: "webgpu", threads: 1 });
    describe("an open tier", openTierTests);
    describe("a failed tier", failedTierTests);
  });
}

async function withTier(use: (tier: Tier, backend: WebGPUBackend) => Promise<void>): Promise<void> {
  const tier = await openTier({ name: "webgpu", threads: 1 });
  try {
    const backend = tf.backend();
    assert.ok(backend instanceof WebGPUBackend);
    await use(tier, backend);
  } finally {
    await tier.dispose();
  }
}

async function valuesOf(tensor: tf.Tensor): Promise<number[]> {
  const values = Array.from(await tensor.data());
  tensor.dispose();
  return values;
}

function openTierTests(): void {
  it("names its adapter in the run's record", () =>
    withTier((tier) => {
      assert.ok("name" in adapter);
      assert.equal(tier.engine, `tfjs ${tf.version_core}, ${adapter.name}`);
      return Promise.resolve();
    }));

  it("can be opened again after it was disposed, and other tiers after it", async () => {
    for (let round = 0; round < 2; round++) {
      await withTier(async () => assert.deepEqual(await valuesOf(tf.matMul([[1, 2]], [[3], [4]])), [11]));
    }
    const cpu = await openTier({ name: "cpu", threads: 1 });
    assert.deepEqual(await valuesOf(tf.add([1], [2])), [3]);
    await cpu.dispose();
  });

  it("adds up along an axis of another length with the program of the first", () =>
    withTier(async () => {
      for (const [length, wanted] of [[2, [2, 1]], [5, [5, 4, 3, 2, 1]], [1, [1]]] as const) {
        assert.deepEqual(await valuesOf(tf.cumsum(tf.ones([length]), 0, false, true)), [...wanted]);
      }
      assert.deepEqual(await valuesOf(tf.cumsum([[1, 2], [3, 4]], 0, true)), [0, 0, 1, 2]);
      // The number that is left out must not be seen, whatever it is.
      assert.deepEqual(await valuesOf(tf.cumsum([1, Infinity], 0, true)), [0, 1]);
    }));

  it("multiplies matrices of a long inner side the same every time", () =>
    withTier(async () => {
      const side = 2048;
      const a = tf.tensor2d(Float32Array.from({ length: 16 * side }, (_, i) => Math.sin(i)), [16, side]);
      const product = () => valuesOf(tf.matMul(a, a, false, true));
      const first = await product();
      assert.deepEqual(await product(), first);
      // Row 0 with itself: the sum of sin² over 2048 radians, (2048 − sin(2048)·cos(2047) / sin(1)) / 2 = 1023.67 ….
      const wanted = Array.from({ length: side }, (_, i) => Math.sin(i) ** 2).reduce((sum, x) => sum + x);
      assert.ok(Math.abs(first[0] - wanted) < 1e-2, `wanted ${wanted}, got ${first[0]}`);
    }));

  it("refuses a synchronous read of what the GPU holds, and says what to do", () =>
    withTier(async () => {
      const sum = tf.add([1, 2], [3, 4]);
      assert.throws(() => sum.dataSync(), /^Error: Read tensors with data\(\): the tier "webgpu"/);
      assert.deepEqual(await valuesOf(sum), [4, 6]);
    }));

  it("says how large a tensor may be, and makes logits in pieces where they would be larger", () =>
    withTier(async (_, backend) => {
      assert.equal(bufferLimit(), backend.device.limits.maxStorageBufferBindingSize);
      const flat = tf.tensor1d(tinyParameters()),
        ids = tf.tensor2d([[3, 4, 5, 6], [7, 8, 3, 0]], [2, 4], "int32");
      const logs = () =>
        policyLogProbabilities(TINY_SHAPE, flat, {
          tokens: ids,
          labels: ids,
          temperature: 0.7,
          forbidden: [2],
        });
      const whole = await valuesOf(tf.tidy(logs));
      setBufferLimit("webgpu", 3 * 4 * TINY_SHAPE.vocabularySize);
      const inPieces = await valuesOf(tf.tidy(logs));
      inPieces.forEach((value, i) =>
        assert.ok(Math.abs(value - whole[i]) < 1e-5, `${value} for ${whole[i]}`)
      );
      tf.dispose([flat, ids]);
    }));

  it("refuses a tensor above the GPU's limit before it is allocated, names both, and goes on", () =>
    withTier(async (tier, backend) => {
      const limit = backend.device.limits.maxStorageBufferBindingSize, rows = Math.floor(limit / 4096) + 1;
      const used = backend.bufferManager.numBytesUsed;
      const grow = tier.compile("grow", (x) => [tf.mul(tf.ones([rows, 1024]), x)], [{
        shape: [],
        dtype: "float32",
      }]);
      const two = tf.scalar(2);
      assert.throws(() => grow(two), (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(
          error.message,
          /^Take fewer rows or shorter sequences at a time, or another --backend: /,
        );
        assert.ok(error.message.includes(`a tensor float32 [${rows}, 1024] of ${rows * 4096} bytes`));
        assert.ok(error.message.endsWith(`binds at most ${limit}`));
        return true;
      });
      assert.ok(backend.bufferManager.numBytesUsed - used < 1024);
      assert.deepEqual(await valuesOf(tf.mul(two, 3)), [6]);
      two.dispose();
    }));
}

function failedTierTests(): void {
  it("computes nothing any more after an error that nobody caught, and says which", () =>
    withTier(async (tier, { device }) => {
      const sum = tf.add([1, 2], [3, 4]);
      device.createBuffer({ size: device.limits.maxBufferSize + 4, usage: GPUBufferUsage.STORAGE });
      const message = /^Error: Open the tier "webgpu" again: its device refused an operation \(.*size/i;
      await assert.rejects(sum.data(), message);
      assert.throws(() => tf.mul(sum, 2), message);
      await assert.rejects(sum.data(), message);
      assert.match(String(await tier.failed), message);
    }));

  it("computes nothing any more after its device is lost", () =>
    withTier(async (tier, { device }) => {
      const sum = tf.add([1, 2], [3, 4]);
      device.destroy();
      assert.match(String(await tier.failed), /^Error: Open the tier "webgpu" again: its device was lost \(/);
      await assert.rejects(sum.data(), /its device was lost/);
      assert.throws(() => tf.mul(sum, 2), /its device was lost/);
    }));
}
