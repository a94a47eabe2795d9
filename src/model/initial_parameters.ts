// Fresh parameters from a random key: normal weights, unit norms, zero biases (GPT-NeoX).
import { normals, type RandomKey, splitKey } from "../base/random.ts";
import { type ModelShape, numParameters, parameterLayout } from "./model_shape.ts";

export function initialParameters(model: ModelShape, deviation: number, key: RandomKey): Float32Array {
  const flat = new Float32Array(numParameters(model));
  for (const entry of parameterLayout(model)) {
    const values = flat.subarray(entry.offset, entry.offset + entry.size);
    if (entry.start === "ones") values.fill(1);
    if (entry.start === "normal") {
      const drawn = normals(splitKey(key, entry.name), entry.size);
      for (let i = 0; i < drawn.length; i++) values[i] = deviation * drawn[i];
    }
  }
  return flat;
}

/**
 * A reward network's first parameters: the policy's body and a fresh head N(0, 1/√(hidden + 1)) (TL;DR recipe).
 * Both layouts share the body, so it is a copy and one more tensor.
 */
export function rewardFromPolicy(policy: Float32Array, model: ModelShape, key: RandomKey): Float32Array {
  const flat = new Float32Array(policy.length + model.hiddenSize);
  flat.set(policy);
  const head = normals(splitKey(key, "score.weight"), model.hiddenSize);
  const deviation = 1 / Math.sqrt(model.hiddenSize + 1);
  for (let i = 0; i < head.length; i++) flat[policy.length + i] = deviation * head[i];
  return flat;
}
