// A model as a Hugging Face folder, and back: what is written opens in `transformers` as a causal language model (a policy) or,
// with one label, as a sequence classifier (a reward). Reads through a port, writes contents of files; folders are the caller's.
import type { FolderFiles, FolderWriter } from "../base/ports.ts";
import { type GenerationConfig, generationConfigFields, readGenerationConfig } from "./generation_config.ts";
import { modelConfigFields } from "./model_config_fields.ts";
import type { ModelShape } from "./model_shape.ts";
import { readModelConfig } from "./read_model_config.ts";
import { readWeights } from "./read_weights.ts";
import type { FloatType } from "./stored_floats.ts";
import { readText, writeWhole } from "./whole_files.ts";
import { type WeightFileOptions, writeWeights } from "./write_weights.ts";

/** What a folder says of its tokenizer; src/data/tokenizer_files.ts makes it of a stored one. */
export interface FolderTokenizer {
  /** Text of `tokenizer.json`. */
  tokenizerJson: string;
  /** Fields of `tokenizer_config.json` that belong to the tokenizer and not to the model. */
  tokenizerConfig: Record<string, unknown>;
  eos: { id: number };
  pad: { id: number };
  bos?: { id: number };
  /** Tokens that our sampler never draws. */
  suppressed: number[];
}

export interface FolderSource {
  model: ModelShape;
  tokenizer: FolderTokenizer;
  /** How texts are drawn from a policy unless somebody asks otherwise; topK 0 and topP 1 are all tokens. */
  sampling: { temperature: number; topK: number; topP: number; maxNewTokens: number };
  /** Text of the model card, `README.md`. */
  card: string;
  /** Of the weights. @default "F32" */
  type?: FloatType;
}

/** Name → text of every file but the weights. Equal sources give equal texts. */
export function describingFiles(source: FolderSource): Record<string, string> {
  const { model, tokenizer: { bos, eos, pad, tokenizerJson }, type } = source;
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  const tokens = { bos: bos?.id, eos: eos.id, pad: pad.id };
  return {
    "README.md": source.card,
    "config.json": json(modelConfigFields(model, { tokens, type })),
    ...(model.head === "policy" && {
      "generation_config.json": json(generationConfigFields(generationConfig(source))),
    }),
    "tokenizer.json": tokenizerJson,
    "tokenizer_config.json": json(tokenizerConfig(source)),
  };
}

/** Writes the whole folder, tensor by tensor, and returns the names of its files. */
export async function writeModelFolder(
  writer: FolderWriter,
  { flat, ...source }: FolderSource & { flat: Float32Array },
  { maxShardBytes }: Pick<WeightFileOptions, "maxShardBytes"> = {},
): Promise<string[]> {
  const texts = Object.entries(describingFiles(source));
  for (const [name, text] of texts) await writeWhole(writer, name, text);
  const weights = await writeWeights(writer, { model: source.model, flat }, {
    type: source.type,
    maxShardBytes,
  });
  return [...texts.map(([name]) => name), ...weights];
}

function generationConfig(
  { sampling, tokenizer: { bos, eos, pad, suppressed } }: FolderSource,
): GenerationConfig {
  return {
    doSample: true,
    temperature: sampling.temperature,
    topK: sampling.topK,
    topP: sampling.topP,
    maxNewTokens: sampling.maxNewTokens,
    suppressed,
    bosId: bos?.id ?? null,
    eosIds: [eos.id],
    padId: pad.id,
  };
}

function tokenizerConfig({ model, tokenizer }: FolderSource): Record<string, unknown> {
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    ...tokenizer.tokenizerConfig,
    model_input_names: ["input_ids", "attention_mask"],
    model_max_length: model.maxPositions,
    // Generating goes on from the last token, so prompts are padded in front.
    padding_side: model.head === "policy" ? "left" : "right",
  };
}

/** A model as its folder describes it. */
export interface ReadModel {
  model: ModelShape;
  /** [parameters], float32 */
  flat: Float32Array;
  /** null where the folder has no `generation_config.json`. */
  generation: GenerationConfig | null;
}

/** Reads `config.json`, the weights and `generation_config.json`; undefined when the folder has no `config.json`. */
export async function readModelFolder(files: FolderFiles): Promise<ReadModel | undefined> {
  const config = await readText(files, "config.json");
  if (config === undefined) return undefined;
  const model = readModelConfig(config, `${files.folder}/config.json`);
  const generation = await readText(files, "generation_config.json");
  return {
    model,
    generation: generation === undefined
      ? null
      : readGenerationConfig(generation, `${files.folder}/generation_config.json`),
    flat: await readWeights(model, files),
  };
}
