// Causal attention that never holds the matrix of all queries by all keys: blocks of queries forward, each against the keys up to
// its end; blocks of keys backward, with the probabilities computed again from the saved log-sum-exp (Dao et al. 2022,
// FlashAttention). Backward works on transposed blocks, or XLA would merge it with the forward pass and keep the matrix.
import * as tf from "@tensorflow/tfjs-core";
import { checkShapes } from "../base/shapes.ts";
import type { HeadTensors } from "./transformer_layer.ts";

/** From where on tokens to where: [start, end). */
type Span = readonly [start: number, end: number];

/**
 * softmax(q kᵀ / √head) v where each token sees itself and what is before it. Fewer heads of keys and values than of queries
 * are shared: query head h reads head ⌊h / (heads / keyValueHeads)⌋.
 *
 * @param heads queries [batch, heads, time, head]; keys and values [batch, keyValueHeads, time, head]
 * @param block tokens of one block, of queries forward and of keys backward
 * @param seenUntil [batch, time], int32: the place in its row up to which later tokens see a token. @default they all do
 * @returns [batch, heads, time, head]
 */
export function tiledAttention(
  { queries, keys, values }: HeadTensors,
  block: number,
  seenUntil?: tf.Tensor,
): tf.Tensor {
  checkShapes("tiledAttention()", {
    queries: ["batch", "heads", "time", "head"],
    keys: ["batch", "keyValueHeads", "time", "head"],
    values: ["batch", "keyValueHeads", "time", "head"],
  }, { queries, keys, values });
  const [batch, heads, time, head] = queries.shape, shared = keys.shape[1] ?? 0;
  if (heads % shared !== 0) {
    throw new RangeError(`tiledAttention: ${heads} query heads cannot share ${shared} heads of keys`);
  }
  const spans = Array.from({ length: Math.ceil(time / block) }, (_, i): Span => [
    i * block,
    Math.min(time, (i + 1) * block),
  ]);
  const run = tf.customGrad((...inputs) => {
    // customGrad's types mix tensors and the save function; the order is ours: queries, keys, values, save.
    const [q, k, v, save] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const blocks = inTurn(spans, (span, zero) => forwardBlock({ q, k, v, seenUntil }, span, zero));
    const output = tf.concat(blocks.map((made) => made.output), 2);
    const logSums = tf.concat(blocks.map((made) => made.logSums), 2);
    save([q, k, v, output, logSums, ...(seenUntil === undefined ? [] : [seenUntil])]);
    return {
      value: output,
      gradFunc: (upstream: tf.Tensor, saved: tf.Tensor[]) => {
        const [q, k, v, output, logSums, kept] = saved, seenUntil = kept as tf.Tensor | undefined;
        const along = tf.sum(tf.mul(upstream, output), -1, true);
        return gradients({ q, k, v, seenUntil, logSums, upstream, along }, spans);
      },
    };
  });
  // One row of groups for each head of keys and values; its query heads are groups of that row.
  const rows = batch * shared;
  const read = run(
    tf.reshape(queries, [rows, heads / shared, time, head]),
    tf.reshape(keys, [rows, 1, time, head]),
    tf.reshape(values, [rows, 1, time, head]),
  );
  return tf.reshape(read, queries.shape);
}

/** [rows, groups, time, head] each, and one group of keys and values. */
interface Operands {
  q: tf.Tensor;
  k: tf.Tensor;
  v: tf.Tensor;
}

interface SeenOperands extends Operands {
  /** [batch, time], of which each row is that of rows / batch rows. */
  seenUntil: tf.Tensor | undefined;
}

/**
 * A compiler is free to work on all blocks at once, and XLA does, so the scores of all would be there: the whole matrix. Each block is
 * therefore given a 0 that is known when the one before it is made, to be added to what the block starts with: also to what it only cuts out,
 * for all cuts together are as large.
 */
