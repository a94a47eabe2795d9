// Sampling continuations with a key-value cache: prompts of different lengths (padded on the left), temperature or greedy,
// stop at EOS, uniform numbers made on the host from a key, finished rows dropped from the batch on the way.
import * as tf from "@tensorflow/tfjs-core";
import { type RandomKey, uniforms } from "../base/random.ts";
import type { Tier } from "../compute/tier.ts";
import { generateTraced } from "./generate_traced.ts";
import {
  type AttentionPlan,
  hiddenStates,
  type LayerCache,
  type NamedParameters,
  namedParameters,
  tiedLogits,
} from "./gpt_neox.ts";
import type { ModelShape } from "./model_shape.ts";
import { allowedLogits } from "./policy_model.ts";
import { rotaryTables } from "./rotary.ts";

export interface SamplingOptions {
  /** Where it computes: the whole of it is one program where functions are compiled. */
  tier: Tier;
  key: RandomKey;
  /** Divides the logits; "greedy" takes the most likely token. */
  temperature: number | "greedy";
  maxNewTokens: number;
  padId: number;
  eosId: number;
  /** Token ids that are never drawn. */
  forbidden: readonly number[];
  /** Hint: so many prompts in a row are the same. Where they are, a compiled program runs each once. @default 1 */
  samplesPerPrompt?: number;
  /** Rows that a compiled program is made for, if more than there are prompts: fewer programs. */
  rows?: number;
}

export interface Generation {
  /** New tokens, EOS included where the text ended by itself. */
  tokens: number[];
  finished: boolean;
  /** Σ_t log π(y_t | x, y_<t) of the drawn tokens at the sampling temperature, nats; 0 when greedy. */
  logProbability: number;
}

/** Rows are dropped from the batch when at most this share of them is unfinished. */
const COMPACT_BELOW = 0.7;
const MASKED = -1e9;

interface Decoding {
  model: ModelShape;
  parameters: NamedParameters;
  caches: LayerCache[];
  /** Per row of the current batch: which prompt, how long it is, its last token. */
  rows: number[];
  lengths: number[];
  last: Int32Array;
  /** Padded prompt length. */
  width: number;
}

/**
 * One continuation per prompt. Row i draws its t-th token with the uniform number [t · prompts + i] of the key, whatever
 * happens to other rows.
 *
 * @param flat [parameters]
 */
export async function generate(
  model: ModelShape,
  flat: tf.Tensor,
  { prompts, ...options }: { prompts: readonly (readonly number[])[] } & SamplingOptions,
): Promise<Generation[]> {
  if (prompts.some((prompt) => prompt.length === 0)) throw new RangeError("generate: a prompt has no token");
  const { tier: { traced } } = options;
  if (traced !== undefined) return await generateTraced(model, flat, { ...options, prompts, traced });
  const out: Generation[] = prompts.map(() => ({ tokens: [], finished: false, logProbability: 0 }));
  const draws = options.temperature === "greedy"
    ? undefined
    : uniforms(options.key, prompts.length * options.maxNewTokens);
  const parameters = tf.tidy(() => namedParameters(model, flat));
  const tables = rotaryTables(model.hiddenSize / model.numHeads, model.rotaryShare, model.maxPositions);
  const decoding = startDecoding(model, parameters, prompts, options.padId);
  try {
    for (let step = 0; step < options.maxNewTokens && decoding.rows.length > 0; step++) {
      const uniform = draws && Float32Array.from(decoding.rows, (row) => draws[step * prompts.length + row]);
      const { drawn, logProbabilities } = await nextTokens(decoding, {
        step,
        tables,
        uniform,
        padId: options.padId,
        prompts,
        options,
      });
      const open: number[] = [];
      decoding.rows.forEach((row, i) => {
        if (out[row].finished) return;
        out[row].tokens.push(drawn[i]);
        out[row].logProbability += logProbabilities[i];
        if (drawn[i] === options.eosId) out[row].finished = true;
        else open.push(i);
      });
      decoding.last = drawn;
      if (open.length === 0) break;
      if (open.length <= COMPACT_BELOW * decoding.rows.length) keepRows(decoding, open);
    }
  } finally {
    tf.dispose([...decoding.caches.flatMap((cache) => [cache.keys, cache.values])]);
    tf.dispose([Object.values(parameters), [tables.cosines, tables.sines, tables.halfTurn]]);
  }
  return out;
}

function startDecoding(
  model: ModelShape,
  parameters: NamedParameters,
  prompts: readonly (readonly number[])[],
  padId: number,
): Decoding {
  const width = Math.max(...prompts.map((prompt) => prompt.length));
  return {
    model,
    parameters,
    caches: [],
    rows: prompts.map((_, i) => i),
    lengths: prompts.map((prompt) => prompt.length),
    last: new Int32Array(prompts.length).fill(padId),
    width,
  };
}

interface StepInput {
  step: number;
  tables: ReturnType<typeof rotaryTables>;
  uniform?: Float32Array;
  padId: number;
  prompts: readonly (readonly number[])[];
  options: SamplingOptions;
}

