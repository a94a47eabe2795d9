// A LoRA adapter as PEFT's folder, and back: `adapter_config.json` and `adapter_model.safetensors`. What changes the arithmetic
// of an adapter and is not computed here is refused by name. https://huggingface.co/docs/peft
import { z } from "zod";
import { SchemaError } from "../base/errors.ts";
import type { FolderFiles, FolderWriter } from "../base/ports.ts";
import { checkedObject } from "./checked_object.ts";
import {
  type AdaptedModel,
  type AdapterEntry,
  adapterLayout,
  linearModules,
  type LoraConfig,
} from "./lora.ts";
import { matchLayout } from "./match_layout.ts";
import type { ModelShape } from "./model_shape.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";
import { readText, readWhole, writeWhole } from "./whole_files.ts";

const CONFIG_FILE = "adapter_config.json", WEIGHTS_FILE = "adapter_model.safetensors";
const PICKLED_FILE = "adapter_model.bin";
/** What PEFT puts before the name of every tensor. */
const PREFIX = "base_model.model.";

export interface Adapter {
  config: LoraConfig;
  /** [adapter] */
  flat: Float32Array;
  /** Name or path of the model that it was trained on, as the file says it. */
  baseModel: string | null;
}

const configSchema = z.looseObject({
  peft_type: z.string().nullish(),
  base_model_name_or_path: z.string().nullish(),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  target_modules: z.union([z.array(z.string()), z.string()]),
  modules_to_save: z.array(z.string()).nullish(),
  use_rslora: z.boolean().nullish(),
});

const baseSchema = z.looseObject({
  base_model_name_or_path: z.string().nullish(),
  task_type: z.string().nullish(),
});

/** Fields that change what an adapter computes, with the values under which it is W + s B A. */
const PLAIN: Record<string, readonly unknown[]> = {
  bias: [undefined, "none"],
  ...Object.fromEntries(
    [
      "use_dora",
      "lora_bias",
      "fan_in_fan_out",
      "use_qalora",
      "layers_to_transform",
      "layer_replication",
      "alora_invocation_tokens",
      "target_parameters",
      "trainable_token_indices",
      "exclude_modules",
      "use_bdlora",
      "arrow_config",
      "kasa_config",
      "velora_config",
      "monteclora_config",
    ].map((name) => [name, [undefined, null, false]]),
  ),
};
/** Fields that must be empty: ranks and scales by layer. */
const EMPTY = ["rank_pattern", "alpha_pattern"];

/** What an adapter says of the model that it was trained on, before that is known. */
export interface AdapterBase {
  /** Name or path. */
  baseModel: string | null;
  /** Of the adapted network. */
  head: ModelShape["head"];
}

/** Undefined when the folder has no adapter. */
export async function readAdapterBase(files: FolderFiles): Promise<AdapterBase | undefined> {
  const text = await readText(files, CONFIG_FILE);
  if (text === undefined) return undefined;
  const fields = checkedObject(text, baseSchema, `${files.folder}/${CONFIG_FILE}`);
  return {
    baseModel: fields.base_model_name_or_path ?? null,
    head: fields.task_type === "SEQ_CLS" ? "reward" : "policy",
  };
}

/** Reads an adapter of `model`. SchemaError names file, and field or tensor; undefined when the folder has none. */
export async function readAdapterFolder(files: FolderFiles, model: ModelShape): Promise<Adapter | undefined> {
  const text = await readText(files, CONFIG_FILE);
  if (text === undefined) return undefined;
  const file = `${files.folder}/${CONFIG_FILE}`;
  const { config, baseModel } = readAdapterConfig(text, model, file);
  const bytes = await readWhole(files, WEIGHTS_FILE);
  if (bytes === undefined) throw await noWeights(files);
  const weights = `${files.folder}/${WEIGHTS_FILE}`;
  return { config, baseModel, flat: adapterVector({ model, config }, bytes, weights) };
}

/** Writes an adapter that PEFT's `PeftModel.from_pretrained` loads onto its base model. */
export async function writeAdapterFolder(
  writer: FolderWriter,
  adapted: AdaptedModel,
  { flat, baseModel }: Omit<Adapter, "config">,
): Promise<void> {
  const tensors = adapterLayout(adapted).map(({ name, shape, offset, size }) => [
    PREFIX + name,
    { shape, data: flat.subarray(offset, offset + size) },
  ]);
  const fields = `${JSON.stringify(adapterConfigFields(adapted, baseModel), null, 2)}\n`;
  await writeWhole(writer, CONFIG_FILE, fields);
  await writeWhole(writer, WEIGHTS_FILE, encodeSafetensors(Object.fromEntries(tensors), { format: "pt" }));
}

