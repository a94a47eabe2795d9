// Sampling as one compiled program: the prompts run once, then a loop draws a token of every row and feeds it back, until all
// rows are done. Row i draws its t-th token with the same uniform number as without compilation.
// Prompts are padded on the right; a row's own tokens stand behind the padding, which is out of sight.
import * as tf from "@tensorflow/tfjs-core";
import { uniforms } from "../base/random.ts";
import { compileOnce } from "../compute/compile_once.ts";
import type { TracedOperations } from "../compute/tier.ts";
import type { Generation, SamplingOptions } from "./generate.ts";
import { type ModelShape, parameterLayout } from "./model_shape.ts";
import { allowedLogits } from "./policy_model.ts";
import { rotaryTables } from "./rotary.ts";
import { oneTokenAttention } from "./traced_attention.ts";
import { drawByInverse } from "./traced_draw.ts";
import { drawFilteredByInverse, type FilterProgram, filterProgram } from "./traced_filter.ts";
import { causalPlan, hiddenStates, namedParameters, outputLogits, transformerLayers } from "./transformer.ts";

/** Below any score and any logit, also at the greedy temperature. */
const MASKED = -1e30;
/**
 * Divides logits so that the largest keeps all the probability: unlike float32 numbers of any usual size are then far apart.
 * A power of two, so that dividing rounds nothing. With u = 0 the smallest id of the largest logits is drawn.
 */
const GREEDY = 2 ** -60;
/** Sizes are rounded up to these, so that few programs are made: rows to a power of two from the first. */
const LEAST_ROWS = 64, PROMPT_MULTIPLE = 8, TOKENS_MULTIPLE = 8;

/** The sizes that one program is made for, and what else is part of it. */
interface Program {
  model: ModelShape;
  rows: number;
  /** Rows r · samples … (r + 1) · samples − 1 continue prompt r. */
  samples: number;
  /** Padded length of a prompt without its last token, which the loop feeds first. */
  width: number;
  /** Most tokens of a row. */
  steps: number;
  padId: number;
  eosId: number;
  /** Undefined where all tokens are drawn. */
  filter?: FilterProgram;
}

type TracedSampling = SamplingOptions & Required<Pick<SamplingOptions, "topK" | "topP">> & {
  prompts: readonly (readonly number[])[];
  traced: TracedOperations;
};

/** What `generate` does where functions are compiled. */
export async function generateTraced(
  model: ModelShape,
  flat: tf.Tensor,
  options: TracedSampling,
): Promise<Generation[]> {
  const { tier, traced, prompts } = options;
  if (prompts.length === 0) return [];
  const outside = prompts.flat().find((id) => !(id >= 0 && id < model.vocabularySize));
  if (outside !== undefined) {
    throw new RangeError(`generate: token ${outside} is not in the vocabulary of ${model.vocabularySize}`);
  }
  const program = programFor(model, options);
  const run = compileOnce(tier, sampling(program, traced), { name: "generation", settings: program });
  const inputs = inputTensors(program, options);
  const [tokens, isDone, logProbabilities] = run(flat, ...inputs);
  const values = await Promise.all([tokens.data(), isDone.data(), logProbabilities.data()]);
  tf.dispose([...inputs, tokens, isDone, logProbabilities]);
  return prompts.map((_, row) => {
    const text = Array.from({ length: program.steps }, (_, step) => values[0][step * program.rows + row]);
    const finished = values[1][row] !== 0;
    const length = finished ? text.indexOf(program.eosId) + 1 : options.maxNewTokens;
    return {
      tokens: text.slice(0, length),
      finished,
      logProbability: options.temperature === "greedy" ? 0 : values[2][row],
    };
  });
}

function programFor(
  model: ModelShape,
  { prompts, rows = LEAST_ROWS, samplesPerPrompt = 1, maxNewTokens, padId, eosId, ...options }:
    TracedSampling,
): Program {
  const longest = Math.max(...prompts.map((prompt) => prompt.length));
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(prompts.length, rows, LEAST_ROWS)));
  const isShared = wanted % samplesPerPrompt === 0 && prompts.length % samplesPerPrompt === 0 &&
    prompts.every((prompt, row) => areEqual(prompt, prompts[row - row % samplesPerPrompt]));
  return {
    model,
    rows: wanted,
    samples: isShared ? samplesPerPrompt : 1,
    width: PROMPT_MULTIPLE * Math.ceil(Math.max(1, longest - 1) / PROMPT_MULTIPLE),
    steps: TOKENS_MULTIPLE * Math.ceil(maxNewTokens / TOKENS_MULTIPLE),
    padId,
    eosId,
    filter: options.temperature === "greedy" ? undefined : filterProgram(options, model.vocabularySize),
  };
}