/** Runs the prompts (step 0) or the last tokens through the model and draws the next token of every row. */
async function nextTokens(
  decoding: Decoding,
  input: StepInput,
): Promise<{ drawn: Int32Array; logProbabilities: Float32Array }> {
  const { model, parameters, width } = decoding;
  const batch = decoding.rows.length, first = input.step === 0, time = first ? width : 1;
  const ids = first ? paddedPrompts(input.prompts, width, input.padId) : decoding.last;
  const [drawn, logs, ...caches] = tf.tidy(() => {
    const tokens = tf.tensor2d(ids, [batch, time], "int32");
    const plan = decodingPlan(decoding, input, time);
    const result = hiddenStates(model, parameters, {
      tokens,
      plan,
      caches: first ? undefined : decoding.caches,
    });
    const final = first
      ? tf.reshape(
        tf.slice(tf.reshape(result.hidden, [batch, time, model.hiddenSize]), [0, time - 1, 0], [
          batch,
          1,
          -1,
        ]),
        [batch, model.hiddenSize],
      )
      : result.hidden;
    const { temperature } = input.options;
    const logits = allowedLogits(tiedLogits(parameters, final), {
      temperature: temperature === "greedy" ? 1 : temperature,
      forbidden: input.options.forbidden,
    });
    const picked = input.uniform === undefined
      ? { token: tf.argMax(logits, 1), logProbability: tf.zeros([batch]) }
      : inverseDraw(logits, input.uniform);
    return [
      picked.token,
      picked.logProbability,
      ...result.caches.flatMap((cache) => [cache.keys, cache.values]),
    ];
  });
  tf.dispose(decoding.caches.flatMap((cache) => [cache.keys, cache.values]));
  decoding.caches = Array.from({ length: model.numLayers }, (_, layer) => ({
    keys: caches[2 * layer],
    values: caches[2 * layer + 1],
  }));
  const [ids32, logProbabilities] = await Promise.all([drawn.data(), logs.data()]);
  tf.dispose([drawn, logs]);
  return { drawn: Int32Array.from(ids32), logProbabilities: Float32Array.from(logProbabilities) };
}

/** Inverse transform sampling: the first token whose cumulated probability exceeds u, and its log-probability. [rows] each. */
export function inverseDraw(
  logits: tf.Tensor,
  uniform: Float32Array,
): { token: tf.Tensor; logProbability: tf.Tensor } {
  const [rows, vocab] = logits.shape;
  const probabilities = tf.softmax(logits);
  const cumulated = tf.cumsum(probabilities, 1);
  const total = tf.slice(cumulated, [0, vocab - 1], [rows, 1]);
  const threshold = tf.mul(tf.tensor2d(uniform, [rows, 1]), total);
  const token = tf.sum(tf.cast(tf.lessEqual(cumulated, threshold), "int32"), 1);
  const places = tf.stack([tf.range(0, rows, 1, "int32"), token], 1);
  return { token, logProbability: tf.log(tf.gatherND(probabilities, places)) };
}

function paddedPrompts(prompts: readonly (readonly number[])[], width: number, padId: number): Int32Array {
  const ids = new Int32Array(prompts.length * width).fill(padId);
  prompts.forEach((prompt, row) => ids.set(prompt, (row + 1) * width - prompt.length));
  return ids;
}

/** Positions count from each row's first real token; padding on the left is out of sight. */
function decodingPlan(decoding: Decoding, { step, tables }: StepInput, time: number): AttentionPlan {
  const { width, lengths } = decoding, batch = lengths.length;
  const keys = width + step, positions = new Int32Array(batch * time);
  const bias = new Float32Array(batch * time * keys);
  for (let row = 0; row < batch; row++) {
    const pad = width - lengths[row];
    for (let t = 0; t < time; t++) {
      const at = step === 0 ? t : width + step - 1;
      positions[row * time + t] = Math.max(0, at - pad);
      const start = (row * time + t) * keys;
      bias.fill(MASKED, start, start + pad);
      bias.fill(MASKED, start + at + 1, start + keys);
    }
  }
  const head = tables.cosines.shape[1] ?? 0;
  const rows = tf.tensor1d(positions, "int32");
  return {
    cosines: tf.reshape(tf.gather(tables.cosines, rows), [batch, 1, time, head]),
    sines: tf.reshape(tf.gather(tables.sines, rows), [batch, 1, time, head]),
    halfTurn: tables.halfTurn,
    bias: tf.tensor4d(bias, [batch, 1, time, keys]),
  };
}

/** Keeps the given rows of the current batch only. */
function keepRows(decoding: Decoding, kept: readonly number[]): void {
  const indices = tf.tensor1d([...kept], "int32");
  const pick = (tensor: tf.Tensor) => {
    const smaller = tf.gather(tensor, indices);
    tensor.dispose();
    return smaller;
  };
  decoding.caches = decoding.caches.map((cache) => ({ keys: pick(cache.keys), values: pick(cache.values) }));
  indices.dispose();
  decoding.rows = kept.map((i) => decoding.rows[i]);
  decoding.lengths = kept.map((i) => decoding.lengths[i]);
  decoding.last = Int32Array.from(kept, (i) => decoding.last[i]);
}
