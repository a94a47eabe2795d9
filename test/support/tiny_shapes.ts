// The tiny transformer in every architecture and every kind of embedding, norm and head: what files must carry.
import type { ModelShape } from "../../src/model/model_shape.ts";
import { TINY_SHAPE } from "./tiny_model.ts";

const LLAMA: ModelShape = {
  ...TINY_SHAPE,
  architecture: "llama",
  numKeyValueHeads: 1,
  rotaryShare: 1,
  rotaryBase: 500_000,
  normEpsilon: 1e-6,
  parallelResidual: false,
};

export const TINY_SHAPES: Record<string, ModelShape> = {
  neox: { ...TINY_SHAPE, tiedEmbeddings: false },
  neoxTied: { ...TINY_SHAPE, parallelResidual: false, rotaryBase: 500, normEpsilon: 1e-6 },
  llama: { ...LLAMA, tiedEmbeddings: false },
  llamaTied: LLAMA,
  mistral: { ...LLAMA, architecture: "mistral", tiedEmbeddings: false, headSize: 6, slidingWindow: 24 },
};
