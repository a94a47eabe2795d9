// Layers with hand-written gradients where the composed ones cost several times the operations: layer norm and GELU.
import * as tf from "@tensorflow/tfjs-core";
import { fusedKernel } from "../math/fused_kernel.ts";

export const NORM_EPSILON = 1e-5;

/** y = x Wᵀ + b. x [rows, in], weight [out, in], bias [out] → [rows, out]. */
export function linear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const fused = fusedKernel("Linear");
  if (fused !== undefined) return fused({ x, weight, bias })[0];
  return tf.add(tf.matMul(x, weight, false, true), bias);
}

/** Layer norm over the last axis. x [rows, hidden], scale and shift [hidden] → [rows, hidden]. */
export function layerNorm(
  x: tf.Tensor,
  scale: tf.Tensor,
  shift: tf.Tensor,
  epsilon: number = NORM_EPSILON,
): tf.Tensor {
  const fused = fusedKernel("LayerNorm");
  if (fused !== undefined) return fused({ x, scale, shift }, { epsilon })[0];
  const [rows] = x.shape;
  const run = tf.customGrad((...inputs) => {
    // customGrad's types mix tensors and the save function; the order is ours: x, scale, shift, save.
    const [input, gain, offset, save] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const centred = tf.sub(input, tf.mean(input, 1, true));
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), epsilon));
    const normal = tf.mul(centred, inverse);
    save([normal, inverse, gain]);
    return {
      value: tf.add(tf.mul(normal, gain), offset),
      gradFunc: (upstream: tf.Tensor, saved: tf.Tensor[]) => {
        const [unit, rootInverse, weight] = saved;
        const scaled = tf.mul(upstream, weight);
        const along = tf.mean(tf.mul(scaled, unit), 1, true);
        const across = tf.sub(tf.sub(scaled, tf.mean(scaled, 1, true)), tf.mul(unit, along));
        // Sums over rows as a product with a row of ones: far faster than reducing the first axis.
        const ones = tf.ones([1, rows]);
        const size = weight.shape;
        return [
          tf.mul(across, rootInverse),
          tf.reshape(tf.matMul(ones, tf.mul(upstream, unit)), size),
          tf.reshape(tf.matMul(ones, upstream), size),
        ];
      },
    };
  });
  return run(x, scale, shift);
}

/** GELU with the error function: x Φ(x). Gradient: Φ(x) + x φ(x). Any shape. */
export function gelu(x: tf.Tensor): tf.Tensor {
  const fused = fusedKernel("Gelu");
  if (fused !== undefined) return fused({ x })[0];
  const run = tf.customGrad((...inputs) => {
    const [input, save] = inputs as [tf.Tensor, tf.GradSaveFunc];
    const below = tf.mul(tf.add(tf.erf(tf.mul(input, Math.SQRT1_2)), 1), 0.5);
    save([input, below]);
    return {
      value: tf.mul(input, below),
      gradFunc: (upstream: tf.Tensor, saved: tf.Tensor[]) => {
        const [at, share] = saved;
        const density = tf.mul(tf.exp(tf.mul(tf.square(at), -0.5)), 1 / Math.sqrt(2 * Math.PI));
        return tf.mul(upstream, tf.add(share, tf.mul(at, density)));
      },
    };
  });
  return run(x);
}