function inTurn<Block extends { [Name in keyof Block]: tf.Tensor }>(
  spans: readonly Span[],
  make: (span: Span, zero: tf.Tensor) => Block,
): Block[] {
  const blocks: Block[] = [];
  for (const span of spans) {
    const before = blocks.at(-1), made: tf.Tensor[] = before === undefined ? [] : Object.values(before);
    blocks.push(make(span, zeroAfter(made)));
  }
  return blocks;
}

/** 0 whatever these hold, NaN as well, but not before they are there. */
function zeroAfter(made: readonly tf.Tensor[]): tf.Tensor {
  return tf.tidy(() => {
    const firsts = made.map((x) => tf.reshape(tf.slice(x, x.shape.map(() => 0), x.shape.map(() => 1)), []));
    const zeros = firsts.map((first) => tf.minimum(tf.cast(tf.greater(first, 0), "float32"), 0));
    return zeros.reduce((sum: tf.Tensor, zero) => tf.add(sum, zero), tf.scalar(0));
  });
}

/** What one block of queries reads, [rows, groups, block, head], and the logarithms of its scores' sums, [rows, groups, block, 1]. */
function forwardBlock(
  { q, k, v, seenUntil }: SeenOperands,
  span: Span,
  zero: tf.Tensor,
): { output: tf.Tensor; logSums: tf.Tensor } {
  const [rows, groups, , head] = q.shape, seen: Span = [0, span[1]];
  return tf.tidy(() => {
    const queries = tf.mul(piece(q, span), 1 / Math.sqrt(head ?? 1));
    const keys = tf.add(piece(k, seen), zero), values = tf.add(piece(v, seen), zero);
    const products = tf.matMul(queries, keys, false, true);
    const scores = seenUntil === undefined
      ? tf.add(products, hiding(groups, span, seen))
      : addToRows(products, hidingBeyond(seenUntil, groups, { queries: span, keys: seen }));
    const most = tf.max(scores, -1, true), powers = tf.exp(tf.sub(scores, most));
    const sums = tf.sum(powers, -1, true), block = span[1] - span[0];
    return {
      output: tf.reshape(tf.div(tf.matMul(powers, values), sums), [rows, groups, block, head ?? 1]),
      logSums: tf.reshape(tf.add(most, tf.log(sums)), [rows, groups, block, 1]),
    };
  });
}

/** Gradients of q, k and v from that of the output; `along` is Σ upstream · output of each query. */
function gradients(
  saved: SeenOperands & { logSums: tf.Tensor; upstream: tf.Tensor; along: tf.Tensor },
  spans: readonly Span[],
): tf.Tensor[] {
  const [rows, , time, head] = saved.k.shape;
  let before: tf.Tensor | undefined;
  const blocks = inTurn(spans, (span, zero) => {
    const { later, ...block } = backwardBlock(saved, span, { zero, before });
    before?.dispose();
    before = later;
    return block;
  });
  const whole = (parts: tf.Tensor[]) => tf.reshape(tf.concat(parts, 1), [rows, 1, time, head]);
  return [
    tf.concat(blocks.map(({ q }) => q), 2),
    whole(blocks.map(({ k }) => k)),
    whole(blocks.map(({ v }) => v)),
  ];
}

/**
 * Of one block: gradients of its keys and values, [rows, block, head], and of its queries, [rows, groups, block, head], to which no later
 * keys add. `later`: the sum until now of those of the queries from its start on; `before`: what the block before it had as that.
 */
