// Sampling as one compiled program (traced_rollout.ts): sizes rounded so that few programs are made, prompts and uniform numbers
// in, texts out. Row i draws its t-th token with the same uniform number as without compilation.
import * as tf from "@tensorflow/tfjs-core";
import { uniforms } from "../base/random.ts";
import { compileOnce } from "../compute/compile_once.ts";
import type { TracedOperations } from "../compute/tier.ts";
import type { Generation, SamplingOptions } from "./generate.ts";
import type { ModelShape } from "./model_shape.ts";
import { filterProgram } from "./traced_filter.ts";
import { MASKED, type RolloutProgram, tracedRollout } from "./traced_rollout.ts";
import { numEarlySteps, numFewRows } from "./traced_rows.ts";

/**
 * Divides logits so that the largest keeps all the probability: unlike float32 numbers of any usual size are then far apart.
 * A power of two, so that dividing rounds nothing. With u = 0 the smallest id of the largest logits is drawn.
 */
const GREEDY = 2 ** -60;
/** Sizes are rounded up to these, so that few programs are made: rows to a power of two from the first. */
const LEAST_ROWS = 64, PROMPT_MULTIPLE = 8, TOKENS_MULTIPLE = 8;

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
  const run = compileOnce(tier, tracedRollout(program, traced), { name: "generation", settings: program });
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
  { tier, prompts, rows = LEAST_ROWS, samplesPerPrompt = 1, maxNewTokens, padId, eosId, ...options }:
    TracedSampling,
): RolloutProgram {
  const longest = Math.max(...prompts.map((prompt) => prompt.length));
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(prompts.length, rows, LEAST_ROWS)));
  const isShared = wanted % samplesPerPrompt === 0 && prompts.length % samplesPerPrompt === 0 &&
    prompts.every((prompt, row) => areEqual(prompt, prompts[row - row % samplesPerPrompt]));
  const steps = TOKENS_MULTIPLE * Math.ceil(maxNewTokens / TOKENS_MULTIPLE);
  const width = PROMPT_MULTIPLE * Math.ceil(Math.max(1, longest - 1) / PROMPT_MULTIPLE);
  // Where no text can end there is nobody to leave behind.
  const few = options.forbidden.includes(eosId) ? 0 : numFewRows(tier, model, { rows: wanted, steps });
  return {
    model,
    rows: wanted,
    samples: isShared ? samplesPerPrompt : 1,
    width,
    steps,
    few,
    early: numEarlySteps(model, { rows: wanted, width, steps, few }),
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
  { model, rows, samples, width, steps, padId }: RolloutProgram,
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
