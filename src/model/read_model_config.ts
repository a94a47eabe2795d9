// Reads `config.json` of GPT-NeoX, Llama and Mistral, in the spellings of transformers 4 and 5. What this program's network
// would compute otherwise is refused by name, never ignored.
import { z } from "zod";
import { SchemaError } from "../base/errors.ts";
import { checkedObject } from "./checked_object.ts";
import type { Architecture, ModelShape } from "./model_shape.ts";
import { MODEL_CLASSES } from "./model_config_fields.ts";
import { numRotated } from "./rotary.ts";

const count = z.int({ error: "must be a whole number above 0" }).positive("must be a whole number above 0");
const positive = z.number({ error: "must be a number above 0" }).positive("must be a number above 0");
const flag = z.boolean().nullish();
const ropeSchema = z.looseObject({
  rope_type: z.string().nullish(),
  /** The older name of `rope_type`. */
  type: z.string().nullish(),
  rope_theta: positive.nullish(),
  partial_rotary_factor: positive.max(1).nullish(),
});

/** Fields without a default must stand in the file; the others' defaults are those of transformers' classes. */
const configSchema = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  vocab_size: count,
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  intermediate_size: count,
  max_position_embeddings: count,
  hidden_act: z.string().nullish(),
  layer_norm_eps: positive.default(1e-5),
  rms_norm_eps: positive.default(1e-6),
  use_parallel_residual: z.boolean().default(true),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: flag,
  mlp_bias: flag,
  /** transformers 5 … */
  rope_parameters: ropeSchema.nullish(),
  /** … and 4. */
  rope_theta: positive.nullish(),
  rope_scaling: ropeSchema.nullish(),
  rotary_emb_base: positive.nullish(),
  rotary_pct: positive.max(1).nullish(),
  /** Mistral's own default; null is none. */
  sliding_window: count.nullable().default(4096),
  num_labels: z.int().nullish(),
  id2label: z.record(z.string(), z.unknown()).nullish(),
  /** This program's own: ModelShape's rewardShift. */
  reward_shift: z.number().nullish(),
});
type ConfigFile = z.output<typeof configSchema>;

/**
 * The shape that a `config.json` describes. SchemaError names file and field where the architecture, the head or something
 * that this program does not compute is asked for.
 */
export function readModelConfig(text: string, file: string): ModelShape {
  const architecture = readArchitecture(text, file);
  const config = checkedObject(text, configSchema, file);
  refuseOthers(config, architecture, file);
  const head = readHead(config, architecture, file);
  const isNeox = architecture === "gpt_neox";
  const { num_attention_heads: numHeads, hidden_size: hiddenSize, max_position_embeddings: maxPositions } =
    config;
  const defaultKeyValueHeads = architecture === "mistral" && config.num_key_value_heads === undefined
    ? 8
    : numHeads;
  const shape: ModelShape = {
    architecture,
    vocabularySize: config.vocab_size,
    hiddenSize,
    numLayers: config.num_hidden_layers,
    numHeads,
    numKeyValueHeads: isNeox ? numHeads : config.num_key_value_heads ?? defaultKeyValueHeads,
    headSize: (isNeox ? null : config.head_dim) ?? hiddenSize / numHeads,
    intermediateSize: config.intermediate_size,
    ...readRotary(config, isNeox),
    normEpsilon: isNeox ? config.layer_norm_eps : config.rms_norm_eps,
    parallelResidual: isNeox && config.use_parallel_residual,
    tiedEmbeddings: config.tie_word_embeddings,
    maxPositions,
    slidingWindow: architecture === "mistral" ? windowWithin(config.sliding_window, maxPositions) : null,
    head,
    ...(head === "reward" && config.reward_shift && { rewardShift: config.reward_shift }),
  };
  checkHeads(shape, file);
  return shape;
}

function readArchitecture(text: string, file: string): Architecture {
  const { model_type: type } = checkedObject(
    text,
    z.looseObject({ model_type: z.unknown().optional() }),
    file,
  );
  const known: readonly Architecture[] = ["gpt_neox", "llama", "mistral"];
  const architecture = known.find((name) => name === type);
  if (architecture !== undefined) return architecture;
  throw new SchemaError(
    `Use a model of type ${known.map((name) => `"${name}"`).join(", ")}: "model_type" is ${
      JSON.stringify(type)
    }`,
    { file },
  );
}