function backwardBlock(
  { q, k, v, seenUntil, logSums, upstream, along }: Parameters<typeof gradients>[0],
  span: Span,
  { zero, before }: { zero: tf.Tensor; before?: tf.Tensor },
): Operands & { later: tf.Tensor } {
  const [rows, groups, time, head] = q.shape, scale = 1 / Math.sqrt(head ?? 1);
  const later: Span = [span[0], time ?? 0], length = later[1] - later[0];
  return tf.tidy(() => {
    const queries = tf.add(piece(q, later), zero), given = tf.add(piece(upstream, later), zero);
    const keys = tf.mul(piece(k, span), scale), values = piece(v, span);
    const line = (x: tf.Tensor) => tf.reshape(between(x, later), [rows, 1, groups * length]);
    const products = tf.matMul(keys, queries, false, true);
    const scores = seenUntil === undefined
      ? tf.add(products, tf.transpose(hiding(groups, later, span)))
      : addToRows(
        products,
        tf.transpose(hidingBeyond(seenUntil, groups, { queries: later, keys: span }), [0, 1, 3, 2]),
      );
    const shares = tf.exp(tf.sub(scores, line(logSums)));
    const inner = tf.sub(tf.matMul(values, given, false, true), line(along));
    const slopes = tf.mul(shares, inner);
    const own = tf.reshape(tf.matMul(slopes, keys, true), [rows, groups, length, head ?? 1]);
    const width = before?.shape[2] ?? length;
    const sums = before === undefined ? own : tf.add(own, between(before, [width - length, width]));
    return {
      q: between(sums, [0, span[1] - span[0]]),
      later: sums,
      k: tf.mul(tf.matMul(slopes, queries), scale),
      v: tf.matMul(shares, given),
    };
  });
}

/** Tokens of a span: [rows, groups, time, n] → [rows, groups, span, n]. */
function between(x: tf.Tensor, [start, end]: Span): tf.Tensor {
  const [rows, groups, , width] = x.shape;
  return tf.slice(x, [0, 0, start, 0], [rows, groups, end - start, width ?? 1]);
}

/** The same with the groups below each other: [rows, groups · span, n]. */
function piece(x: tf.Tensor, span: Span): tf.Tensor {
  const [rows, groups, , width] = x.shape;
  return tf.reshape(between(x, span), [rows, groups * (span[1] - span[0]), width ?? 1]);
}

/**
 * Added to scores, [groups · queries, keys]: 0 where a query sees a key, −1e9 or less elsewhere. Sums and not a selection: that would
 * be broadcast to the whole shape of the scores, which XLA folds into a constant.
 */
export function hiding(groups: number, queries: Span, keys: Span): tf.Tensor {
  const own = tf.range(...queries), rows = groups === 1 ? own : tf.tile(own, [groups]);
  const columns = tf.range(...keys);
  return tf.mul(tf.minimum(tf.sub(tf.expandDims(rows, 1), tf.expandDims(columns, 0)), 0), 1e9);
}

/**
 * The same where later tokens see a token up to a place alone: [batch, 1, groups · queries, keys].
 *
 * @param seenUntil [batch, time], int32
 */
export function hidingBeyond(
  seenUntil: tf.Tensor,
  groups: number,
  { queries, keys }: { queries: Span; keys: Span },
): tf.Tensor {
  const places = tf.range(...queries), rows = groups === 1 ? places : tf.tile(places, [groups]);
  return beyondSight(seenUntil, tf.reshape(rows, [1, 1, -1, 1]), keys);
}

/** The same for queries at any places, [batch or 1, 1, queries, 1]: [batch, 1, queries, keys]. */
export function beyondSight(seenUntil: tf.Tensor, own: tf.Tensor, keys: Span): tf.Tensor {
  const [batch] = seenUntil.shape, numKeys = keys[1] - keys[0];
  const last = tf.sub(tf.cast(tf.slice(seenUntil, [0, keys[0]], [batch, numKeys]), "float32"), 1);
  const left = tf.sub(tf.reshape(last, [batch, 1, 1, numKeys]), own);
  const later = tf.sub(own, tf.reshape(tf.range(...keys), [1, 1, 1, numKeys]));
  return tf.mul(tf.minimum(tf.minimum(left, later), 0), 1e9);
}

/** Scores [batch · shared, m, n] and what is added to those of each row of the batch, [batch, 1, m, n]. */
function addToRows(scores: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const [rows, m, n] = scores.shape, [batch] = bias.shape;
  return tf.reshape(tf.add(tf.reshape(scores, [batch, rows / batch, m ?? 1, n ?? 1]), bias), [
    rows,
    m ?? 1,
    n ?? 1,
  ]);
}
