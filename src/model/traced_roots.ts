// The limit of top-k and top-p inside a compiled program: the largest t below which the weights of a row count, or sum to, at most
// so much. A bracket on log t closes around it in about ten passes over the weights; a full sort takes the time of hundreds.
import * as tf from "@tensorflow/tfjs-core";
import type { TracedOperations } from "../compute/tier.ts";
import { rowSums } from "./traced_draw.ts";

/** Passes at most, and the relative width of the bracket at which the limit is found: weights so near to it count as equal. */
const MOST_PASSES = 60, WIDTH = 5e-7;
/** Logarithm of the least weight that is told from 0. */
const LEAST_LOG = -87;

/** The least of the k largest weights: [rows, 1]. weights [rows, size], at most 1. topK: scalar. */
export function leastByCount(
  weights: tf.Tensor,
  { topK, traced }: { topK: tf.Tensor; traced: Pick<TracedOperations, "loop"> },
): tf.Tensor {
  const [, size] = weights.shape;
  const none = tf.mul(tf.slice(weights, [0, 0], [-1, 1]), 0);
  return root(weights, {
    traced,
    target: tf.add(none, tf.sub(size, topK)),
    whole: tf.add(none, size),
    low: tf.add(none, LEAST_LOG),
    measure: {
      sum: (part, limit) => tf.cast(tf.less(part, limit), "float32"),
      // How many stay falls about as a power of the limit.
      coordinate: (sum) => tf.neg(tf.log(tf.sub(size + 0.5, sum))),
      gap: () => tf.scalar(1),
    },
  });
}

/**
 * The least of the fewest largest weights that leave at most `rest` of the sum to the others: [rows, 1]. weights [rows, size], the
 * largest of a row 1. rest: scalar, 1 − p; the small sums below the limit are exact where those above it would round.
 */
export function leastByMass(
  weights: tf.Tensor,
  { rest, traced }: { rest: tf.Tensor; traced: Pick<TracedOperations, "loop"> },
): tf.Tensor {
  const [, size] = weights.shape, whole = rowSums(weights, (part) => part), target = tf.mul(whole, rest);
  return root(weights, {
    traced,
    target,
    whole,
    // Below it all weights together are no more than the target.
    low: tf.maximum(tf.log(tf.div(target, size)), LEAST_LOG),
    measure: {
      sum: (part, limit) => tf.where(tf.less(part, limit), part, tf.zerosLike(part)),
      coordinate: (sum, target) => tf.log(tf.add(sum, tf.mul(target, 1e-3))),
      gap: (limit) => limit,
    },
  });
}

interface Measure {
  /** What weights add to the sum under a limit. */
  sum(part: tf.Tensor, limit: tf.Tensor): tf.Tensor;
  /** Grows with the sum, about as the logarithm of the limit does. */
  coordinate(sum: tf.Tensor, target: tf.Tensor): tf.Tensor;
  /** What the next weight above a limit adds at least. */
  gap(limit: tf.Tensor): tf.Tensor;
}

interface Root {
  traced: Pick<TracedOperations, "loop">;
  /** The most that may lie below the limit; the whole sum; the first lower end of the bracket. [rows, 1] each. */
  target: tf.Tensor;
  whole: tf.Tensor;
  low: tf.Tensor;
  measure: Measure;
}

function root(weights: tf.Tensor, { traced, target, whole, low, measure }: Root): tf.Tensor {
  // Loop variables that start as constants are lost on the way into XLA, so these come from the arguments.
  const zero = tf.mul(low, 0), isDone = tf.less(tf.add(zero, 1), zero);
  const [, found] = traced.loop(
    (pass, _low, _high, _below, _above, isDone) =>
      tf.logicalAnd(tf.less(pass, tf.scalar(MOST_PASSES, "int32")), tf.logicalNot(tf.all(isDone))),
    (...state) => narrowed(state, measure),
    [tf.cast(tf.sum(zero), "int32"), low, zero, zero, whole, isDone, target, weights],
  );
  return tf.exp(found);
}

/**
 * One pass: a limit between the two ends is tried and becomes one of them; `below` and `above` are the sums under both. It is the
 * secant's, moved to twice the shorter step, so that the bracket closes from both sides; every third pass halves. A row is done as
 * soon as its next weight would be too much.
 */
function narrowed(state: tf.Tensor[], { sum, coordinate, gap }: Measure): tf.Tensor[] {
  const [pass, low, high, below, above, isDone, target, weights] = state;
  const width = tf.sub(high, low), half = tf.mul(width, 0.5);
  const [from, to, wanted] = [below, above, target].map((value) => coordinate(value, target));
  const share = tf.clipByValue(tf.div(tf.sub(wanted, from), tf.sub(to, from)), 0.001, 0.999);
  const step = tf.mul(width, share), back = tf.sub(width, step);
  const secant = tf.where(
    tf.less(step, half),
    tf.add(low, tf.mul(step, 2)),
    tf.sub(high, tf.mul(back, 2)),
  );
  const isHalving = tf.equal(tf.mod(pass, tf.scalar(3, "int32")), tf.scalar(2, "int32"));
  const middle = tf.where(isHalving, tf.add(low, half), secant), limit = tf.exp(middle);
  const under = rowSums(weights, (part) => sum(part, limit));
  const isUnder = tf.lessEqual(under, target), isOpen = tf.logicalNot(isDone);
  const up = tf.logicalAnd(isUnder, isOpen), down = tf.logicalAnd(tf.logicalNot(isUnder), isOpen);
  const newLow = tf.where(up, middle, low), newHigh = tf.where(down, middle, high);
  const isTight = tf.logicalAnd(isUnder, tf.less(tf.sub(target, under), gap(limit)));
  const isFound = tf.logicalOr(isTight, tf.less(tf.sub(newHigh, newLow), WIDTH));
  return [
    tf.add(pass, tf.scalar(1, "int32")),
    newLow,
    newHigh,
    tf.where(up, under, below),
    tf.where(down, under, above),
    tf.logicalOr(isDone, isFound),
    target,
    weights,
  ];
}
