// RMS norm (Zhang and Sennrich 2019) with a hand-written gradient.
import * as tf from "@tensorflow/tfjs-core";

/**
 * y = x / √(mean(x²) + epsilon) · scale over the last axis. Gradient, with n = x / √… and s = upstream · scale:
 * (s − n · mean(s · n)) / √… for x, the sum of upstream · n over rows for scale.
 *
 * @param x [rows, hidden]
 * @param scale [hidden]
 * @returns [rows, hidden]
 */
export function rmsNorm(x: tf.Tensor, scale: tf.Tensor, epsilon: number): tf.Tensor {
  const [rows] = x.shape;
  const run = tf.customGrad((...inputs) => {
    // customGrad's types mix tensors and the save function; the order is ours: x, scale, save.
    const [input, gain, save] = inputs as [tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(input), 1, true), epsilon));
    const normal = tf.mul(input, inverse);
    save([normal, inverse, gain]);
    return {
      value: tf.mul(normal, gain),
      gradFunc: (upstream: tf.Tensor, saved: tf.Tensor[]) => {
        const [unit, rootInverse, weight] = saved;
        const scaled = tf.mul(upstream, weight);
        const along = tf.mean(tf.mul(scaled, unit), 1, true);
        // A sum over rows as a product with a row of ones: far faster than reducing the first axis.
        const summed = tf.matMul(tf.ones([1, rows]), tf.mul(upstream, unit));
        return [
          tf.mul(tf.sub(scaled, tf.mul(unit, along)), rootInverse),
          tf.reshape(summed, weight.shape),
        ];
      },
    };
  });
  return run(x, scale);
}
