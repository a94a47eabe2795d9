// What every tier must compute alike: the operations of our transformer, their values and gradients, and one training
// step. Each case is pure; the contract test compares its results with those of the tier "cpu".
import * as tf from "@tensorflow/tfjs-core";
import { adamWStep } from "../../../src/math/adamw.ts";
import { tokenLogProbabilities } from "../../../src/math/token_log_probabilities.ts";
import { initialParameters } from "../../../src/model/initial_parameters.ts";
import { gelu, layerNorm } from "../../../src/model/layers.ts";
import type { ModelShape } from "../../../src/model/model_shape.ts";
import { policyLogProbabilities } from "../../../src/model/policy_model.ts";
import { rewardScores } from "../../../src/model/reward_model.ts";
import { TINY_SHAPE } from "../../support/tiny_model.ts";

export interface TierCase {
  name: string;
  compute: () => tf.Tensor[];
}

let zero: tf.Tensor | undefined;

/** `compute` with `argument`, which is 0, added to all made-up numbers: a compiler cannot work them out beforehand. */
export function computeFrom(argument: tf.Tensor, compute: TierCase["compute"]): tf.Tensor[] {
  zero = argument;
  try {
    return compute();
  } finally {
    zero = undefined;
  }
}

/** Made-up numbers between −1 and 1, the same everywhere. */
export function made(shape: number[], seed: number): tf.Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const numbers = tf.tensor(
    Float32Array.from({ length: size }, (_, i) => ((i * seed + (i >> 3)) % 37 - 18) / 18),
    shape,
  );
  return zero === undefined ? numbers : tf.add(numbers, zero);
}

/** The value of `fn` and the gradients of all its arguments under an uneven upstream gradient. */
function withGradients(fn: (...args: tf.Tensor[]) => tf.Tensor, args: tf.Tensor[]): tf.Tensor[] {
  const value = fn(...args);
  const upstream = made(value.shape, 11);
  return [value, ...tf.grads((...inputs) => tf.sum(tf.mul(fn(...inputs), upstream)))(args)];
}

const transposes = [[false, false], [false, true], [true, false], [true, true]] as const;

function matMulCases(): TierCase[] {
  const sizes = [[[], 7, 13, 9], [[], 1, 16, 11], [[], 65, 33, 40], [[3], 5, 8, 6], [
    [2, 3],
    4,
    7,
    5,
  ]] as const;
  return sizes.flatMap(([batch, rows, depth, columns]) =>
    transposes.map(([transposeA, transposeB]) => ({
      name:
        `matMul of [${batch}] pairs ${rows} x ${depth} x ${columns}, transposed: ${transposeA}, ${transposeB}`,
      compute: () =>
        withGradients((a, b) => tf.matMul(a, b, transposeA, transposeB), [
          made([...batch, ...(transposeA ? [depth, rows] : [rows, depth])], 5),
          made([...batch, ...(transposeB ? [columns, depth] : [depth, columns])], 7),
        ]),
    }))
  );
}

const ids = (values: number[], shape: number[]) => tf.tensor(values, shape, "int32");

