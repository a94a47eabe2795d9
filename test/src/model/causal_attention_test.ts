// Attention of whole sequences: tiles against the definition, with shared heads of keys and with blocks that do not divide the length.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../../../src/base/errors.ts";
import { keyFromSeed, normals, splitKey } from "../../../src/base/random.ts";
import { causalAttention, sightMask, TILED_FROM } from "../../../src/model/causal_attention.ts";
import { hiding, hidingBeyond, tiledAttention } from "../../../src/model/tiled_attention.ts";
import { type HeadTensors, plainAttention } from "../../../src/model/transformer_layer.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { assertGradient, centralDifferences } from "../../support/gradient_check.ts";
import { nativeSkip, useNativeTier } from "../../support/native_tier.ts";

interface Case {
  batch: number;
  heads: number;
  shared: number;
  time: number;
  head: number;
}

/** Random queries, keys, values and an upstream gradient. */
function inputs({ batch, heads, shared, time, head }: Case): Float32Array[] {
  const sizes = [heads, shared, shared, heads].map((count) => batch * count * time * head);
  return sizes.map((size, i) => normals(splitKey(keyFromSeed(7), "attention", i), size));
}

/** What is read, and the gradients of queries, keys and values: all numbers. */
function results(
  { batch, heads, shared, time, head }: Case,
  attend: (heads: HeadTensors) => tf.Tensor,
  values: readonly Float32Array[],
): number[][] {
  return tf.tidy(() => {
    const shape = (count: number) => [batch, count, time, head];
    const [queries, keys, read] = [heads, shared, shared].map((count, i) =>
      tf.tensor(values[i], shape(count))
    );
    const upstream = tf.tensor(values[3], shape(heads));
    const fn = (...args: tf.Tensor[]) => attend({ queries: args[0], keys: args[1], values: args[2] });
    const gradients = tf.grads((...args) => tf.sum(tf.mul(fn(...args), upstream)))([queries, keys, read]);
    return [fn(queries, keys, read), ...gradients].map((tensor) => Array.from(tensor.dataSync()));
  });
}

const plain = (heads: HeadTensors) => {
  const time = heads.queries.shape[2] ?? 0;
  return plainAttention(heads, hiding(1, [0, time], [0, time]));
};

/** Some place behind each token up to which later ones see it. */
function someSight({ batch, time }: Case): tf.Tensor2D {
  const until = Int32Array.from({ length: batch * time }, (_, index) => {
    const place = index % time;
    return place + 1 + (index * 7) % (time - place);
  });
  return tf.tensor2d(until, [batch, time], "int32");
}

const plainBeyond = (heads: HeadTensors, seenUntil: tf.Tensor) => {
  const whole = [0, heads.queries.shape[2] ?? 0] as const;
  return plainAttention(heads, hidingBeyond(seenUntil, 1, { queries: whole, keys: whole }));
};

function assertNear(got: number[][], wanted: number[][], tolerance: number): void {
  wanted.forEach((numbers, i) => {
    const most = Math.max(1, ...numbers.map(Math.abs));
    const off = Math.max(...numbers.map((value, j) => Math.abs(value - got[i][j])));
    assert.ok(
      off <= tolerance * most,
      `${["value", "queries", "keys", "values"][i]}: off by ${off} of ${most}`,
    );
  });
}

const CASES: (Case & { block: number })[] = [
  { batch: 2, heads: 2, shared: 2, time: 12, head: 4, block: 4 },
  { batch: 1, heads: 4, shared: 2, time: 13, head: 6, block: 5 },
  { batch: 2, heads: 3, shared: 1, time: 7, head: 2, block: 3 },
  { batch: 1, heads: 2, shared: 1, time: 5, head: 4, block: 8 },
  { batch: 1, heads: 1, shared: 1, time: 1, head: 3, block: 2 },
];

