// Sampling as one compiled program (traced_rollout.ts): sizes rounded so that few programs are made, prompts and uniform numbers
// in, texts out. Row i draws its t-th token with the same uniform number as without compilation.
import * as tf from "@tensorflow/tfjs-core";
import { uniforms } from "../base/random.ts";
import { callAll } from "../compute/call_all.ts";
import { compileOnce } from "../compute/compile_once.ts";
import type { TracedOperations } from "../compute/tier.ts";
import type { Generation, SamplingOptions } from "./generate.ts";
import { type ModelShape, numParameters } from "./model_shape.ts";
import { filterProgram } from "./traced_filter.ts";
import { MASKED, type RolloutProgram, tracedRollout } from "./traced_rollout.ts";
import { numEarlySteps, numFewRows } from "./traced_rows.ts";

/**
 * Divides logits so that the largest keeps all the probability: unlike float32 numbers of any usual size are then far apart.
 * A power of two, so that dividing rounds nothing. With u = 0 the smallest id of the largest logits is drawn.
 */
const GREEDY = 2 ** -60;
/** Sizes are rounded up to these, so that few programs are made: rows to a power of two, a whole batch's from the first. */
const LEAST_ROWS = 64, PROMPT_MULTIPLE = 8, TOKENS_MULTIPLE = 8;
/** Rows of a part for a lane at least, and parameters of a model whose rows are cut at most. */
const LEAST_CUT = 32, LARGEST_CUT = 4e6;
const SHORT_PROMPT = 16, FEW_SAMPLES = 4;

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
  const cut = rowsForLanes(model, options), program = programFor(model, options, cut[0]);
  const run = compileOnce(tier, tracedRollout(program, traced), { name: "generation", settings: program });
  const { key, maxNewTokens, temperature } = options;
  const drawn = temperature === "greedy" ? undefined : uniforms(key, prompts.length * maxNewTokens);
  const results = await callAll(
    tier.lanes,
    cut.map((rows) => async () => {
      const inputs = inputTensors(program, { ...options, drawn }, rows);
      return await run.later(flat, ...inputs).finally(() => tf.dispose(inputs));
    }),
  );
  const texts = await Promise.all(
    cut.map((rows, i) => readTexts(program, results[i], { numRows: rows.end - rows.start, ...options })),
  );
  tf.dispose(results.flat());
  return texts.flat();
}

async function readTexts(
  program: RolloutProgram,
  results: readonly tf.Tensor[],
  { numRows, maxNewTokens, temperature }:
    & { numRows: number }
    & Pick<SamplingOptions, "maxNewTokens" | "temperature">,
): Promise<Generation[]> {
  const [tokens, isDone, logProbabilities] = await Promise.all(results.map((result) => result.data()));
  return Array.from({ length: numRows }, (_, row) => {
    const text = Array.from({ length: program.steps }, (_, step) => tokens[step * program.rows + row]);
    const finished = isDone[row] !== 0;
    return {
      tokens: text.slice(0, finished ? text.indexOf(program.eosId) + 1 : maxNewTokens),
      finished,
      logProbability: temperature === "greedy" ? 0 : logProbabilities[row],
    };
  });
}

/** Some of the prompts, [start, end). */
interface Rows {
  start: number;
  end: number;
}

/**
 * The prompts, cut for the tier's lanes where each part has rows enough, the samples of a prompt together. The parts of a large model
 * would read its parameters once more each, token by token.
 */
function rowsForLanes(
  model: ModelShape,
  { tier: { lanes }, prompts: { length }, samplesPerPrompt = 1 }: TracedSampling,
): Rows[] {
  const numParts = partsOf(model, lanes, length);
  const size = samplesPerPrompt * Math.ceil(length / numParts / samplesPerPrompt);
  return Array.from({ length: Math.ceil(length / size) }, (_, part) => ({
    start: part * size,
    end: Math.min(length, (part + 1) * size),
  }));
}

function partsOf(model: ModelShape, lanes: number, rows: number): number {
  if (numParameters(model) > LARGEST_CUT) return 1;
  return Math.max(1, Math.min(lanes, Math.floor(rows / LEAST_CUT)));
}

function programFor(
  model: ModelShape,
  { tier, prompts, rows = LEAST_ROWS, samplesPerPrompt = 1, maxNewTokens, padId, eosId, ...options }:
    TracedSampling,
  { start, end }: Rows,
): RolloutProgram {
  const longest = Math.max(...prompts.map((prompt) => prompt.length));
  // As many as a part of a whole batch, however few prompts there are.
  const whole = Math.max(rows, LEAST_ROWS, prompts.length);
  const least = whole / partsOf(model, tier.lanes, whole);
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(end - start, least)));
  const isShared = wanted % samplesPerPrompt === 0 && prompts.length % samplesPerPrompt === 0 &&
    prompts.every((prompt, row) => areEqual(prompt, prompts[row - row % samplesPerPrompt]));
  const steps = TOKENS_MULTIPLE * Math.ceil(maxNewTokens / TOKENS_MULTIPLE);
  const width = PROMPT_MULTIPLE * Math.ceil(Math.max(1, longest - 1) / PROMPT_MULTIPLE);
  // Where no text can end there is nobody to leave behind.
  const few = options.forbidden.includes(eosId) ? 0 : numFewRows(tier, model, { rows: wanted, steps });
  return {
    model,
    rows: wanted,
    samples: isShared ? samplesTogether(samplesPerPrompt, width) : 1,
    width,
    steps,
    few,
    early: numEarlySteps(model, { rows: wanted, width, steps, few }),
    padId,
    eosId,
    filter: options.temperature === "greedy" ? undefined : filterProgram(options, model.vocabularySize),
  };
}

/** Short prompts cost little, so programs for many samples are those for four: one compilation less. */
function samplesTogether(samplesPerPrompt: number, width: number): number {
  const isCheap = width <= SHORT_PROMPT && samplesPerPrompt % FEW_SAMPLES === 0;
  return isCheap ? FEW_SAMPLES : samplesPerPrompt;
}

function areEqual(first: readonly number[], second: readonly number[]): boolean {
  return first === second || first.length === second.length && first.every((id, i) => id === second[i]);
}

/**
 * All arguments of a program but the parameters, in order, for some of the prompts. Rows beyond them are done from the start.
 * `drawn`: uniform numbers of all prompts' first tokens, then of their second ones …; undefined where nothing is drawn.
 */
function inputTensors(
  { model, rows, samples, width, steps, padId }: RolloutProgram,
  { prompts: all, drawn, temperature, maxNewTokens, forbidden, topK, topP }:
    & TracedSampling
    & { drawn: Float32Array | undefined },
  { start, end }: Rows,
): tf.Tensor[] {
  const prompts = all.slice(start, end);
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
  if (drawn !== undefined) {
    for (let step = 0; step < maxNewTokens; step++) {
      draws.set(drawn.subarray(step * all.length + start, step * all.length + end), step * rows);
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
