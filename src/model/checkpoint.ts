// Models and training states as artifact bytes. A model file is a plain `model.safetensors` under Hugging Face names: no
// time, no run name, so equal parameters give equal digests. A training state adds the optimiser's moments.
import { z } from "zod";
import { canonicalJson } from "../base/canonical.ts";
import { SchemaError } from "../base/errors.ts";
import { assignTensors } from "./assign_tensors.ts";
import { type ModelConfig, type ModelShape, numParameters, parameterLayout } from "./model_shape.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  readHeader,
  type StoredTensor,
  widenTensor,
} from "./safetensors.ts";

const FORMAT = "pt"; // what transformers asks of the file's metadata

/** Not all of a shape follows from the tensors' shapes, so all of it travels in the file's metadata. */
export function shapeMetadata(model: ModelShape): Record<string, string> {
  return { format: FORMAT, shape: canonicalJson(model) };
}

const count = z.int().positive();
const modelShapeSchema: z.ZodType<ModelShape> = z.strictObject({
  architecture: z.enum(["gpt_neox", "llama", "mistral"]),
  vocabularySize: count,
  hiddenSize: count,
  numLayers: count,
  numHeads: count,
  numKeyValueHeads: count,
  headSize: count,
  intermediateSize: count,
  rotaryShare: z.number().min(0).max(1),
  rotaryBase: z.number().positive(),
  normEpsilon: z.number().positive(),
  parallelResidual: z.boolean(),
  tiedEmbeddings: z.boolean(),
  maxPositions: count,
  slidingWindow: count.nullable(),
  head: z.enum(["policy", "reward"]),
  rewardShift: z.number().optional(),
});

export function readShape(text: string | undefined, file: string): ModelShape {
  let value: unknown;
  try {
    value = text === undefined ? undefined : JSON.parse(text);
  } catch (cause) {
    throw new SchemaError('Write the model again: "shape" in its metadata is no JSON', { file, cause });
  }
  if (value === undefined) {
    throw new SchemaError('Give a model that this program wrote: "shape" is missing in its metadata', {
      file,
    });
  }
  const parsed = modelShapeSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new SchemaError(
    `Write the model again: "${["shape", ...path].join(".")}" in its metadata: ${message}`,
    {
      file,
      cause: parsed.error,
    },
  );
}

export function encodeModel(model: ModelShape, flat: Float32Array): Uint8Array {
  const tensors: Record<string, StoredTensor> = {};
  for (const { name, shape, offset, size } of parameterLayout(model)) {
    tensors[name] = { shape, data: flat.subarray(offset, offset + size) };
  }
  return encodeSafetensors(tensors, shapeMetadata(model));
}

/**
 * Reads a model file that `encodeModel` or `writeWeights` wrote. A missing, extra or mis-shaped tensor is a SchemaError that
 * names file and tensor.
 */
export function decodeModel(bytes: Uint8Array, file: string): { model: ModelShape; flat: Float32Array } {
  const { tensors, metadata } = readHeader(bytes, file), model = readShape(metadata.shape, file);
  const named = new Map(Array.from(tensors, ([name, { shape }]) => [name, { shape, file }]));
  const flat = new Float32Array(numParameters(model));
  const assignments = assignTensors(model, named, { file, describedBy: "the file's own shape" });
  for (const { name, entry: { offset, size }, use } of assignments) {
    const place = tensors.get(name);
    if (place === undefined || use !== "fill") {
      throw new SchemaError(
        `Write the model again: tensor "${name}" stands beside the embedding it is tied to`,
        {
          file,
        },
      );
    }
    widenTensor(bytes, flat.subarray(offset, offset + size), { name, place, file });
  }
  return { model, flat };
}

export interface TrainingState {
  parameters: Float32Array;
  firstMoment: Float32Array;
  secondMoment: Float32Array;
  /** Training steps done. */
  step: number;
}

export function encodeTrainingState(model: ModelShape, state: TrainingState): Uint8Array {
  const vector = (data: Float32Array): StoredTensor => ({ shape: [data.length], data });
  return encodeSafetensors({
    parameters: vector(state.parameters),
    first_moment: vector(state.firstMoment),
    second_moment: vector(state.secondMoment),
  }, { ...shapeMetadata(model), step: String(state.step) });
}

/** A state of `size` trained numbers. */
export function decodeTrainingState(bytes: Uint8Array, size: number, file: string): TrainingState {
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  const vector = (name: string): Float32Array => {
    const tensor = tensors[name];
    if (tensor === undefined || tensor.data.length !== size) {
      throw new SchemaError(
        `Give a training state of ${size} numbers: "${name}" is missing or of another length`,
        { file },
      );
    }
    return tensor.data;
  };
  const vectors = {
    parameters: vector("parameters"),
    firstMoment: vector("first_moment"),
    secondMoment: vector("second_moment"),
  };
  const step = Number(metadata.step);
  if (Number.isSafeInteger(step) && step >= 0) return { ...vectors, step };
  throw new SchemaError(`Write the training state again: its "step" is ${metadata.step}`, { file });
}

/** The shape that a run's configuration gives; the tokenizer's number of tokens counts where none is configured. */
export function modelShape(
  config: ModelConfig,
  numTokens: number,
  head: ModelShape["head"],
): ModelShape {
  return {
    architecture: config.architecture,
    vocabularySize: config.vocabularySize ?? numTokens,
    hiddenSize: config.hiddenSize,
    numLayers: config.numLayers,
    numHeads: config.numHeads,
    numKeyValueHeads: config.numKeyValueHeads ?? config.numHeads,
    headSize: config.headSize ?? config.hiddenSize / config.numHeads,
    intermediateSize: config.intermediateSize,
    rotaryShare: config.rotaryShare,
    rotaryBase: config.rotaryBase,
    normEpsilon: config.normEpsilon,
    parallelResidual: config.parallelResidual,
    tiedEmbeddings: config.tiedEmbeddings,
    maxPositions: config.maxPositions,
    slidingWindow: config.slidingWindow,
    head,
  };
}
