// The function that samples as one program. The prompts run once, then a loop draws a token of every row and feeds it back, until few
// texts go on or its slots are full; a second loop ends the others, a few rows at a time, for most rows of the first would idle.
// Prompts are padded on the right; a row's own tokens stand behind the padding, which is out of sight.
import * as tf from "@tensorflow/tfjs-core";
import type { TracedOperations } from "../compute/tier.ts";
import { causalAttention } from "./causal_attention.ts";
import { type ModelShape, parameterLayout } from "./model_shape.ts";
import { allowedLogits } from "./policy_model.ts";
import { rotaryAt, rotaryTables } from "./rotary.ts";
import { oneTokenAttention } from "./traced_attention.ts";
import { drawByInverse } from "./traced_draw.ts";
import { drawFilteredByInverse, type FilterProgram } from "./traced_filter.ts";
import { openRows, putRows } from "./traced_rows.ts";
import { namedParameters, outputLogits, transformerLayers } from "./transformer.ts";
import type { LayerCache } from "./transformer_layer.ts";

/** Below any score and any logit, also at the greedy temperature. */
export const MASKED = -1e30;
/** State of a loop in front of its caches: step, whether a row has ended, last token, log-probability, tokens. */
const NUM_DRAWN = 5;

/** The sizes that one program is made for, and what else is part of it. */
export interface RolloutProgram {
  model: ModelShape;
  rows: number;
  /** Rows r · samples … (r + 1) · samples − 1 continue prompt r. */
  samples: number;
  /** Padded length of a prompt without its last token, which the loop feeds first. */
  width: number;
  /** Most tokens of a row. */
  steps: number;
  /** So many rows at a time end their texts in the second loop; 0: there is none. */
  few: number;
  /** Most tokens of a row in the first loop, whose attention then reads no more slots. */
  early: number;
  padId: number;
  eosId: number;
  /** Undefined where all tokens are drawn. */
  filter?: FilterProgram;
}

/** Parameters and the inputs → tokens [steps, rows], whether a row has ended, and its log-probability. */
export function tracedRollout(program: RolloutProgram, traced: TracedOperations) {
  return (...args: tf.Tensor[]): tf.Tensor[] => {
    const [flat, bodies, lengths, last, isAbsent, draws, bias, temperature, topK, rest, limit] = args;
    const { model, rows, steps, few, early, padId } = program, first = { ...program, steps: early };
    const parameters = namedParameters(model, flat);
    const absent = tf.cast(isAbsent, "bool"), tokens = tf.fill([steps, rows], padId, "int32");
    const caches = promptCaches(first, parameters, bodies), numCaches = caches.length;
    const fixed = [limit, lengths, draws, bias, temperature, topK, rest, ...Object.values(parameters)];
    const start = [tf.scalar(0, "int32"), absent, last, tf.zeros([rows]), tokens, ...caches, ...fixed];
    const reached = drawUntil(few, start, { program: first, traced, numCaches });
    const ended = few === 0 ? reached : endTexts(reached, { program, traced, numCaches });
    const [, isDone, , logProbability, written] = ended;
    return [written, tf.logicalAnd(isDone, tf.logicalNot(absent)), logProbability];
  };
}

interface Stage {
  program: RolloutProgram;
  traced: TracedOperations;
  numCaches: number;
}

/** Draws tokens until so few texts go on, or the limit or the last slot is reached. */
function drawUntil(few: number, state: readonly tf.Tensor[], stage: Stage): tf.Tensor[] {
  const { program: { steps }, numCaches } = stage;
  return stage.traced.loop(
    (step, isDone, ...others) => {
      const limit = tf.minimum(others[NUM_DRAWN - 2 + numCaches], tf.scalar(steps, "int32"));
      const numOpen = tf.sum(tf.cast(tf.logicalNot(isDone), "int32"));
      return tf.logicalAnd(tf.less(step, limit), tf.greater(numOpen, tf.scalar(few, "int32")));
    },
    (...state) => drawAndFeed(state, stage),
    state,
  );
}