const operationCases: TierCase[] = [
  {
    name: "matMul of one matrix with many, and of no depth",
    compute: () => [
      tf.matMul(made([1, 4, 5], 3), made([3, 5, 6], 5)),
      tf.matMul(made([3, 4, 5], 3), made([1, 5, 6], 5)),
      tf.matMul(made([3, 0], 3), made([0, 2], 3)),
    ],
  },
  {
    name: "gather",
    compute: () => withGradients((x) => tf.gather(x, ids([4, 0, 4, 1], [4])), [made([5, 6], 3)]),
  },
  {
    name: "gather of another axis, of more indices and in batches",
    compute: () => [
      ...withGradients((x) => tf.gather(x, ids([2, 2, 0], [3]), 1), [made([4, 3, 5], 3)]),
      tf.gather(made([5, 6], 3), ids([4, 0, 1, 1, 2, 3], [2, 3])),
      tf.gather(made([2, 4, 3], 3), ids([3, 0, 1, 2], [2, 2]), 1, 1),
      tf.gather(made([3, 7], 5), ids([6, 0, 3], [3, 1]), 1, 1),
      tf.gather(ids([3, 1, 4, 1, 5, 9], [3, 2]), ids([2, 0], [2])),
    ],
  },
  {
    name: "unsortedSegmentSum of numbers and of whole numbers",
    compute: () => [
      tf.unsortedSegmentSum(made([4, 3], 3), [1, 1, 0, 4], 5),
      // The reference gives this one as float32.
      tf.cast(tf.unsortedSegmentSum(ids([1, 2, 3, 4, 5, 6], [3, 2]), [2, 0, 2], 3), "int32"),
    ],
  },
  {
    name: "layer norm",
    compute: () =>
      withGradients((x, scale, shift) => layerNorm(x, scale, shift), [
        made([9, 12], 5),
        made([12], 7),
        made([12], 11),
      ]),
  },
  { name: "GELU with the error function", compute: () => withGradients(gelu, [tf.mul(made([40, 9], 5), 6)]) },
  {
    name: "erf, exp, log, sqrt, rsqrt, tanh, sigmoid and softplus",
    compute: () => {
      const x = tf.mul(made([101], 5), 4), positive = tf.add(tf.abs(x), 0.25);
      return [
        ...withGradients(tf.erf, [x]),
        ...withGradients(tf.exp, [x]),
        ...withGradients(tf.tanh, [x]),
        ...withGradients(tf.sigmoid, [x]),
        ...withGradients(tf.softplus, [x]),
        ...[tf.log, tf.sqrt, tf.rsqrt].flatMap((fn) => withGradients(fn, [positive])),
      ];
    },
  },
  {
    name: "softmax under a causal mask",
    compute: () => {
      const mask = tf.tensor2d(Float32Array.from({ length: 25 }, (_, i) => i % 5 > i / 5 ? -1e9 : 0), [5, 5]);
      return withGradients((x) => tf.softmax(tf.add(tf.mul(x, 3), mask)), [made([2, 3, 5, 5], 5)]);
    },
  },
  {
    name: "log-softmax and log-sum-exp",
    compute: () => [
      ...withGradients((x) => tf.logSoftmax(tf.mul(x, 5)), [made([6, 17], 5)]),
      ...withGradients((x) => tf.logSumExp(tf.mul(x, 5), 1), [made([6, 17], 5)]),
    ],
  },
  {
    name: "token log-probabilities",
    compute: () =>
      withGradients((x) => tokenLogProbabilities(x, ids([3, 0, 8, 3], [4])), [tf.mul(made([4, 9], 5), 3)]),
  },
  {
    name: "split along every axis, by count and by sizes",
    compute: () => [
      ...tf.split(made([6, 4, 3], 5), 3, 0),
      ...tf.split(made([6, 4, 3], 5), [1, 3], 1),
      ...tf.split(made([6, 4, 3], 5), 3, 2),
      ...tf.split(made([50], 5), [20, 0, 30]),
      ...withGradients((x) => tf.mul(tf.split(x, 2, 1)[0], tf.split(x, 2, 1)[1]), [made([3, 8], 5)]),
    ],
  },
  {
    name: "tile of axes in the middle and at the end, of one number, of whole numbers",
    compute: () => [
      tf.tile(made([2, 3, 4], 5), [1, 2, 1]),
      tf.tile(made([2, 3], 5), [3, 2]),
      tf.tile(made([3, 1], 5), [2, 4]),
      tf.tile(made([1], 5), [7]),
      tf.tile(ids([3, 1, 4], [3]), [2]),
      ...withGradients((x) => tf.tile(x, [2, 1, 3]), [made([2, 2, 2], 3)]),
    ],
  },
  {
    name: "where() by one condition for all",
    compute: () =>
      [true, false].map((holds) => {
        const sides = [made([5, 3], 5), made([5, 3], 7)];
        const chosen = tf.where(tf.scalar(holds, "bool"), sides[0], sides[1]);
        tf.dispose(sides); // what was chosen outlives them
        return tf.add(chosen, 0);
      }),
  },
  {
    name: "equal numbers of rows and columns",
    compute: () => [
      tf.cast(tf.equal(ids([3, 1, 4, 1, 5, -1], [2, 3, 1]), ids([1, 4, 2, 5], [1, 1, 4])), "float32"),
      tf.cast(tf.equal(made([2, 3], 2), made([2, 3], 2)), "float32"),
    ],
  },
  {
    name: "concat and stack",
    compute: () => [
      tf.concat([made([2, 3], 5), made([4, 3], 7)], 0),
      tf.concat([made([2, 3, 70], 5), made([2, 3, 1], 7), made([2, 3, 0], 7)], 2),
      tf.stack([made([2, 3], 5), made([2, 3], 7)], 1),
      ...withGradients((a, b) => tf.concat([a, b, a], 1), [made([2, 3, 2], 5), made([2, 1, 2], 7)]),
    ],
  },
  {
    name: "slice",
    compute: () => [
      tf.slice(made([40], 5), [3], [20]),
      tf.slice(made([4, 5, 6], 5), [1, 0, 2], [2, 5, 3]),
      tf.slice(made([4, 5, 6], 5), [1, 2, 0], [3, 2, 6]),
      tf.slice(made([2, 3, 4, 70], 5), [0, 1, 1, 2], [2, 2, 2, 66]),
      tf.slice(ids([1, 2, 3, 4, 5, 6], [2, 3]), [0, 1], [2, 2]),
      tf.slice(made([3, 4], 5), [0, 4], [3, 0]),
      ...withGradients((x) => tf.slice(x, [1, 2], [2, 3]), [made([4, 6], 5)]),
    ],
  },
  {
    name: "cumsum, plain, exclusive and reversed",
    compute: () => [
      ...withGradients((x) => tf.cumsum(x, 1), [made([3, 9], 5)]),
      tf.cumsum(made([3, 9], 5), 1, true),
      tf.cumsum(made([3, 9], 5), 0, false, true),
    ],
  },
  {
    name: "where, comparisons and casts",
    compute: () => {
      const x = made([5, 7], 5), positive = tf.greater(x, 0);
      return [
        tf.where(positive, x, tf.mul(x, 2)),
        tf.cast(positive, "float32"),
        tf.cast(tf.mul(x, 9), "int32"),
        tf.lessEqual(x, 0.25),
        tf.equal(ids([1, 2, 3], [3]), ids([3, 2, 1], [3])),
        tf.logicalAnd(positive, tf.less(x, 0.5)),
      ];
    },
  },
  {
    name: "comparisons with broadcasting",
    compute: () =>
      [tf.less, tf.lessEqual, tf.greater, tf.greaterEqual].flatMap((fn) => [
        fn(made([5, 7], 5), made([7], 5)),
        fn(made([5, 7], 5), made([5, 1], 3)),
        fn(made([1], 5), made([5, 7], 3)),
        fn(made([2, 3, 4], 5), made([2, 3, 1], 5)),
        fn(made([2, 1, 4], 5), made([1, 3, 1], 5)),
        fn(ids([1, 2, 3, 4], [2, 2]), ids([2, 3], [2, 1])),
        fn(tf.scalar(1), tf.scalar(1)),
        fn(made([0, 4], 5), made([4], 5)),
        fn(tf.tensor1d([NaN, 1]), tf.tensor1d([1, NaN])),
      ]),
  },
  {
    name: "argMax, max, one-hot and range",
    compute: () => [
      tf.argMax(made([6, 35], 5), 1),
      tf.max(made([6, 35], 5), 1, true),
      tf.oneHot(ids([0, 2, 1], [3]), 3),
      tf.oneHot(ids([0, 2, 1, 2], [2, 2]), 3, 1, 0, "float32"),
      tf.oneHot(ids([1], [1]), 2, 0.5, -0.5, "float32"),
      tf.oneHot(ids([2, 0], [2]), 3, 1, 0, "bool"),
      tf.range(2, 9, 3, "int32"),
    ],
  },
  {
    name: "sums and means over the first, last, middle, separate and all axes",
    compute: () => {
      const x = made([5, 6, 7], 5);
      return [
        ...[[0], [2], [1], [0, 1], [1, 2], [0, 2], [0, 1, 2]].flatMap((axes) => [
          ...withGradients((t) => tf.sum(t, axes), [x]),
          ...withGradients((t) => tf.mean(t, axes, true), [x]),
        ]),
        tf.sum(x),
        tf.mean(x),
        tf.sum(tf.tensor1d([1, 2, 4], "int32")),
        tf.sum(tf.scalar(3)),
        tf.sum(made([0, 4], 5), 0),
      ];
    },
  },
  {
    name: "arithmetic with broadcasting",
    compute: () =>
      [tf.add, tf.sub, tf.mul, tf.div].flatMap((fn) => [
        ...withGradients((a, b) => fn(a, tf.add(tf.square(b), 1)), [made([3, 4, 5], 5), made([4, 1], 7)]),
        fn(made([6, 8], 5), tf.add(made([8], 7), 3)),
      ]),
  },
  {
    name: "NaN and infinities",
    compute: () => {
      const x = tf.tensor1d([NaN, 1, -Infinity, Infinity, 0]), y = tf.tensor1d([1, NaN, 2, -3, 0]);
      return [
        tf.maximum(x, y),
        tf.minimum(x, y),
        tf.maximum(tf.scalar(1), tf.tensor2d([[NaN], [2]])),
        tf.maximum(tf.ones([2, 3]), tf.tensor1d([NaN, 0, 2])),
        tf.clipByValue(x, -1, 1),
        tf.relu(x),
        tf.relu6(x),
        tf.isNaN(x),
        tf.isFinite(x),
        tf.max(tf.tensor2d([[1, NaN], [1, 2]]), 1),
        tf.softmax(tf.tensor2d([[1, NaN], [1, 2]])),
      ];
    },
  },
  {
    name: "customGrad",
    compute: () => {
      const cube = tf.customGrad((...inputs) => {
        const [x, save] = inputs as [tf.Tensor, tf.GradSaveFunc]; // customGrad's types mix tensors and save
        save([x]);
        return {
          value: tf.mul(tf.square(x), x),
          gradFunc: (upstream: tf.Tensor, [saved]: tf.Tensor[]) =>
            tf.mul(upstream, tf.mul(tf.square(saved), 3)),
        };
      });
      return withGradients(cube, [made([4, 3], 5)]);
    },
  },
  {
    name: "transpose, reshape, pad and tile",
    compute: () => [
      tf.transpose(made([2, 3, 4, 5], 5), [0, 2, 1, 3]),
      tf.transpose(made([6, 7], 5)),
      tf.reshape(made([6, 4], 5), [3, -1]),
      tf.pad(made([2, 3], 5), [[1, 0], [0, 2]]),
      tf.tile(made([2, 3], 5), [2, 2]),
      tf.gatherND(made([3, 4], 5), ids([2, 1, 0, 3], [2, 2])),
      tf.scatterND(ids([2, 0], [2, 1]), made([2, 3], 5), [4, 3]),
    ],
  },
];

