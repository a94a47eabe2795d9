// The training step of the self-test: gather, layer norm, error function, softmax loss, gradients, one descent step.
import * as tf from "@tensorflow/tfjs-core";

const VOCABULARY = 5, HIDDEN = 4;

/** Loss, then the parameters after one step of gradient descent, in one vector. */
export function trainOnce(): tf.Tensor {
  const parameters = [
    made([VOCABULARY, HIDDEN], 3),
    made([HIDDEN, HIDDEN], 5),
    made([HIDDEN], 2),
    made([VOCABULARY, HIDDEN], 8),
  ];
  const { value, grads } = tf.valueAndGrads(loss)(parameters);
  const next = parameters.map((parameter, i) => tf.reshape(tf.sub(parameter, tf.mul(grads[i], 0.5)), [-1]));
  return tf.concat([tf.reshape(value, [1]), ...next]);
}

function loss(...parameters: tf.Tensor[]): tf.Scalar {
  const [embedding, weight, scale, output] = parameters;
  const tokens = tf.tensor1d([0, 3, 3, 1, 4, 0], "int32"), labels = tf.tensor1d([3, 3, 1, 4, 0, 2], "int32");
  const hidden = tf.gather(embedding, tokens);
  const centred = tf.sub(hidden, tf.mean(hidden, 1, true));
  const root = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), 1e-5));
  const inner = tf.matMul(tf.mul(tf.mul(centred, root), scale), weight, false, true);
  const active = tf.mul(inner, tf.mul(tf.add(tf.erf(tf.mul(inner, Math.SQRT1_2)), 1), 0.5));
  const logProbabilities = tf.logSoftmax(tf.matMul(active, output, false, true));
  const onLabel = tf.cast(tf.oneHot(labels, VOCABULARY, 1, 0, "int32"), "float32");
  return tf.neg(tf.mean(tf.sum(tf.mul(onLabel, logProbabilities), 1)));
}

/** Made-up parameters between −1 and 1, the same everywhere. */
function made(shape: number[], seed: number): tf.Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(Float32Array.from({ length: size }, (_, i) => ((i + 1) * seed * 7 % 19 - 9) / 10), shape);
}

/** What `trainOnce` gives on the tier "cpu" (tfjs 4.22.0); other tiers may differ by rounding. */
export const numbersAfterTraining: readonly number[] = [
  1.5486051,
  -0.71480209,
  -0.52517581,
  -0.20520796,
  -0.15481415,
  0.081508756,
  0.25440305,
  0.64672756,
  0.61736059,
  0.89999998,
  -0.80000001,
  -0.60000002,
  -0.40000001,
  -0.20475262,
  -0.0058247242,
  0.22591549,
  0.38466185,
  0.62087494,
  0.7836265,
  -0.88711858,
  -0.71738279,
  0.71963471,
  0.40000001,
  0.12498925,
  -0.23534247,
  -0.40428442,
  -0.80000001,
  0.83991259,
  0.32771194,
  0.21286322,
  -0.1,
  -0.37874722,
  -0.72315377,
  0.91193724,
  0.60000002,
  0.31353569,
  -0.021487022,
  0.45840532,
  -0.031876449,
  -0.55997717,
  0.83014679,
  0.9355157,
  0.7408812,
  0.73013288,
  0.63751131,
  0.49435881,
  0.39690459,
  0.29610944,
  0.19359684,
  0.096017711,
  -0.0017000554,
  -0.10278128,
  -0.20450291,
  -0.31715113,
  -0.3510505,
  -0.51601499,
  -0.61738771,
  -0.70874113,
  -0.78503525,
  -0.90744603,
  0.89078248,
];
