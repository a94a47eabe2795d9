// Drawing through top-k and top-p as compiled programs do it, run operation by operation: against the host's way.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed, normals, splitKey, uniforms } from "../../../src/base/random.ts";
import { drawFiltered, leastKept } from "../../../src/model/filtered_draw.ts";
import { drawFilteredByInverse, filterProgram } from "../../../src/model/traced_filter.ts";
import { leastByCount, leastByMass } from "../../../src/model/traced_roots.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { loopedOperations as traced } from "../../support/looped_operations.ts";

const ROWS = 4, KEY = keyFromSeed(11);

/** Rows from nearly flat to peaked. */
function madeUpLogits(vocabulary: number): Float32Array[] {
  return Array.from(
    { length: ROWS },
    (_, row) => normals(splitKey(KEY, vocabulary, row), vocabulary).map((value) => 0.2 * 3 ** row * value),
  );
}

function softmax(logits: Float32Array): Float32Array {
  const peak = logits.reduce((a, b) => Math.max(a, b)), weights = logits.map((z) => Math.exp(z - peak));
  const total = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / total);
}

describe("drawFilteredByInverse()", () => {
  useCpuTier();

  it("draws what the host draws, with the log-probability of all tokens", () => {
    const filters: Record<number, number[][]> = {
      // All tokens go on.
      300: [[50, 0.9], [1, 1], [64, 1], [100, 0.5], [0, 0.9], [0, 0.9999], [7, 0.01]],
      // 64 of 66 blocks, the last of which is not full.
      4200: [[50, 0.9], [64, 1]],
    };
    for (const vocabulary of [300, 4200]) {
      const logits = madeUpLogits(vocabulary), uniform = uniforms(splitKey(KEY, "draws"), ROWS);
      for (const filter of filters[vocabulary]) {
        const [topK, topP] = filter, program = filterProgram({ topK, topP }, vocabulary);
        if (program === undefined) throw new Error("a filter has a program");
        const { tokens, logs } = tf.tidy(() => {
          const { token, logProbability } = drawFilteredByInverse(
            tf.tensor2d(logits.map((row) => [...row])),
            tf.tensor1d(uniform),
            { program, traced, topK: tf.scalar(topK), rest: tf.scalar(1 - topP) },
          );
          return { tokens: Array.from(token.dataSync()), logs: Array.from(logProbability.dataSync()) };
        });
        logits.forEach((row, i) => {
          const probabilities = softmax(row), name = `${vocabulary} tokens, k ${topK}, p ${topP}, row ${i}`;
          assert.equal(tokens[i], drawFiltered(probabilities, { uniform: uniform[i], topK, topP }), name);
          assert.ok(Math.abs(logs[i] - Math.log(probabilities[tokens[i]])) < 1e-5, name);
        });
      }
    }
  });

  it("cuts to 64 blocks where there are more and k is at most as many", () => {
    assert.equal(filterProgram({ topK: 0, topP: 1 }, 50_304), undefined);
    assert.deepEqual(filterProgram({ topK: 50, topP: 0.9 }, 50_304), {
      isTopK: true,
      isTopP: true,
      blocks: 64,
    });
    assert.equal(filterProgram({ topK: 65, topP: 1 }, 50_304)?.blocks, 128);
    assert.equal(filterProgram({ topK: 50, topP: 1 }, 512)?.blocks, 0);
    assert.equal(filterProgram({ topK: 0, topP: 0.9 }, 50_304)?.blocks, 0);
  });
});

describe("leastByCount() and leastByMass()", () => {
  useCpuTier();

  it("leave exactly what the host leaves, for few and for nearly all", () => {
    const logits = madeUpLogits(300);
    const weights = logits.map((row) => {
      const peak = row.reduce((a, b) => Math.max(a, b));
      return row.map((z) => Math.exp(z - peak));
    });
    const kept = (limit: (all: tf.Tensor) => tf.Tensor) =>
      tf.tidy(() => {
        const all = tf.tensor2d(weights.map((row) => [...row]));
        return Array.from(tf.sum(tf.cast(tf.greaterEqual(all, limit(all)), "float32"), 1).dataSync());
      });
    const byHost = (filter: { topK: number; topP: number }) =>
      weights.map((row) => {
        const least = leastKept(row, filter);
        return row.reduce((count, weight) => count + Number(weight >= least), 0);
      });
    for (const topK of [1, 2, 63, 200, 299, 300]) {
      assert.deepEqual(
        kept((all) => leastByCount(all, { topK: tf.scalar(topK), traced })),
        byHost({ topK, topP: 1 }),
      );
    }
    for (const topP of [0.001, 0.1, 0.5, 0.9, 0.99, 0.9999]) {
      assert.deepEqual(
        kept((all) => leastByMass(all, { rest: tf.scalar(1 - topP), traced })),
        byHost({ topK: 0, topP }),
      );
    }
  });
});
