// Opening tiers and the checks of compile(), on the tier "cpu".
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { ConfigError, ShapeError } from "../../../src/base/errors.ts";
import { openTier, type TensorSpec, type Tier } from "../../../src/compute/tier.ts";

const cpu = { name: "cpu", threads: 1 } as const;

async function withTier(use: (tier: Tier) => void): Promise<void> {
  const tier = await openTier(cpu);
  try {
    use(tier);
  } finally {
    await tier.dispose();
  }
}

describe("openTier()", () => {
  it("refuses a second tier until the first is disposed", async () => {
    const tier = await openTier(cpu);
    await assert.rejects(
      openTier({ name: "wasm", threads: 1 }),
      /Dispose the tier "cpu" before opening "wasm"/,
    );
    await tier.dispose();
    const next = await openTier({ name: "wasm", threads: 1 });
    assert.equal(tf.getBackend(), "wasm");
    await next.dispose();
  });

  it("opens the same tier again with fresh memory", async () => {
    for (let round = 0; round < 2; round++) {
      const tier = await openTier({ name: "wasm", threads: 1 });
      assert.deepEqual(Array.from(tf.matMul([[1, 2]], [[3], [4]]).dataSync()), [11]);
      await tier.dispose();
    }
  });

  it("throws ConfigError for what the user can change", async () => {
    await assert.rejects(openTier({ name: "native", threads: 1 }), /Name the folder of libtensorflow/);
    await assert.rejects(openTier({ name: "cpu", threads: 0 }), /whole number of threads from 1, got 0/);
    await assert.rejects(openTier({ name: "cpu", threads: 1.5 }), ConfigError);
    const missing = { name: "native", threads: 1, libraryDirectory: "/nowhere" } as const;
    await assert.rejects(openTier(missing), /Put a working libtensorflow 2 into "\/nowhere"/);
    await withTier((tier) => assert.equal(tier.engine, `tfjs ${tf.version_core}`));
  });
});

describe("compile()", () => {
  const specs: TensorSpec[] = [{ shape: [2, 3], dtype: "float32" }, { shape: [2], dtype: "int32" }];
  const right = () => [tf.zeros([2, 3]), tf.tensor1d([1, 2], "int32")];

  it("throws ShapeError that names function, argument, wanted and actual shape", async () => {
    await withTier((tier) => {
      const run = tier.compile("pick", (x) => [x], specs);
      const [x, ids] = right();
      const cases: [tf.Tensor[], RegExp][] = [
        [[x], /^pick: takes 2 tensors, got 1$/],
        [[x, ids, ids], /takes 2 tensors, got 3/],
        [[tf.zeros([3, 2]), ids], /^pick: argument 0 must be float32 \[2, 3\], got float32 \[3, 2\]$/],
        [[tf.zeros([6]), ids], /argument 0 .* got float32 \[6\]/],
        [[x, tf.zeros([2])], /argument 1 must be int32 \[2\], got float32 \[2\]/],
      ];
      for (const [args, message] of cases) {
        assert.throws(
          () => run(...args),
          (error) => error instanceof ShapeError && message.test(error.message),
        );
      }
    });
  });

  it("frees what it makes on the way, and what a throwing function made", async () => {
    await withTier((tier) => {
      const args = right();
      const double = tier.compile("double", (x) => [tf.add(tf.mul(x, 1), tf.mul(x, 1))], specs);
      const broken = tier.compile("broken", (x) => [tf.mul(x, 2), tf.reshape(x, [7])], specs);
      const before = tf.memory().numTensors;
      tf.dispose(double(...args));
      assert.throws(() => broken(...args));
      assert.equal(tf.memory().numTensors, before);
    });
  });

  it("returns results that are neither arguments nor each other", async () => {
    await withTier((tier) => {
      const [x, ids] = right();
      const results = tier.compile("same", (x, ids) => [x, x, ids], specs)(x, ids);
      assert.equal(new Set([x, ids, ...results]).size, 5);
      tf.dispose(results);
      assert.deepEqual(Array.from(ids.dataSync()), [1, 2]);
    });
  });
});
