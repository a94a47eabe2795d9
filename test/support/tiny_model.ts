// A transformer small enough for gradient checks on the tier "cpu": every parameter random, none at its usual zero or one.
import { keyFromSeed, normals, splitKey } from "../../src/base/random.ts";
import type { ModelShape } from "../../src/model/model_shape.ts";
import { numParameters, parameterLayout } from "../../src/model/model_shape.ts";

export const TINY_SHAPE: ModelShape = {
  architecture: "gpt_neox",
  numKeyValueHeads: 2,
  headSize: 8,
  rotaryBase: 10_000,
  normEpsilon: 1e-5,
  parallelResidual: true,
  tiedEmbeddings: true,
  slidingWindow: null,
  vocabularySize: 9,
  hiddenSize: 16,
  numLayers: 2,
  numHeads: 2,
  intermediateSize: 20,
  rotaryShare: 0.5,
  maxPositions: 32,
  head: "policy",
};

/** Ids of the special tokens in these tests. */
export const [EOS, PAD, UNK] = [0, 1, 2];

export function tinyParameters(model: ModelShape = TINY_SHAPE, seed = 1): Float32Array {
  const key = keyFromSeed(seed), flat = new Float32Array(numParameters(model));
  for (const { name, offset, size, start } of parameterLayout(model)) {
    const drawn = normals(splitKey(key, name), size);
    for (let i = 0; i < size; i++) flat[offset + i] = (start === "ones" ? 1 : 0) + 0.3 * drawn[i];
  }
  return flat;
}
