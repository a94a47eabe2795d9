// The door to kernels that compute in one pass what is composed elsewhere. A backend that has one registered it under its name;
// where operations are traced or counted one by one there is none, and the caller composes.
import * as tf from "@tensorflow/tfjs-core";

/** Names of such kernels; the wasm tier has all of them. */
export type FusedKernelName =
  | "Linear"
  | "LayerNorm"
  | "Gelu"
  | "TokenLogProbabilities"
  | "DrawTokens"
  | "Attention"
  | "SightMask"
  | "SplitHeads"
  | "ExtendCache"
  | "AdamWStep";

/** Runs the kernel; differentiable where its composed form is, but for masks, drawing, caches and updates. */
export type FusedKernel = (inputs: tf.NamedTensorMap, attributes?: tf.NamedAttrMap) => tf.Tensor[];

/** The kernel of the backend that computes now, if it has it. */
export function fusedKernel(name: FusedKernelName): FusedKernel | undefined {
  if (tf.getKernel(name, tf.getBackend()) === undefined) return undefined;
  return (inputs, attributes) => {
    const made: tf.Tensor | tf.Tensor[] = tf.engine().runKernel(name, inputs, attributes);
    return Array.isArray(made) ? made : [made];
  };
}
