// LoRA (Hu et al. 2021): a frozen base and, for chosen linear layers, W' = W + s B A with small A and B that alone are trained.
// A reward's score head has no worth in a frozen base, so it is trained whole, as PEFT does. Left out: dropout, and adapters
// of embeddings and biases.
import * as tf from "@tensorflow/tfjs-core";
import { ConfigError } from "../base/errors.ts";
import { nearestName } from "../base/nearest_name.ts";
import { type RandomKey, splitKey, uniforms } from "../base/random.ts";
import { checkShapes } from "../base/shapes.ts";
import {
  type Architecture,
  type LayoutEntry,
  type ModelShape,
  numParameters,
  parameterLayout,
  SCORE_NAME,
} from "./model_shape.ts";

export interface LoraConfig {
  /** Rows of A and columns of B. */
  rank: number;
  alpha: number;
  /** s is alpha / √rank instead of alpha / rank (PEFT's use_rslora). */
  rankStabilised: boolean;
  /** Linear layers by the last parts of their names: "q_proj", or "self_attn.q_proj", or a whole name, as PEFT takes them. */
  targetModules: readonly string[];
}

export interface AdaptedModel {
  model: ModelShape;
  config: LoraConfig;
}

/** A tensor of the adapter and what it adapts. */
export interface AdapterEntry {
  /** The base's name with "lora_A" or "lora_B" before "weight"; the score head keeps its own. */
  name: string;
  shape: number[];
  /** In the adapter's flat vector. */
  offset: number;
  size: number;
  part: "A" | "B" | "whole";
  /** The tensor of the base. */
  base: LayoutEntry;
}

/** Modules whose weight is a matrix of a layer, by architecture: what PEFT's "all-linear" means. */
const LINEAR_MODULES: Record<Architecture, readonly string[]> = {
  gpt_neox: ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
  llama: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
  mistral: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
};

export function linearModules({ architecture }: ModelShape): readonly string[] {
  return LINEAR_MODULES[architecture];
}

/** The adapter's flat vector: A and B of each adapted layer in the model's order, then a reward's score head. */
export function adapterLayout({ model, config }: AdaptedModel): AdapterEntry[] {
  const targets = targetEntries(model, config.targetModules), entries: AdapterEntry[] = [];
  let offset = 0;
  const add = (name: string, shape: number[], rest: Pick<AdapterEntry, "part" | "base">) => {
    const size = shape.reduce((product, length) => product * length, 1);
    entries.push({ name, shape, offset, size, ...rest });
    offset += size;
  };
  for (const base of targets) {
    const module = moduleName(base), [out, input] = base.shape;
    add(`${module}.lora_A.weight`, [config.rank, input], { part: "A", base });
    add(`${module}.lora_B.weight`, [out, config.rank], { part: "B", base });
  }
  const score = parameterLayout(model).find(({ name }) => name === SCORE_NAME);
  if (score !== undefined) add(score.name, score.shape, { part: "whole", base: score });
  return entries;
}

/** Numbers of the adapter. */
export function adapterSize(adapted: AdaptedModel): number {
  return adapterLayout(adapted).reduce((sum, { size }) => sum + size, 0);
}

/** s of W + s B A. */
export function adapterScale({ alpha, rank, rankStabilised }: LoraConfig): number {
  return alpha / (rankStabilised ? Math.sqrt(rank) : rank);
}

/**
 * A fresh adapter, [adapter], under which the model computes what its base does: A uniform in ±1/√in (PEFT's default, Kaiming
 * with a = √5), B zero, a score head that of the base.
 *
 * @param base [parameters]
 */
export function initialAdapter(
  adapted: AdaptedModel,
  { base, key }: { base: Float32Array; key: RandomKey },
): Float32Array {
  const flat = new Float32Array(adapterSize(adapted));
  for (const { name, shape, offset, size, part, base: adaptedEntry } of adapterLayout(adapted)) {
    if (part === "A") {
      const bound = 1 / Math.sqrt(shape[1]), drawn = uniforms(splitKey(key, name), size);
      for (let i = 0; i < size; i++) flat[offset + i] = bound * (2 * drawn[i] - 1);
    }
    if (part === "whole") flat.set(base.subarray(adaptedEntry.offset, adaptedEntry.offset + size), offset);
  }
  return flat;
}

/**
 * The network's parameters: W + s B A where the adapter has A and B, its own tensor where it has the whole, the base elsewhere.
 * Gradients flow into the adapter; a caller that differentiates by it alone pays nothing for the base.
 *
 * @param base [parameters]
 * @param adapter [adapter]
 * @returns [parameters]
 */
