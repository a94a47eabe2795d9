// Fresh parameters from a random key: normal weights, unit norms, zero biases.
import { normals, type RandomKey, splitKey } from "../base/random.ts";
import { type ModelShape, numParameters, parameterLayout, SCORE_NAME } from "./model_shape.ts";

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
 * A reward network's first parameters: the policy's body, tensor by tensor under its names, and a fresh head of normal
 * weights.
 */
export function rewardFromPolicy(
  policy: Float32Array,
  model: ModelShape,
  { key, deviation = 1 / Math.sqrt(model.hiddenSize + 1) }: {
    key: RandomKey;
    /** Standard deviation of the head's weights. @default 1/√(hidden + 1) (TL;DR recipe) */
    deviation?: number;
  },
): Float32Array {
  const flat = rewardBody(policy, model);
  for (const { name, offset, size } of parameterLayout({ ...model, head: "reward" })) {
    if (name !== SCORE_NAME) continue;
    flat.set(normals(splitKey(key, name), size).map((value) => deviation * value), offset);
  }
  return flat;
}

/** The same with a head of zeros. */
export function rewardBody(policy: Float32Array, model: ModelShape): Float32Array {
  const reward: ModelShape = { ...model, head: "reward" }, flat = new Float32Array(numParameters(reward));
  const source = new Map(parameterLayout(model).map((entry) => [entry.name, entry.offset]));
  for (const { name, offset, size } of parameterLayout(reward)) {
    const from = source.get(name);
    if (from !== undefined) flat.set(policy.subarray(from, from + size), offset);
  }
  return flat;
}