const model: ModelShape = { ...TINY_SHAPE, vocabularySize: 19, intermediateSize: 32, maxPositions: 8 };

const trainingCase: TierCase = {
  name: "one training step of a small transformer",
  compute() {
    const parameters = tf.add(
      tf.tensor1d(initialParameters(model, 0.2, "0123456789abcdef")),
      tf.mul(made([1], 37), 0),
    );
    const tokens = ids(Array.from({ length: 24 }, (_, i) => (i * 7 + 3) % 19), [3, 8]);
    const labels = ids(Array.from({ length: 24 }, (_, i) => (i * 7 + 10) % 19), [3, 8]);
    const { value, grad } = tf.valueAndGrad((flat: tf.Tensor) => {
      const options = { tokens, labels, temperature: 0.7, forbidden: [2] };
      return tf.neg(tf.mean(policyLogProbabilities(model, flat, options)));
    })(parameters);
    const zeros = tf.zerosLike(parameters);
    const next = adamWStep(
      { parameters, firstMoment: zeros, secondMoment: zeros },
      grad,
      { learningRate: tf.scalar(1e-3), correction1: tf.scalar(0.1), correction2: tf.scalar(0.05) },
      { beta1: 0.9, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.1, gradientNorm: 1 },
    );
    return [value, grad, next.parameters, next.firstMoment, next.secondMoment];
  },
};

