// Writes `config.json`: a model's shape in transformers' names. What transformers 4 and 5 spell differently stands in both
// spellings, so that either opens it.
import type { Architecture, ModelShape } from "./model_shape.ts";
import { numRotated } from "./rotary.ts";
import type { FloatType } from "./stored_floats.ts";

/** Class names in transformers, by architecture and head. */
export const MODEL_CLASSES: Record<Architecture, Record<ModelShape["head"], string>> = {
  gpt_neox: { policy: "GPTNeoXForCausalLM", reward: "GPTNeoXForSequenceClassification" },
  llama: { policy: "LlamaForCausalLM", reward: "LlamaForSequenceClassification" },
  mistral: { policy: "MistralForCausalLM", reward: "MistralForSequenceClassification" },
};

export interface TokenIds {
  bos?: number;
  eos: number | readonly number[];
  pad: number;
}

const TYPE_NAMES: Record<FloatType, string> = { F32: "float32", F16: "float16", BF16: "bfloat16" };

/**
 * Fields of `config.json`.
 *
 * @param type of the stored weights
 */
export function modelConfigFields(
  model: ModelShape,
  { tokens, type = "F32" }: { tokens: TokenIds; type?: FloatType },
): Record<string, unknown> {
  return {
    architectures: [MODEL_CLASSES[model.architecture][model.head]],
    model_type: model.architecture,
    vocab_size: model.vocabularySize,
    hidden_size: model.hiddenSize,
    num_hidden_layers: model.numLayers,
    num_attention_heads: model.numHeads,
    intermediate_size: model.intermediateSize,
    max_position_embeddings: model.maxPositions,
    ...(model.architecture === "gpt_neox" ? neoxFields(model) : llamaFields(model)),
    tie_word_embeddings: model.tiedEmbeddings,
    ...(tokens.bos !== undefined && { bos_token_id: tokens.bos }),
    eos_token_id: tokens.eos,
    // A reward is read at the last token that is not this one.
    pad_token_id: tokens.pad,
    ...(model.head === "reward" && {
      num_labels: 1,
      id2label: { "0": "reward" },
      label2id: { reward: 0 },
      problem_type: "regression",
      // Not a name of transformers: what this program subtracts from the one logit.
      ...(model.rewardShift !== undefined && { reward_shift: model.rewardShift }),
    }),
    torch_dtype: TYPE_NAMES[type],
    dtype: TYPE_NAMES[type],
  };
}

function neoxFields(model: ModelShape): Record<string, unknown> {
  const { headSize, rotaryBase } = model;
  if (headSize !== model.hiddenSize / model.numHeads || model.numKeyValueHeads !== model.numHeads) {
    throw new RangeError("modelConfigFields: GPT-NeoX has no head size and no key-value heads of its own");
  }
  const rotaryShare = evenShare(headSize, model.rotaryShare);
  return {
    hidden_act: "gelu",
    layer_norm_eps: model.normEpsilon,
    use_parallel_residual: model.parallelResidual,
    attention_bias: true,
    attention_dropout: 0,
    hidden_dropout: 0,
    classifier_dropout: 0,
    rotary_pct: rotaryShare,
    rotary_emb_base: rotaryBase,
    rope_theta: rotaryBase,
    rope_parameters: { rope_type: "default", rope_theta: rotaryBase, partial_rotary_factor: rotaryShare },
  };
}

function llamaFields(model: ModelShape): Record<string, unknown> {
  const { rotaryBase } = model, isLlama = model.architecture === "llama";
  return {
    num_key_value_heads: model.numKeyValueHeads,
    head_dim: model.headSize,
    hidden_act: "silu",
    rms_norm_eps: model.normEpsilon,
    ...(isLlama ? { attention_bias: false, mlp_bias: false } : { sliding_window: model.slidingWindow }),
    attention_dropout: 0,
    rope_theta: rotaryBase,
    rope_parameters: { rope_type: "default", rope_theta: rotaryBase },
  };
}

/** A share of which transformers' int(head · share) is the even number of features that our network rotates. */
function evenShare(headSize: number, rotaryShare: number): number {
  const rotated = numRotated(headSize, rotaryShare), share = rotated / headSize;
  // The product may fall just short of the whole number.
  return Math.floor(headSize * share) === rotated ? share : (rotated + 0.5) / headSize;
}
