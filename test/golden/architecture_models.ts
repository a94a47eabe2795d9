// Tiny made-up models of every architecture for the fixture architecture_parity.json: weights and tokens come from one key.
// As a program: writes what make_architecture_parity.py reads. `deno run -A test/golden/architecture_models.ts DIR`
import { join } from "node:path";
import { keyFromSeed, normals, splitKey, uniforms } from "../../src/base/random.ts";
import { encodeModel } from "../../src/model/checkpoint.ts";
import { initialParameters, rewardFromPolicy } from "../../src/model/initial_parameters.ts";
import { type ModelShape, parameterLayout } from "../../src/model/model_shape.ts";

const KEY = keyFromSeed(2025), VOCABULARY = 23, [EOS, PAD] = [0, 1];

/** Of different lengths, so that padding is in play; their first PROMPT_LENGTHS tokens are prompts of greedy texts. */
export const SEQUENCES = [9, 12].map((length, i) =>
  Array.from(uniforms(splitKey(KEY, "tokens", i), length), (value) => 3 + Math.floor(value * (VOCABULARY - 3)))
);
export const PROMPT_LENGTHS = [4, 6];

/** AdamW as both sides run it, on the mean over all next tokens of both sequences. */
export const TRAINING = {
  learningRate: 0.003,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  gradientNorm: 1,
  steps: 10,
};

export interface ArchitectureModel {
  name: string;
  /** Arguments of the library's configuration. */
  config: Record<string, unknown>;
  policy: { model: ModelShape; flat: Float32Array };
  reward: { model: ModelShape; flat: Float32Array };
}

const BASE: ModelShape = {
  architecture: "gpt_neox",
  vocabularySize: VOCABULARY,
  hiddenSize: 32,
  numLayers: 2,
  numHeads: 4,
  numKeyValueHeads: 4,
  headSize: 8,
  intermediateSize: 40,
  rotaryShare: 0.25,
  rotaryBase: 10_000,
  normEpsilon: 1e-5,
  parallelResidual: true,
  tiedEmbeddings: false,
  maxPositions: 32,
  slidingWindow: null,
  head: "policy",
};
const LLAMA: ModelShape = { ...BASE, architecture: "llama", rotaryShare: 1, normEpsilon: 1e-6 };

const SHAPES: Record<string, ModelShape> = {
  "gpt_neox, untied": BASE,
  "gpt_neox, one after the other": { ...BASE, parallelResidual: false, rotaryShare: 0.5, rotaryBase: 500 },
  "llama, tied, grouped queries": { ...LLAMA, tiedEmbeddings: true, numKeyValueHeads: 2, rotaryBase: 500_000 },
  "llama, untied, one key-value head": { ...LLAMA, numKeyValueHeads: 1 },
  "mistral, wide heads": {
    ...LLAMA,
    architecture: "mistral",
    hiddenSize: 24,
    numKeyValueHeads: 2,
    slidingWindow: 20,
  },
};

export function architectureModels(): ArchitectureModel[] {
  return Object.entries(SHAPES).map(([name, model]) => {
    const key = splitKey(KEY, name), flat = initialParameters(model, 0.3, key);
    // Norms start as ones and biases as zeros; here each must matter.
    const noise = normals(splitKey(key, "noise"), flat.length);
    for (let i = 0; i < flat.length; i++) flat[i] += 0.05 * noise[i];
    return {
      name,
      config: libraryConfig(model),
      policy: { model, flat },
      reward: {
        model: { ...model, head: "reward" },
        flat: rewardFromPolicy(flat, model, { key: splitKey(key, "head") }),
      },
    };
  });
}

function libraryConfig(model: ModelShape): Record<string, unknown> {
  const shared = {
    model_type: model.architecture,
    vocab_size: model.vocabularySize,
    hidden_size: model.hiddenSize,
    num_hidden_layers: model.numLayers,
    num_attention_heads: model.numHeads,
    intermediate_size: model.intermediateSize,
    max_position_embeddings: model.maxPositions,
    tie_word_embeddings: model.tiedEmbeddings,
    bos_token_id: EOS,
    eos_token_id: EOS,
    pad_token_id: PAD,
  };
  const rope = { rope_type: "default", rope_theta: model.rotaryBase };
  if (model.architecture === "gpt_neox") {
    return {
      ...shared,
      layer_norm_eps: model.normEpsilon,
      use_parallel_residual: model.parallelResidual,
      attention_dropout: 0,
      hidden_dropout: 0,
      classifier_dropout: 0,
      rope_parameters: { ...rope, partial_rotary_factor: model.rotaryShare },
    };
  }
  return {
    ...shared,
    num_key_value_heads: model.numKeyValueHeads,
    head_dim: model.headSize,
    rms_norm_eps: model.normEpsilon,
    rope_parameters: rope,
    ...(model.architecture === "mistral" && { sliding_window: model.slidingWindow }),
  };
}

if (import.meta.main) {
  const [folder] = Deno.args;
  const cases = architectureModels().map(({ name, config, policy, reward }, i) => {
    for (const [head, { model, flat }] of Object.entries({ policy, reward })) {
      const directory = join(folder, String(i), head);
      Deno.mkdirSync(directory, { recursive: true });
      Deno.writeFileSync(join(directory, "model.safetensors"), encodeModel(model, flat));
      const labels = head === "reward" ? { num_labels: 1 } : {};
      Deno.writeTextFileSync(join(directory, "config.json"), JSON.stringify({ ...config, ...labels }));
    }
    return { name, order: parameterLayout(policy.model).map((entry) => entry.name) };
  });
  Deno.writeTextFileSync(
    join(folder, "cases.json"),
    JSON.stringify({ cases, sequences: SEQUENCES, promptLengths: PROMPT_LENGTHS, training: TRAINING, eos: EOS, pad: PAD }),
  );
}
