// Grouped-query attention against attention with repeated keys, and the form for one token.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed, normals, splitKey } from "../../../src/base/random.ts";
import { oneTokenAttention } from "../../../src/model/traced_attention.ts";
import { type HeadTensors, plainAttention } from "../../../src/model/transformer_layer.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";

const BATCH = 2, HEADS = 6, SEEN = 5, HEAD = 4, KEY = keyFromSeed(1);

function random(name: string, shape: [number, number, number, number]): tf.Tensor {
  return tf.tensor4d(normals(splitKey(KEY, name), shape.reduce((a, b) => a * b)), shape);
}

/** Heads of `time` queries that share `groups` heads of keys and values. */
function heads(groups: number, time: number): HeadTensors {
  return {
    queries: random("queries", [BATCH, HEADS, time, HEAD]),
    keys: random("keys", [BATCH, groups, SEEN, HEAD]),
    values: random("values", [BATCH, groups, SEEN, HEAD]),
  };
}

/** Every head of keys as often as it is shared. */
function repeated(x: tf.Tensor, groups: number): tf.Tensor {
  const members = HEADS / groups;
  const apart = tf.reshape(x, [BATCH, groups, 1, SEEN, HEAD]);
  return tf.reshape(tf.tile(apart, [1, 1, members, 1, 1]), [BATCH, HEADS, SEEN, HEAD]);
}

function assertNear(first: tf.Tensor, second: tf.Tensor): void {
  const wanted = second.dataSync();
  first.dataSync().forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) < 2e-6, `${i}`));
}

describe("plainAttention()", () => {
  useCpuTier();

  it("gives queries that share keys what they get from keys of their own", () => {
    tf.tidy(() => {
      const bias = tf.mul(random("bias", [BATCH, 1, 3, SEEN]), 3);
      for (const groups of [1, 2, 3]) {
        const { queries, keys, values } = heads(groups, 3);
        const own = { queries, keys: repeated(keys, groups), values: repeated(values, groups) };
        assertNear(plainAttention({ queries, keys, values }, bias), plainAttention(own, bias));
      }
    });
  });
});

describe("oneTokenAttention()", () => {
  useCpuTier();

  it("is plainAttention() for one token, with and without shared keys", () => {
    tf.tidy(() => {
      const bias = tf.mul(random("bias", [BATCH, 1, 1, SEEN]), 3);
      for (const groups of [1, 2, 6]) {
        assertNear(oneTokenAttention(heads(groups, 1), bias), plainAttention(heads(groups, 1), bias));
      }
    });
  });
});