describe("tiledAttention()", () => {
  const cpu = useCpuTier();

  for (const { block, ...sizes } of CASES) {
    it(`equals the definition, with its gradients: ${JSON.stringify({ ...sizes, block })}`, () => {
      assert.equal(cpu.tier.name, "cpu");
      const values = inputs(sizes);
      assertNear(
        results(sizes, (heads) => tiledAttention(heads, block), values),
        results(sizes, plain, values),
        2e-6,
      );
    });
  }

  for (const { block, ...sizes } of CASES) {
    it(`ends sight where it is told to: ${JSON.stringify({ ...sizes, block })}`, () => {
      const values = inputs(sizes), seenUntil = someSight(sizes);
      assertNear(
        results(sizes, (heads) => tiledAttention(heads, block, seenUntil), values),
        results(sizes, (heads) => plainBeyond(heads, seenUntil), values),
        2e-6,
      );
      seenUntil.dispose();
    });
  }

  it("hides what the rule of sight hides: by hand", () => {
    tf.tidy(() => {
      const bias = hidingBeyond(tf.tensor2d([[3, 2, 3]], [1, 3], "int32"), 1, {
        queries: [0, 3],
        keys: [0, 3],
      });
      // The third token does not see the second.
      assert.deepEqual(Array.from(bias.dataSync(), (value) => value === 0), [
        ...[true, false, false],
        ...[true, true, false],
        ...[true, false, true],
      ]);
    });
  });

  it("has the gradient of its value: central differences", () => {
    const sizes = { batch: 1, heads: 4, shared: 2, time: 6, head: 3 }, values = inputs(sizes);
    const attend = (heads: HeadTensors) => tiledAttention(heads, 4);
    const [, ...gradients] = results(sizes, attend, values);
    gradients.forEach((gradient, which) => {
      const coordinates = Array.from({ length: 12 }, (_, i) => (i * 5) % gradient.length);
      const value = (point: Float32Array) => {
        const [read] = results(sizes, attend, values.map((numbers, i) => i === which ? point : numbers));
        return read.reduce((sum, number, i) => sum + number * values[3][i], 0);
      };
      assertGradient(
        coordinates.map((i) => gradient[i]),
        centralDifferences(value, values[which], coordinates),
      );
    });
  });

  it("does not see later tokens: changing them changes nothing before", () => {
    const sizes = { batch: 1, heads: 2, shared: 1, time: 9, head: 4 }, values = inputs(sizes);
    const attend = (heads: HeadTensors) => tiledAttention(heads, 4), from = 5;
    const changed = values.slice(0, 3).map((numbers) =>
      numbers.map((value, i) => Math.floor(i / 4) % 9 >= from ? 100 - value : value)
    );
    const [before] = results(sizes, attend, values),
      [after] = results(sizes, attend, [...changed, values[3]]);
    before.forEach((value, i) => {
      if (Math.floor(i / 4) % 9 < from) assert.equal(after[i], value);
    });
  });

  it("refuses heads that cannot be shared and shapes that do not fit", () => {
    const heads = (count: number, time = 4) => tf.zeros([1, count, time, 2]);
    tf.tidy(() => {
      assert.throws(
        () => tiledAttention({ queries: heads(3), keys: heads(2), values: heads(2) }, 2),
        /3 query heads cannot share 2 heads of keys/,
      );
      assert.throws(
        () => tiledAttention({ queries: heads(2), keys: heads(2, 5), values: heads(2) }, 2),
        ShapeError,
      );
    });
  });
});

describe("causalAttention()", () => {
  const cpu = useCpuTier();

  it("equals the definition on both sides of the length from which it works in tiles", () => {
    assert.equal(cpu.tier.name, "cpu");
    for (const time of [TILED_FROM - 1, TILED_FROM]) {
      const sizes = { batch: 1, heads: 1, shared: 1, time, head: 2 }, values = inputs(sizes);
      assertNear(results(sizes, causalAttention, values), results(sizes, plain, values), 2e-6);
      const seenUntil = someSight(sizes);
      const attend = (heads: HeadTensors) => causalAttention(heads, sightMask(seenUntil));
      assertNear(
        results(sizes, attend, values),
        results(sizes, (heads) => plainBeyond(heads, seenUntil), values),
        2e-6,
      );
      seenUntil.dispose();
    }
  });
});

describe(`tiledAttention() compiled${nativeSkip ? ` (skipped: ${nativeSkip})` : ""}`, () => {
  const native = useNativeTier();

  it("equals the definition, with its gradients", { skip: nativeSkip }, async () => {
    const [, { block, ...sizes }] = CASES, values = inputs(sizes);
    const { batch, heads, shared, time, head } = sizes;
    const shapes = [heads, shared, shared, heads].map((count) => [batch, count, time, head]);
    const floats = shapes.map((shape) => ({ shape, dtype: "float32" }) as const);
    const specs = [...floats, { shape: [batch, time], dtype: "int32" } as const];
    for (const isTold of [false, true]) {
      const run = native.tier.compile("attention", (q, k, v, upstream, seenUntil) => {
        const fn = (...args: tf.Tensor[]) => {
          const heads = { queries: args[0], keys: args[1], values: args[2] };
          return tiledAttention(heads, block, isTold ? seenUntil : undefined);
        };
        return [fn(q, k, v), ...tf.grads((...args) => tf.sum(tf.mul(fn(...args), upstream)))([q, k, v])];
      }, specs);
      const seenUntil = someSight(sizes);
      const given = values.map((numbers, i) => tf.tensor(numbers, shapes[i])),
        made = run(...given, seenUntil);
      const got = await Promise.all(made.map(async (tensor) => Array.from(await tensor.data())));
      const wanted = (heads: HeadTensors) => isTold ? plainBeyond(heads, seenUntil) : plain(heads);
      assertNear(got, results(sizes, wanted, values), 2e-6);
      tf.dispose([...given, ...made, seenUntil]);
    }
  });
});
