// Gradients of the fused kernels of the wasm tier (wasm_fused.ts, wasm_attention.ts), for the tape of tfjs.
import * as tf from "@tensorflow/tfjs-core";

/** Registers them; returns what undoes it. */
export function registerFusedGradients(): () => void {
  for (const gradient of gradients) tf.registerGradient(gradient);
  return () => gradients.forEach(({ kernelName }) => tf.unregisterGradient(kernelName));
}

const gradients: readonly tf.GradConfig[] = [
  {
    kernelName: "Linear",
    inputsToSave: ["x", "weight"],
    gradFunc(dy, saved) {
      const up = first(dy), [x, weight] = saved;
      return {
        x: () => tf.matMul(up, weight),
        weight: () => tf.matMul(up, x, true),
        bias: () => results("SumOverRows", { x: up })[0],
      };
    },
  },
  {
    kernelName: "LayerNorm",
    inputsToSave: ["x", "scale"],
    outputsToSave: [false, true, true],
    gradFunc(dy, saved) {
      const [x, scale, mean, inverse] = saved;
      const made = results("LayerNormGradient", { x, scale, mean, inverse, dy: first(dy) });
      return { x: () => made[0], scale: () => made[1], shift: () => made[2] };
    },
  },
  {
    kernelName: "Gelu",
    inputsToSave: ["x"],
    gradFunc: (dy, [x]) => ({ x: () => results("GeluGradient", { x, dy: first(dy) })[0] }),
  },
  {
    kernelName: "TokenLogProbabilities",
    inputsToSave: ["logits", "labels"],
    outputsToSave: [false, true],
    gradFunc(dy, saved) {
      const [logits, labels, logSums] = saved;
      const given = { logits, labels, logSums, dy: first(dy) };
      return { logits: () => results("TokenLogProbabilitiesGradient", given)[0] };
    },
  },
  {
    kernelName: "Attention",
    inputsToSave: ["queries", "keys", "values"],
    outputsToSave: [false, true],
    gradFunc(dy, saved, attrs) {
      const [queries, keys, values, weights] = saved;
      const made = results("AttentionGradient", { queries, keys, values, weights, dy: first(dy) }, attrs);
      return { queries: () => made[0], keys: () => made[1], values: () => made[2] };
    },
  },
  {
    kernelName: "SplitHeads",
    inputsToSave: ["cosines", "sines"],
    gradFunc(dy, [cosines, sines], attrs) {
      const [queries, keys, values] = Array.isArray(dy) ? dy : [dy];
      return { joined: () => results("JoinHeads", { queries, keys, values, cosines, sines }, attrs)[0] };
    },
  },
];

/** Of a kernel with several results, only the first has a gradient. */
function first(dy: tf.Tensor | tf.Tensor[]): tf.Tensor {
  return Array.isArray(dy) ? dy[0] : dy;
}

function results(name: string, inputs: tf.NamedTensorMap, attrs?: tf.NamedAttrMap): tf.Tensor[] {
  const made: tf.Tensor | tf.Tensor[] = tf.engine().runKernel(name, inputs, attrs);
  return Array.isArray(made) ? made : [made];
}
