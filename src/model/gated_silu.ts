// The gate of SwiGLU (Shazeer 2020) with a hand-written gradient: one kept tensor more than its inputs.
import * as tf from "@tensorflow/tfjs-core";

/**
 * silu(gate) · up with silu(x) = x σ(x), elementwise; any shape. Gradient: up · σ(gate) (1 + gate (1 − σ(gate))) for gate,
 * silu(gate) for up, times the incoming one.
 */
export function gatedSilu(gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  const run = tf.customGrad((...inputs) => {
    // customGrad's types mix tensors and the save function; the order is ours: gate, up, save.
    const [first, second, save] = inputs as [tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const share = tf.sigmoid(first);
    save([first, second, share]);
    return {
      value: tf.mul(tf.mul(first, share), second),
      gradFunc: (upstream: tf.Tensor, saved: tf.Tensor[]) => {
        const [at, factor, sigma] = saved;
        const slope = tf.mul(sigma, tf.add(1, tf.mul(at, tf.sub(1, sigma))));
        return [
          tf.mul(upstream, tf.mul(factor, slope)),
          tf.mul(upstream, tf.mul(at, sigma)),
        ];
      },
    };
  });
  return run(gate, up);
}
