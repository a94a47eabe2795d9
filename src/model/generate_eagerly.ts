// Sampling operation by operation with a key-value cache: prompts padded on the left, finished rows dropped from the batch on
// the way.
import * as tf from "@tensorflow/tfjs-core";
import { uniforms } from "../base/random.ts";
import { drawFiltered } from "./filtered_draw.ts";
import type { Generation, SamplingOptions } from "./generate.ts";
import { inverseDraw } from "./inverse_draw.ts";
import type { ModelShape } from "./model_shape.ts";
import { allowedLogits } from "./policy_model.ts";
import { rotaryAt, rotaryTables } from "./rotary.ts";
import { type AttentionPlan, hiddenStates, namedParameters, outputLogits } from "./transformer.ts";
import type { LayerCache, NamedParameters } from "./transformer_layer.ts";

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

type EagerSampling =
  & { prompts: readonly (readonly number[])[] }
  & Required<Pick<SamplingOptions, "topK" | "topP">>
  & SamplingOptions;

/** What `generate` does where functions are not compiled. */
export async function generateEagerly(
  model: ModelShape,
  flat: tf.Tensor,
  { prompts, ...options }: EagerSampling,
): Promise<Generation[]> {
  const out: Generation[] = prompts.map(() => ({ tokens: [], finished: false, logProbability: 0 }));
  const draws = options.temperature === "greedy"
    ? undefined
    : uniforms(options.key, prompts.length * options.maxNewTokens);
  const parameters = tf.tidy(() => namedParameters(model, flat));
  const width = Math.max(...prompts.map((prompt) => prompt.length));
  const tables = rotaryTables(model, width + options.maxNewTokens);
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
  /** [rows]; undefined is greedy. */
  uniform?: Float32Array;
  padId: number;
  prompts: readonly (readonly number[])[];
  options: Omit<EagerSampling, "prompts">;
}

interface Drawn {
  drawn: Int32Array;
  /** Nats; 0 when greedy. */
  logProbabilities: Float32Array;
}

/** Runs the prompts (step 0) or the last tokens through the model and draws the next token of every row. */
async function nextTokens(
  decoding: Decoding,
  input: StepInput,
): Promise<Drawn> {
  const { model, parameters, width } = decoding;
  const batch = decoding.rows.length, first = input.step === 0, time = first ? width : 1;
  const ids = first ? paddedPrompts(input.prompts, width, input.padId) : decoding.last;
  const results = tf.tidy(() => {
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
    const logits = allowedLogits(outputLogits(model, parameters, final), {
      temperature: temperature === "greedy" ? 1 : temperature,
      forbidden: input.options.forbidden,
    });
    return [...result.caches.flatMap((cache) => [cache.keys, cache.values]), ...drawTensors(logits, input)];
  });
  tf.dispose(decoding.caches.flatMap((cache) => [cache.keys, cache.values]));
  decoding.caches = Array.from({ length: model.numLayers }, (_, layer) => ({
    keys: results[2 * layer],
    values: results[2 * layer + 1],
  }));
  return await readDraws(results.slice(2 * model.numLayers), { ...input, batch });
}

/** What the draw needs of logits [rows, vocab]: tokens, tokens and log-probabilities, or, where it is filtered, probabilities. */
function drawTensors(logits: tf.Tensor, { uniform, options }: StepInput): tf.Tensor[] {
  if (uniform === undefined) return [tf.argMax(logits, 1)];
  if (isFiltered(options)) return [tf.softmax(logits)];
  const { token, logProbability } = inverseDraw(logits, uniform);
  return [token, logProbability];
}

async function readDraws(
  tensors: tf.Tensor[],
  { uniform, options, batch }: StepInput & { batch: number },
): Promise<Drawn> {
  const [first, second] = await Promise.all(tensors.map((tensor) => tensor.data()));
  tf.dispose(tensors);
  const drawn = new Int32Array(batch), logProbabilities = new Float32Array(batch);
  if (uniform !== undefined && isFiltered(options)) {
    const probabilities = Float32Array.from(first), vocabulary = probabilities.length / batch;
    for (let row = 0; row < batch; row++) {
      const own = probabilities.subarray(row * vocabulary, (row + 1) * vocabulary);
      const { topK, topP } = options;
      drawn[row] = drawFiltered(own, { uniform: uniform[row], topK, topP });
      logProbabilities[row] = Math.log(own[drawn[row]]);
    }
  } else {
    drawn.set(first);
    if (second !== undefined) logProbabilities.set(second);
  }
  return { drawn, logProbabilities };
}

function isFiltered({ topK, topP }: Pick<EagerSampling, "topK" | "topP">): boolean {
  return topK > 0 || topP < 1;
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
  return {
    ...rotaryAt(tables, tf.tensor2d(positions, [batch, time], "int32")),
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