/** Two rows: texts of 4 and 5 tokens that begin alike, then one of 6 alone; rewards at their ends. */
const packedCase: TierCase = {
  name: "log-probabilities and rewards of texts that share rows and beginnings, and their gradients",
  compute() {
    const tokens = ids(Array.from({ length: 16 }, (_, i) => (i * 7 + 3) % 19), [2, 8]);
    const labels = ids(Array.from({ length: 16 }, (_, i) => (i * 7 + 10) % 19), [2, 8]);
    const positions = [0, 1, 2, 3, 2, 3, 4, 0, 0, 1, 2, 3, 4, 5, 0, 0];
    const seenUntil = [7, 7, 4, 4, 7, 7, 7, 8, 6, 6, 6, 6, 6, 6, 7, 8];
    const placement = ids([...positions, ...seenUntil], [2, 2, 8]);
    const ends = ids([3, 6, 5, -1], [2, 2]), slotIndex = ids([2, 0, 1], [3]);
    const parametersOf = (shape: ModelShape) =>
      tf.add(tf.tensor1d(initialParameters(shape, 0.2, "0123456789abcdef")), tf.mul(made([1], 37), 0));
    const asked = { tokens, placement };
    const logs = (recompute: boolean) => (flat: tf.Tensor) =>
      policyLogProbabilities(model, flat, { ...asked, labels, recompute, temperature: 0.7, forbidden: [2] });
    const rewardModel: ModelShape = { ...model, head: "reward" };
    const scores = (recompute: boolean) => (flat: tf.Tensor) =>
      rewardScores(rewardModel, flat, { ...asked, ends, slotIndex, recompute });
    return [false, true].flatMap((recompute) => [
      ...withGradients((flat) => tf.mul(logs(recompute)(flat), made([2, 8], 3)), [parametersOf(model)]),
      ...withGradients((flat) => tf.mul(scores(recompute)(flat), made([3], 3)), [parametersOf(rewardModel)]),
    ]);
  },
};

export const tierCases: readonly TierCase[] = [...matMulCases(), ...operationCases, trainingCase, packedCase];
