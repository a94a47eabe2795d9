// Texts of a compiled rollout that go on after the first loop are ended a few rows at a time: how many, which rows, putting them back.
import * as tf from "@tensorflow/tfjs-core";
import { computesOnNvidia } from "../compute/native_gpu.ts";
import type { TierDescription } from "../compute/tier.ts";
import { cachedNumbers } from "./model_cost.ts";
import { type ModelShape, numParameters } from "./model_shape.ts";

/**
 * Tokens of a program times parameters a layer from which a second loop pays: its body takes as long to compile as the first's, 0.8 s
 * a layer. At 0.8e9 (128 rows, 56 tokens, 3 layers of hidden size 96) two such programs side by side save that in about 60 calls.
 */
const LEAST_WORK = 0.5e9;

/**
 * Rows of the second loop; the first one ends when no more texts than these go on, or after `numEarlySteps`. 0: there is no second loop.
 * On a GPU, not measured, a step should take about as long for a few rows as for all.
 */
export function numFewRows(
  tier: TierDescription,
  model: ModelShape,
  { rows, steps }: { rows: number; steps: number },
): number {
  const work = rows * steps * numParameters(model) / model.numLayers;
  return work < LEAST_WORK || computesOnNvidia(tier) ? 0 : rows / 4;
}

const EARLY_MULTIPLE = 8;

/**
 * Tokens of a row in the first loop at most: half of them, rounded down to a multiple of 8, because attention then reads half the slots,
 * where the caches are what a step mostly reads (at 24 of 56 tokens 16 % of the demo's texts go on; at 16 most do, and groups cost more than the shorter cache
 * saves); all where that is the parameters, which every group of rows behind it would read again.
 */
export function numEarlySteps(
  model: ModelShape,
  { rows, width, steps, few }: { rows: number; width: number; steps: number; few: number },
): number {
  const readsCaches = cachedNumbers(model, { rows, time: width + steps }) > numParameters(model);
  return few > 0 && readsCaches
    ? EARLY_MULTIPLE * Math.max(1, Math.floor(steps / 2 / EARLY_MULTIPLE))
    : steps;
}

/** `count` rows with all that have not ended among them: [count], int32. */
export function openRows(isDone: tf.Tensor, count: number): tf.Tensor {
  return tf.topk(tf.cast(tf.logicalNot(isDone), "float32"), count).indices;
}

/** `all` with the rows `at` replaced by `some`. all [rows, …], at [count], some [count, …] */
export function putRows(all: tf.Tensor, at: tf.Tensor, some: tf.Tensor): tf.Tensor {
  return tf.tensorScatterUpdate(all, tf.reshape(at, [-1, 1]), some);
}