function areEqual(first: readonly number[], second: readonly number[]): boolean {
  return first === second || first.length === second.length && first.every((id, i) => id === second[i]);
}

/** All arguments of a program but the parameters, in order. Rows beyond the prompts are done from the start. */
function inputTensors(
  { model, rows, samples, width, steps, padId }: Program,
  { prompts, key, temperature, maxNewTokens, forbidden, topK, topP }: TracedSampling,
): tf.Tensor[] {
  const bodies = new Int32Array(rows / samples * width).fill(padId);
  prompts.forEach((prompt, row) => {
    if (row % samples === 0) bodies.set(prompt.slice(0, -1), row / samples * width);
  });
  const lengths = new Int32Array(rows).fill(1), last = new Int32Array(rows).fill(padId);
  prompts.forEach((prompt, row) => {
    lengths[row] = prompt.length;
    last[row] = prompt[prompt.length - 1];
  });
  const bias = new Float32Array(model.vocabularySize);
  for (const id of forbidden) bias[id] = MASKED;
  const draws = new Float32Array(steps * rows);
  if (temperature !== "greedy") {
    const drawn = uniforms(key, prompts.length * maxNewTokens);
    for (let step = 0; step < maxNewTokens; step++) {
      draws.set(drawn.subarray(step * prompts.length, (step + 1) * prompts.length), step * rows);
    }
  }
  return [
    tf.tensor2d(bodies, [rows / samples, width], "int32"),
    tf.tensor1d(lengths, "int32"),
    tf.tensor1d(last, "int32"),
    tf.tensor1d(Int32Array.from({ length: rows }, (_, row) => Number(row >= prompts.length)), "int32"),
    tf.tensor2d(draws, [steps, rows]),
    tf.tensor1d(bias),
    tf.scalar(temperature === "greedy" ? GREEDY : temperature),
    tf.scalar(topK),
    tf.scalar(1 - topP),
    tf.scalar(maxNewTokens, "int32"),
  ];
}

/** The program's function: parameters and `inputTensors` → tokens [steps, rows], whether a row has ended, and its log-probability. */
function sampling(program: Program, traced: TracedOperations) {
  return (...args: tf.Tensor[]): tf.Tensor[] => {
    const [flat, bodies, lengths, last, isAbsent, draws, bias, temperature, topK, rest, limit] = args;
    const { model, rows, steps, padId } = program;
    const parameters = namedParameters(model, flat);
    const absent = tf.cast(isAbsent, "bool"), tokens = tf.fill([steps, rows], padId, "int32");
    const caches = promptCaches(program, parameters, bodies);
    const fixed = [limit, lengths, draws, bias, temperature, topK, rest, ...Object.values(parameters)];
    const [, isDone, , logProbability, written] = traced.loop(
      (step, isDone, ...others) => {
        const [limit] = others.slice(-fixed.length);
        return tf.logicalAnd(tf.less(step, limit), tf.logicalNot(tf.all(isDone)));
      },
      (...state) => drawAndFeed(state, { program, traced, numCaches: caches.length }),
      [tf.scalar(0, "int32"), absent, last, tf.zeros([rows]), tokens, ...caches, ...fixed],
    );
    return [written, tf.logicalAnd(isDone, tf.logicalNot(absent)), logProbability];
  };
}

