// A model as the files of a Hugging Face folder, and back: what is written opens in `transformers` as GPTNeoXForCausalLM (a
// policy) or, with one label, as GPTNeoXForSequenceClassification (a reward). Makes and reads bytes; folders are the caller's.
// Left out: weights in several shards or another type than float32.
import { SchemaError } from "../base/errors.ts";
import { flatParameters } from "./checkpoint.ts";
import type { ModelShape } from "./model_shape.ts";
import { NORM_EPSILON } from "./layers.ts";
import { numRotated, ROTARY_BASE } from "./rotary.ts";
import { decodeSafetensors } from "./safetensors.ts";

export interface SpecialToken {
  id: number;
  token: string;
}

export interface HuggingFaceModel {
  model: ModelShape;
  /** Bytes of `model.safetensors`, as `encodeModel` makes them. */
  weights: Uint8Array;
  /** Text of `tokenizer.json`. */
  tokenizer: string;
  eos: SpecialToken;
  pad: SpecialToken;
  unk: SpecialToken;
  /** How texts are drawn from a policy unless somebody asks otherwise. */
  sampling: { temperature: number; maxNewTokens: number };
  /** Text of the model card, `README.md`. */
  card: string;
}

const ARCHITECTURES = { policy: "GPTNeoXForCausalLM", reward: "GPTNeoXForSequenceClassification" } as const;

/** File name → content. Equal models give equal bytes. */
export function huggingFaceFiles(source: HuggingFaceModel): Record<string, Uint8Array> {
  const encoder = new TextEncoder();
  const json = (value: unknown) => encoder.encode(`${JSON.stringify(value, null, 2)}\n`);
  return {
    "README.md": encoder.encode(source.card),
    "config.json": json(modelConfig(source)),
    ...(source.model.head === "policy" && { "generation_config.json": json(generationConfig(source)) }),
    "model.safetensors": source.weights,
    "tokenizer.json": encoder.encode(source.tokenizer),
    "tokenizer_config.json": json(tokenizerConfig(source)),
  };
}

/** Names that transformers 4 and 5 spell differently stand in both spellings. */
function modelConfig({ model, eos, pad }: HuggingFaceModel): Record<string, unknown> {
  const head = model.hiddenSize / model.numHeads;
  const rotaryShare = numRotated(head, model.rotaryShare) / head;
  return {
    architectures: [ARCHITECTURES[model.head]],
    model_type: "gpt_neox",
    vocab_size: model.vocabularySize,
    hidden_size: model.hiddenSize,
    num_hidden_layers: model.numLayers,
    num_attention_heads: model.numHeads,
    intermediate_size: model.intermediateSize,
    max_position_embeddings: model.maxPositions,
    hidden_act: "gelu",
    layer_norm_eps: NORM_EPSILON,
    use_parallel_residual: true,
    attention_bias: true,
    attention_dropout: 0,
    hidden_dropout: 0,
    classifier_dropout: 0,
    rotary_pct: rotaryShare,
    rotary_emb_base: ROTARY_BASE,
    rope_theta: ROTARY_BASE,
    rope_parameters: {
      rope_type: "default",
      rope_theta: ROTARY_BASE,
      partial_rotary_factor: rotaryShare,
    },
    tie_word_embeddings: model.head === "policy",
    bos_token_id: eos.id,
    eos_token_id: eos.id,
    // A reward is read at the last token that is not this one.
    pad_token_id: pad.id,
    ...(model.head === "reward" && {
      num_labels: 1,
      id2label: { "0": "reward" },
      label2id: { reward: 0 },
      problem_type: "regression",
    }),
    torch_dtype: "float32",
    dtype: "float32",
  };
}

function generationConfig({ sampling, eos, pad, unk }: HuggingFaceModel): Record<string, unknown> {
  return {
    do_sample: true,
    temperature: sampling.temperature,
    top_k: 0,
    top_p: 1,
    max_new_tokens: sampling.maxNewTokens,
    // What our own sampler never draws.
    suppress_tokens: [pad.id, unk.id],
    bos_token_id: eos.id,
    eos_token_id: eos.id,
    pad_token_id: pad.id,
  };
}

function tokenizerConfig({ model, eos, pad, unk }: HuggingFaceModel): Record<string, unknown> {
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: eos.token,
    eos_token: eos.token,
    pad_token: pad.token,
    unk_token: unk.token,
    clean_up_tokenization_spaces: false,
    model_input_names: ["input_ids", "attention_mask"],
    model_max_length: model.maxPositions,
    // Generating goes on from the last token, so prompts are padded in front.
    padding_side: model.head === "policy" ? "left" : "right",
  };
}

/** A model from the text of `config.json` and the bytes of `model.safetensors`; errors name `folder`'s file and what is wrong. */
export function readHuggingFaceModel(
  { config, weights }: { config: string; weights: Uint8Array },
  folder: string,
): { model: ModelShape; flat: Float32Array } {
  const model = readModelConfig(config, `${folder}/config.json`);
  const file = `${folder}/model.safetensors`;
  return { model, flat: flatParameters(model, decodeSafetensors(weights, file).tensors, file) };
}

/** The shape that a `config.json` describes; SchemaError where this program's transformer would compute something else. */
export function readModelConfig(text: string, file: string): ModelShape {
  const config = jsonObject(text, file);
  const rope = Object(config.rope_parameters ?? {});
  const [architecture] = Array.isArray(config.architectures) ? config.architectures : [];
  const head = architecture === ARCHITECTURES.reward ? "reward" : "policy";
  const only = (name: string, value: unknown, wanted: unknown) => {
    if (value === wanted) return;
    throw new SchemaError(
      `Use a model that this version computes: "${name}" must be ${JSON.stringify(wanted)}, is ${
        JSON.stringify(value)
      }`,
      { file },
    );
  };
  only("model_type", config.model_type, "gpt_neox");
  only("architectures", architecture, ARCHITECTURES[head]);
  only("hidden_act", config.hidden_act ?? "gelu", "gelu");
  only("layer_norm_eps", config.layer_norm_eps ?? NORM_EPSILON, NORM_EPSILON);
  only("use_parallel_residual", config.use_parallel_residual ?? true, true);
  only("attention_bias", config.attention_bias ?? true, true);
  only("rope_theta", rope.rope_theta ?? config.rotary_emb_base ?? ROTARY_BASE, ROTARY_BASE);
  only("rope_type", rope.rope_type ?? "default", "default");
  if (head === "policy") only("tie_word_embeddings", config.tie_word_embeddings ?? false, true);
  const count = (name: string) => positiveNumber(config, name, file);
  return {
    vocabularySize: count("vocab_size"),
    hiddenSize: count("hidden_size"),
    numLayers: count("num_hidden_layers"),
    numHeads: count("num_attention_heads"),
    intermediateSize: count("intermediate_size"),
    rotaryShare: Number(rope.partial_rotary_factor ?? config.rotary_pct ?? 0.25),
    maxPositions: count("max_position_embeddings"),
    head,
  };
}

function positiveNumber(config: Record<string, unknown>, name: string, file: string): number {
  const value = config[name];
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw new SchemaError(`Give "${name}" a whole number above 0, is ${JSON.stringify(value)}`, { file });
}

function jsonObject(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SchemaError("Write the file again: it is not JSON", { file, cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value));
  }
  throw new SchemaError("Write the file again: it is no JSON object", { file });
}