export function adaptedParameters(adapted: AdaptedModel, base: tf.Tensor, adapter: tf.Tensor): tf.Tensor {
  const { model, config } = adapted, layout = adapterLayout(adapted);
  checkShapes("adaptedParameters()", { base: [numParameters(model)], adapter: [adapterSize(adapted)] }, {
    base,
    adapter,
  });
  const pieces = tf.split(adapter, layout.map(({ size }) => size));
  const tensors = new Map(layout.map(({ name, shape }, i) => [name, tf.reshape(pieces[i], shape)]));
  const tensor = (name: string): tf.Tensor => {
    const found = tensors.get(name);
    if (found === undefined) throw new RangeError(`adaptedParameters: the adapter has no "${name}"`);
    return found;
  };
  const runs = baseRuns(adapted), parts = tf.split(base, runs.map(({ size }) => size));
  const joined = runs.map(({ entry, part }, i) => {
    if (entry === undefined) return parts[i];
    if (part === "whole") return tf.reshape(tensor(entry.name), [-1]);
    const a = tf.mul(tensor(`${moduleName(entry)}.lora_A.weight`), adapterScale(config));
    const product = tf.matMul(tensor(`${moduleName(entry)}.lora_B.weight`), a);
    return tf.add(parts[i], tf.reshape(product, [-1]));
  });
  return tf.concat(joined);
}

/** The same on the host, [parameters]: what a merged model is saved as. */
export function mergedParameters(
  adapted: AdaptedModel,
  { base, adapter }: { base: Float32Array; adapter: Float32Array },
): Float32Array {
  const { rank } = adapted.config, scale = adapterScale(adapted.config), flat = base.slice();
  const layout = adapterLayout(adapted);
  const slice = ({ offset, size }: AdapterEntry) => adapter.subarray(offset, offset + size);
  layout.forEach((entry, i) => {
    const weight = flat.subarray(entry.base.offset, entry.base.offset + entry.base.size);
    if (entry.part === "whole") weight.set(slice(entry));
    if (entry.part !== "A") return;
    // B stands behind its A.
    const a = slice(entry), b = slice(layout[i + 1]), [out, input] = entry.base.shape;
    const row = new Float64Array(input);
    for (let o = 0; o < out; o++) {
      row.fill(0);
      for (let r = 0; r < rank; r++) {
        const factor = scale * b[o * rank + r];
        for (let k = 0; k < input; k++) row[k] += factor * a[r * input + k];
      }
      for (let k = 0; k < input; k++) weight[o * input + k] += row[k];
    }
  });
  return flat;
}

function moduleName({ name }: LayoutEntry): string {
  return name.replace(/\.weight$/, "");
}

/** The base's vector in runs: an adapted tensor is one, and all that lies between two of them is one. */
function baseRuns(
  adapted: AdaptedModel,
): { size: number; entry?: LayoutEntry; part?: AdapterEntry["part"] }[] {
  const parts = new Map(adapterLayout(adapted).map(({ base, part }) => [base.name, part]));
  const runs: ReturnType<typeof baseRuns> = [];
  for (const entry of parameterLayout(adapted.model)) {
    const part = parts.get(entry.name), last = runs.at(-1);
    if (part !== undefined) runs.push({ size: entry.size, entry, part });
    else if (last !== undefined && last.entry === undefined) last.size += entry.size;
    else runs.push({ size: entry.size });
  }
  return runs;
}

/** Weights of the named layers; ConfigError where a name fits none. */
function targetEntries(model: ModelShape, targetModules: readonly string[]): LayoutEntry[] {
  const linear = linearModules(model);
  const candidates = parameterLayout(model).filter(({ name }) =>
    linear.some((module) => name.endsWith(`.${module}.weight`))
  );
  const isTarget = (entry: LayoutEntry, target: string) => `.${moduleName(entry)}`.endsWith(`.${target}`);
  const unknown = targetModules.find((target) => !candidates.some((entry) => isTarget(entry, target)));
  if (unknown !== undefined || targetModules.length === 0) {
    const meant = unknown === undefined
      ? ""
      : `: "${unknown}" is none, did you mean "${nearestName(unknown, linear)}"`;
    throw new ConfigError(
      `Give lora.targetModules linear layers of a ${model.architecture}, some of ${
        linear.join(", ")
      }${meant}`,
    );
  }
  return candidates.filter((entry) => targetModules.some((target) => isTarget(entry, target)));
}
