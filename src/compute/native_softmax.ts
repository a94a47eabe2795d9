// Softmax of the native tier's variant "graph". In a graph libtensorflow puts another kernel in its place, which makes 0 of NaN: a loss
// that is not finite would look as if it were.
import * as tf from "@tensorflow/tfjs-core";

/** Returns what puts the usual kernel back: the other variants of a later tier keep it. */
export function replaceSoftmax(): () => void {
  const usual = tf.getKernel(tf.Softmax, "tensorflow");
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
  return () => {
    tf.unregisterKernel(tf.Softmax, "tensorflow");
    tf.registerKernel(usual);
  };
}