function readHead(config: ConfigFile, architecture: Architecture, file: string): ModelShape["head"] {
  const { policy, reward } = MODEL_CLASSES[architecture], [name] = config.architectures ?? [];
  if (name === policy) return "policy";
  if (name !== reward) {
    throw new SchemaError(
      `Use a ${policy} (a policy) or a ${reward} (a reward): "architectures" is ${JSON.stringify(name)}`,
      { file },
    );
  }
  const numLabels = config.id2label ? Object.keys(config.id2label).length : config.num_labels ?? 2;
  if (numLabels === 1) return "reward";
  throw new SchemaError(`Use a reward model of one output: "num_labels" is ${numLabels}`, { file });
}

/** Everything that changes what the network computes and that ours does not do. */
function refuseOthers(config: ConfigFile, architecture: Architecture, file: string): void {
  const isNeox = architecture === "gpt_neox", rope = ropeOf(config);
  const rules: [field: string, value: unknown, wanted: unknown][] = [
    ["hidden_act", config.hidden_act ?? (isNeox ? "gelu" : "silu"), isNeox ? "gelu" : "silu"],
    ["attention_bias", config.attention_bias ?? isNeox, isNeox],
    ["mlp_bias", !isNeox && config.mlp_bias === true, false],
    [config.rope_scaling ? "rope_scaling" : "rope_type", rope.rope_type ?? rope.type ?? "default", "default"],
    ["quantization_config", config.quantization_config ?? null, null],
  ];
  for (const [field, value, wanted] of rules) {
    if (value === wanted) continue;
    throw new SchemaError(
      `Use a model that this program computes: "${field}" must be ${JSON.stringify(wanted)}, is ${
        JSON.stringify(value)
      }`,
      { file },
    );
  }
  const nested = Object.entries(rope).find(([, value]) => typeof value === "object" && value !== null);
  if (nested !== undefined) {
    throw new SchemaError(
      `Use a model whose layers all rotate alike: "rope_parameters.${nested[0]}" is an object`,
      { file },
    );
  }
}

/** As in transformers 5, the older field counts where it says something. */
function ropeOf({ rope_parameters: newer, rope_scaling: older }: ConfigFile): z.output<typeof ropeSchema> {
  return (older && Object.keys(older).length > 0 ? older : newer) ?? {};
}

/** Llama and Mistral rotate whole heads, whatever the file says of a share. */
function readRotary(config: ConfigFile, isNeox: boolean): Pick<ModelShape, "rotaryBase" | "rotaryShare"> {
  const rope = ropeOf(config);
  const older = isNeox ? config.rotary_emb_base : config.rope_theta;
  return {
    rotaryBase: rope.rope_theta ?? older ?? 10_000,
    rotaryShare: isNeox ? rope.partial_rotary_factor ?? config.rotary_pct ?? 0.25 : 1,
  };
}

/** A window that no sequence reaches is none. */
function windowWithin(window: number | null, maxPositions: number): number | null {
  return window === null || window >= maxPositions ? null : window;
}

function checkHeads(
  { hiddenSize, numHeads, numKeyValueHeads, headSize, rotaryShare }: ModelShape,
  file: string,
): void {
  const fail = (message: string) => {
    throw new SchemaError(message, { file });
  };
  if (!Number.isInteger(headSize)) {
    fail(`Correct "num_attention_heads": ${numHeads} heads do not divide "hidden_size" ${hiddenSize}`);
  }
  if (numHeads % numKeyValueHeads !== 0) {
    fail(`Correct "num_key_value_heads": ${numKeyValueHeads} must divide "num_attention_heads" ${numHeads}`);
  }
  const rotated = Math.floor(headSize * rotaryShare);
  if (rotated !== numRotated(headSize, rotaryShare)) {
    fail(
      `Use a model that rotates an even number of features: ${rotaryShare} of ${headSize} features are ${rotated}`,
    );
  }
}
