// Models and training states as artifact bytes. A model file is a plain `model.safetensors` under Hugging Face names: no
// time, no run name, so equal parameters give equal digests. A training state adds the optimiser's moments.
import { SchemaError } from "../base/errors.ts";
import { type ModelShape, numParameters, parameterLayout } from "./model_shape.ts";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "./safetensors.ts";

const FORMAT = "pt"; // what transformers asks of the file's metadata

/** The head count and rotary share do not follow from tensor shapes, so they travel in the file's metadata. */
function shapeMetadata(model: ModelShape): Record<string, string> {
  return {
    format: FORMAT,
    head: model.head,
    max_positions: String(model.maxPositions),
    num_heads: String(model.numHeads),
    rotary_share: String(model.rotaryShare),
  };
}

export function encodeModel(model: ModelShape, flat: Float32Array): Uint8Array {
  const tensors: Record<string, StoredTensor> = {};
  for (const { name, shape, offset, size } of parameterLayout(model)) {
    tensors[name] = { shape, data: flat.subarray(offset, offset + size) };
  }
  return encodeSafetensors(tensors, shapeMetadata(model));
}

/** Reads a model file; its shape comes from tensors and metadata. Errors name file and tensor. */
export function decodeModel(bytes: Uint8Array, file: string): { model: ModelShape; flat: Float32Array } {
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  const embedding = tensors["gpt_neox.embed_in.weight"],
    inner = tensors["gpt_neox.layers.0.mlp.dense_h_to_4h.weight"];
  if (embedding === undefined || inner === undefined) {
    throw new SchemaError('lacks "gpt_neox.embed_in.weight" or its first layer: not a GPT-NeoX model', {
      file,
    });
  }
  const lacking = ["head", "max_positions", "num_heads", "rotary_share"].find((key) => !(key in metadata));
  if (lacking !== undefined) {
    throw new SchemaError(`lacks "${lacking}" in its metadata: this program did not write it`, { file });
  }
  const layers = Object.keys(tensors).map((name) => /^gpt_neox\.layers\.(\d+)\./.exec(name)?.[1]);
  const model: ModelShape = {
    vocabularySize: embedding.shape[0],
    hiddenSize: embedding.shape[1],
    numLayers: 1 + Math.max(...layers.map((layer) => Number(layer ?? 0))),
    numHeads: Number(metadata.num_heads),
    intermediateSize: inner.shape[0],
    rotaryShare: Number(metadata.rotary_share),
    maxPositions: Number(metadata.max_positions),
    head: metadata.head === "reward" ? "reward" : "policy",
  };
  return { model, flat: flatParameters(model, tensors, file) };
}

/** Named tensors as one flat vector; a missing, extra or mis-shaped tensor is an error that names it. */
export function flatParameters(
  model: ModelShape,
  tensors: Record<string, StoredTensor>,
  file: string,
): Float32Array {
  const flat = new Float32Array(numParameters(model));
  const unknown = new Set(Object.keys(tensors));
  for (const { name, shape, offset } of parameterLayout(model)) {
    const tensor = tensors[name];
    if (tensor === undefined) throw new SchemaError(`lacks tensor "${name}" [${shape}]`, { file });
    if (tensor.shape.join() !== shape.join()) {
      throw new SchemaError(`tensor "${name}" must be [${shape}], got [${tensor.shape}]`, { file });
    }
    flat.set(tensor.data, offset);
    unknown.delete(name);
  }
  if (unknown.size > 0) {
    throw new SchemaError(`has unknown tensors: ${[...unknown].slice(0, 3).join(", ")}`, { file });
  }
  return flat;
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

export function decodeTrainingState(bytes: Uint8Array, model: ModelShape, file: string): TrainingState {
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  const vector = (name: string): Float32Array => {
    const tensor = tensors[name];
    if (tensor === undefined || tensor.data.length !== numParameters(model)) {
      throw new SchemaError(`is no training state of this model: "${name}" is missing or of another length`, {
        file,
      });
    }
    return tensor.data;
  };
  return {
    parameters: vector("parameters"),
    firstMoment: vector("first_moment"),
    secondMoment: vector("second_moment"),
    step: Number(metadata.step),
  };
}

/** The shape that a run's configuration and vocabulary give. */
export function modelShape(
  config: Omit<ModelShape, "vocabularySize" | "head">,
  vocabularySize: number,
  head: ModelShape["head"],
): ModelShape {
  return {
    vocabularySize,
    hiddenSize: config.hiddenSize,
    numLayers: config.numLayers,
    numHeads: config.numHeads,
    intermediateSize: config.intermediateSize,
    rotaryShare: config.rotaryShare,
    maxPositions: config.maxPositions,
    head,
  };
}