function adapterConfigFields(
  { model, config }: AdaptedModel,
  baseModel: string | null,
): Record<string, unknown> {
  return {
    peft_type: "LORA",
    task_type: model.head === "policy" ? "CAUSAL_LM" : "SEQ_CLS",
    base_model_name_or_path: baseModel,
    r: config.rank,
    lora_alpha: config.alpha,
    use_rslora: config.rankStabilised,
    target_modules: config.targetModules,
    // As PEFT names the head of any sequence classifier.
    modules_to_save: model.head === "policy" ? null : ["classifier", "score"],
    lora_dropout: 0,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
  };
}

function readAdapterConfig(
  text: string,
  model: ModelShape,
  file: string,
): Pick<Adapter, "config" | "baseModel"> {
  const fields = checkedObject(text, configSchema, file);
  const refuse = (field: string, wanted: string) => {
    throw new SchemaError(
      `Use a LoRA adapter that this program computes: "${field}" must be ${wanted}, is ${
        JSON.stringify(fields[field])
      }`,
      { file },
    );
  };
  if ((fields.peft_type ?? "LORA") !== "LORA") refuse("peft_type", '"LORA"');
  for (const [field, plain] of Object.entries(PLAIN)) {
    if (!plain.includes(fields[field])) refuse(field, JSON.stringify(plain.at(-1)));
  }
  for (const field of EMPTY) if (Object.keys(Object(fields[field])).length > 0) refuse(field, "empty");
  const saved = fields.modules_to_save ?? [];
  if (model.head === "policy" ? saved.length > 0 : !saved.includes("score")) {
    refuse(
      "modules_to_save",
      model.head === "policy" ? "null for a policy" : 'a list with "score" for a reward',
    );
  }
  return {
    baseModel: fields.base_model_name_or_path ?? null,
    config: {
      rank: fields.r,
      alpha: fields.lora_alpha,
      rankStabilised: fields.use_rslora ?? false,
      targetModules: targetModules(fields.target_modules, model, file),
    },
  };
}

/** A text is a regular expression of Python's, but for one keyword. */
function targetModules(value: string | string[], model: ModelShape, file: string): readonly string[] {
  if (Array.isArray(value)) return value;
  if (value === "all-linear") return linearModules(model);
  throw new SchemaError(
    `Write "target_modules" as a list of names or "all-linear": it is the pattern ${JSON.stringify(value)}`,
    { file },
  );
}

function adapterVector(adapted: AdaptedModel, bytes: Uint8Array, file: string): Float32Array {
  const { tensors } = decodeSafetensors(bytes, file);
  const stored = new Map(Object.entries(tensors).map(([name, { shape }]) => [name, { shape, file }]));
  const wanted = layoutOf(adapted, file).map((entry) => ({ ...entry, name: PREFIX + entry.name }));
  const flat = new Float32Array(wanted.reduce((sum, { size }) => sum + size, 0));
  for (const { name, entry } of matchLayout(wanted, stored, { file, describedBy: CONFIG_FILE })) {
    flat.set(tensors[name].data, entry.offset);
  }
  return flat;
}

/** The layout; what a file's modules get wrong is the file's error. */
function layoutOf(adapted: AdaptedModel, file: string): AdapterEntry[] {
  try {
    return adapterLayout(adapted);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw new SchemaError(cause.message, { file: file.replace(WEIGHTS_FILE, CONFIG_FILE), cause });
  }
}

async function noWeights(files: FolderFiles): Promise<SchemaError> {
  const pickled = await readWhole(files, PICKLED_FILE);
  const advice = pickled === undefined
    ? `Complete the folder: it lacks ${WEIGHTS_FILE}`
    : `Convert the weights: only ${PICKLED_FILE} is there, which this program does not open. In Python: ` +
      "PeftModel.from_pretrained(BASE, DIR).save_pretrained(NEW_DIR)";
  return new SchemaError(advice, { file: files.folder });
}
