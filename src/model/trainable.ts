// What a training changes: all of a model, or an adapter on a frozen base. Losses take the network's parameters either way; the
// optimiser sees the trained vector alone.
import type * as tf from "@tensorflow/tfjs-core";
import { type AdaptedModel, adaptedParameters, adapterSize } from "./lora.ts";
import { type ModelShape, numParameters } from "./model_shape.ts";

export interface Trainable {
  /** Numbers that are trained; the optimiser's moments have as many. */
  size: number;
  /** What `network` takes behind the trained vector and nothing changes: arguments of compiled functions, the caller's tensors. */
  constants: readonly tf.Tensor[];
  /** The network's parameters, [parameters], of the trained vector, [size]. Pure, and differentiable in the trained vector. */
  network(trained: tf.Tensor, ...constants: tf.Tensor[]): tf.Tensor;
  /** All that `network` depends on, as plain data: part of a compiled function's name. */
  settings: unknown;
}

export function wholeModel(model: ModelShape): Trainable {
  return {
    size: numParameters(model),
    constants: [],
    network: (trained) => trained,
    settings: "whole model",
  };
}

/** @param base [parameters], frozen */
export function loraAdapter(adapted: AdaptedModel, base: tf.Tensor): Trainable {
  return {
    size: adapterSize(adapted),
    constants: [base],
    network: (trained, ...[frozen]) => adaptedParameters(adapted, frozen, trained),
    settings: adapted,
  };
}