/** Ends all texts, `program.few` rows at a time. Returns the state up to the tokens. */
function endTexts(
  [step, isDone, last, logProbability, tokens, ...others]: readonly tf.Tensor[],
  stage: Stage,
): tf.Tensor[] {
  const [, , ...ended] = stage.traced.loop(
    (step, isOver, ...state) => {
      const limit = state[NUM_DRAWN - 1 + stage.numCaches];
      return tf.logicalAnd(tf.less(step, limit), tf.logicalNot(tf.all(isOver)));
    },
    (...state) => endFew(state, stage),
    // What is over is never drawn for again: texts that have ended, and those that have reached the limit.
    [step, isDone, isDone, last, logProbability, tokens, ...others],
  );
  return [step, ...ended];
}

/** The body of the loop over groups: takes rows out, ends their texts and puts them back. */
function endFew(
  [step, isOver, isDone, last, logProbability, tokens, ...others]: readonly tf.Tensor[],
  { program, traced, numCaches }: Stage,
): tf.Tensor[] {
  const [limit, lengths, draws, ...shared] = others.slice(numCaches);
  const at = openRows(isOver, program.few), drawn = [isDone, last, logProbability];
  const rowsOf = (x: tf.Tensor) => tf.gather(x, at), columnsOf = (x: tf.Tensor) => tf.gather(x, at, 1);
  const room = [[0, 0], [0, 0], [0, program.steps - program.early], [0, 0]] satisfies [number, number][];
  const caches = others.slice(0, numCaches).map((cache) => tf.pad(rowsOf(cache), room));
  const wasOver = rowsOf(isOver), before = [...drawn.map(rowsOf), columnsOf(tokens)];
  const [, ...after] = drawUntil(
    0,
    [step, wasOver, ...before.slice(1), ...caches, limit, rowsOf(lengths), columnsOf(draws), ...shared],
    { program: { ...program, rows: program.few }, traced, numCaches },
  );
  const [ended, end, total, written] = before.map((old, i) => tf.where(wasOver, old, after[i]));
  return [
    step,
    putRows(isOver, at, tf.onesLike(wasOver)),
    ...[ended, end, total].map((some, i) => putRows(drawn[i], at, some)),
    tf.transpose(putRows(tf.transpose(tokens), at, tf.transpose(written))),
    ...others,
  ];
}

/** The loop's body: feeds every row its last token and draws the next one. */
function drawAndFeed(
  state: readonly tf.Tensor[],
  { program, traced, numCaches }: Stage,
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
  { model, rows, samples, width, steps }: RolloutProgram,
  parameters: Record<string, tf.Tensor>,
  bodies: tf.Tensor,
): tf.Tensor[] {
  const caches: LayerCache[] = [];
  transformerLayers(model, parameters, {
    tokens: bodies,
    rotary: rotaryTables(model, width),
    attend(_, heads) {
      caches.push(heads);
      return causalAttention(heads);
    },
  });
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
  { model, rows, width, steps }: RolloutProgram,
  traced: TracedOperations,
  { parameters, step, token, lengths, caches }: {
    parameters: Record<string, tf.Tensor>;
    step: tf.Tensor;
    token: tf.Tensor;
    lengths: tf.Tensor;
    caches: tf.Tensor[];
  },
): tf.Tensor {
  const zero = tf.scalar(0, "int32");
  const tables = rotaryTables(model, width + 1 + steps);
  const before = tf.sub(lengths, tf.scalar(1, "int32"));
  const at = tf.reshape(tf.add(before, step), [rows, 1]);
  const slot = tf.add(step, tf.scalar(width, "int32"));
  const bias = visibleSlots(before, slot, { rows, width, steps });
  return transformerLayers(model, parameters, {
    tokens: tf.reshape(token, [rows, 1]),
    rotary: rotaryAt(tables, at),
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