/** The loop's body: feeds every row its last token and draws the next one. */
function drawAndFeed(
  state: readonly tf.Tensor[],
  { program, traced, numCaches }: { program: Program; traced: TracedOperations; numCaches: number },
): tf.Tensor[] {
  const { model, rows, padId, eosId, filter } = program;
  const [step, isDone, token, logProbability, tokens, ...others] = state;
  const caches = others.slice(0, numCaches), fixed = others.slice(numCaches);
  const [, lengths, draws, bias, temperature, topK, rest, ...weights] = fixed;
  const parameters = Object.fromEntries(parameterLayout(model).map(({ name }, i) => [name, weights[i]]));
  const hidden = nextHidden(program, traced, { parameters, step, token, lengths, caches });
  const logits = allowedLogits(outputLogits(model, parameters, hidden), { temperature, forbidden: bias });
  const uniform = tf.gather(draws, step);
  const drawn = filter === undefined
    ? drawByInverse(logits, uniform)
    : drawFilteredByInverse(logits, uniform, { program: filter, traced, topK, rest });
  const next = tf.where(isDone, tf.fill([rows], padId, "int32"), drawn.token);
  return [
    tf.add(step, tf.scalar(1, "int32")),
    tf.logicalOr(isDone, tf.equal(next, tf.scalar(eosId, "int32"))),
    next,
    tf.add(logProbability, tf.where(isDone, tf.zeros([rows]), drawn.logProbability)),
    traced.writeSlice(tokens, tf.reshape(next, [1, rows]), [step, tf.scalar(0, "int32")]),
    ...caches,
    ...fixed,
  ];
}

/** Keys and values of the prompts for every row, with room for the row's own tokens: [rows, keyValueHeads, width + steps, head] each. */
function promptCaches(
  { model, rows, samples, width, steps }: Program,
  parameters: Record<string, tf.Tensor>,
  bodies: tf.Tensor,
): tf.Tensor[] {
  const { caches } = hiddenStates(model, parameters, { tokens: bodies, plan: causalPlan(model, width) });
  return caches.flatMap(({ keys, values }) =>
    [keys, values].map((cache) => {
      const [prompts, heads, , head] = cache.shape;
      const repeated = tf.tile(tf.reshape(cache, [prompts, 1, heads, width, head]), [1, samples, 1, 1, 1]);
      return tf.pad(tf.reshape(repeated, [rows, heads, width, head]), [[0, 0], [0, 0], [0, steps], [0, 0]]);
    })
  );
}

/** Hidden states of one new token a row; each of `caches` is replaced by one with its keys or values written in. */
function nextHidden(
  { model, rows, width, steps }: Program,
  traced: TracedOperations,
  { parameters, step, token, lengths, caches }: {
    parameters: Record<string, tf.Tensor>;
    step: tf.Tensor;
    token: tf.Tensor;
    lengths: tf.Tensor;
    caches: tf.Tensor[];
  },
): tf.Tensor {
  const { headSize: head } = model, zero = tf.scalar(0, "int32");
  const tables = rotaryTables(model, width + 1 + steps);
  const before = tf.sub(lengths, tf.scalar(1, "int32"));
  const at = tf.reshape(tf.add(before, step), [rows]);
  const slot = tf.add(step, tf.scalar(width, "int32"));
  const bias = visibleSlots(before, slot, { rows, width, steps });
  return transformerLayers(model, parameters, {
    tokens: tf.reshape(token, [rows, 1]),
    rotary: {
      cosines: tf.reshape(tf.gather(tables.cosines, at), [rows, 1, 1, head]),
      sines: tf.reshape(tf.gather(tables.sines, at), [rows, 1, 1, head]),
      halfTurn: tables.halfTurn,
    },
    attend(layer, heads) {
      const write = (index: number, values: tf.Tensor) =>
        caches[index] = traced.writeSlice(caches[index], values, [zero, zero, slot, zero]);
      const keys = write(2 * layer, heads.keys), values = write(2 * layer + 1, heads.values);
      return oneTokenAttention({ queries: heads.queries, keys, values }, bias);
    },
  });
}

/** 0 at the slots that a row's next token sees, a large negative number elsewhere: [rows, 1, 1, width + steps]. */
function visibleSlots(
  before: tf.Tensor,
  slot: tf.Tensor,
  { rows, width, steps }: { rows: number; width: number; steps: number },
): tf.Tensor {
  const slots = tf.reshape(tf.range(0, width + steps, 1, "int32"), [1, width + steps]);
  const inPrompt = tf.less(slots, tf.reshape(before, [rows, 1]));
  const own = tf.logicalAnd(tf.greaterEqual(slots, tf.scalar(width, "int32")), tf.lessEqual(slots, slot));
  const isSeen = tf.cast(tf.logicalOr(inPrompt, own), "float32");
  return tf.reshape(tf.mul(tf.sub(isSeen, 1), -MASKED), [rows, 1, 1, width + steps]);
}
