// Softmax of the native tier's variant "graph". In a graph libtensorflow puts another kernel in its place, which makes 0 of NaN: a loss
// that is not finite would look as if it were.
import * as tf from "@tensorflow/tfjs-core";

export function replaceSoftmax(): void {
  tf.unregisterKernel(tf.Softmax, "tensorflow");
  tf.registerKernel({
    kernelName: tf.Softmax,
    backendName: "tensorflow",
    kernelFunc: ({ inputs: { logits }, attrs }) => {
      if (!(logits instanceof tf.Tensor)) throw new TypeError("softmax needs logits");
      const axis = Number(attrs?.dim);
      return tf.tidy(() => {
        const powers = tf.exp(tf.sub(logits, tf.max(logits, axis, true)));
        return tf.div(powers, tf.sum(powers, axis, true));
      });
    },
  });
}
