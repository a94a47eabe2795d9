// A batch of sequences cut into parts, of which one is worked on at a time, or one in each lane, and batches as tensors.
import * as tf from "@tensorflow/tfjs-core";
import { type BatchOptions, type SequenceBatch, sequenceBatch } from "../model/sequence_batch.ts";
import { lengthOf, type TokenSequence } from "../model/token_sequence.ts";
import type { Tier } from "../compute/tier.ts";
import type { ModelShape } from "../model/model_shape.ts";
import { lengthFacts, type PackingOptions, packParts } from "../model/pack_rows.ts";
import { sharedShape, shouldShareRows } from "../model/row_sharing.ts";
import { lanesFor, partsForLanes } from "./lanes.ts";
import type { BatchPart } from "./train_chunk.ts";

/** A batch's arrays on the backend; see `SequenceBatch`. Whoever made them disposes them. */
export interface BatchTensors {
  /** [batch, time] */
  tokens: tf.Tensor;
  labels: tf.Tensor;
  mask: tf.Tensor;
  /** [2, batch, time] */
  placement: tf.Tensor | undefined;
  /** [batch, slots] */
  ends: tf.Tensor;
  /** [sequences] */
  slotIndex: tf.Tensor;
}

export function batchTensors({ batch, time, slots, ...arrays }: SequenceBatch): BatchTensors {
  const shape: [number, number] = [batch, time];
  return {
    tokens: tf.tensor2d(arrays.tokens, shape, "int32"),
    labels: tf.tensor2d(arrays.labels, shape, "int32"),
    mask: tf.tensor2d(arrays.continuationMask, shape),
    placement: arrays.placement && tf.tensor3d(arrays.placement, [2, ...shape], "int32"),
    ends: tf.tensor2d(arrays.ends, [batch, slots], "int32"),
    slotIndex: tf.tensor1d(arrays.slotIndex, "int32"),
  };
}

export function disposeTensors({ placement, ...others }: BatchTensors): void {
  tf.dispose([...Object.values(others), ...optional(placement)]);
}

/** A tensor that may be missing, as the last arguments of a compiled function. */
export function optional(tensor: tf.Tensor | undefined): tf.Tensor[] {
  return tensor === undefined ? [] : [tensor];
}

export interface SequencePart {
  /** Index of each sequence in the whole batch. */
  rows: number[];
  batch: SequenceBatch;
  tensors: BatchTensors;
  /** Labels that the mask counts. */
  numCounted: number;
}

export interface PartOptions extends BatchOptions {
  /** About so many sequences in a part; null: all of them in one, or one for each lane where they share rows. */
  size: number | null;
  /** Parts that are worked on at a time. @default 1 */
  lanes?: number;
  /** Whether texts of one prompt may share what begins them: not where each has numbers of its own at every token. @default true */
  sharing?: boolean;
}

/** A batch in parts. Its sequences share rows, or those of like length stand together. */
export function sequenceParts(
  sequences: readonly TokenSequence[],
  { size, lanes = 1, sharing = true, ...options }: PartOptions,
): SequencePart[] {
  const step = size ?? sequences.length, numParts = Math.ceil(sequences.length / step);
  if (shouldShareRows(sequences, { sharing, size: step })) {
    const most = size === null ? partsForLanes(lanes, numTokensIn(sequences)) : numParts;
    return packedParts(sequences, most, { sharing }).map(({ rows, texts, packing }) =>
      partOf(rows, sequenceBatch(texts, { ...options, ...packing }))
    );
  }
  const order = sequences.map((_, row) => row);
  if (size !== null) order.sort((a, b) => lengthOf(sequences[a]) - lengthOf(sequences[b]) || a - b);
  return Array.from({ length: numParts }, (_, part) => {
    const rows = order.slice(part * step, (part + 1) * step);
    return partOf(rows, sequenceBatch(rows.map((row) => sequences[row]), options));
  });
}

/** A batch whose sequences share rows, in at most so many parts of nearly equal size; `packing` is what `sequenceBatch` wants of it. */
export function packedParts(
  sequences: readonly TokenSequence[],
  numParts: number,
  options?: Pick<PackingOptions, "sharing">,
): { rows: number[]; texts: TokenSequence[]; packing: Pick<BatchOptions, "packed" | "sequences"> }[] {
  return packParts(sequences, numParts, options).map(({ sequences: rows, packed }) => {
    const slots = packed.rows * packed.slots;
    // Equal texts share a slot, so there may be more sequences than slots: few sizes of those too.
    const most = rows.length <= slots ? slots : 2 ** Math.ceil(Math.log2(rows.length));
    return { rows, texts: rows.map((row) => sequences[row]), packing: { packed, sequences: most } };
  });
}

/** What the parts of a batch have in common, so that whole ones have one shape. */
export type PartShape = Pick<BatchOptions, "packed" | "time" | "rows">;

export function partShape(parts: readonly (readonly TokenSequence[])[]): PartShape {
  const shape = sharedShape(parts);
  return { packed: shape !== undefined, ...shape };
}

/** Parts that are worked on at a time; see `lanesFor`. */
export function lanesForParts(
  tier: Pick<Tier, "lanes">,
  model: ModelShape,
  parts: readonly SequencePart[],
): number {
  return lanesFor(tier, model, ...parts.map(({ batch: { batch: rows, time } }) => ({ rows, time })));
}

/** The same for a batch that is not cut yet. One whose sequences have rows of their own is not worth cutting. */
export function lanesForBatch(
  tier: Pick<Tier, "lanes">,
  model: ModelShape,
  sequences: readonly TokenSequence[],
): number {
  if (!shouldShareRows(sequences)) return 1;
  const { longest: time, mean } = lengthFacts(sequences.map(lengthOf));
  return lanesFor(tier, model, { rows: Math.ceil(sequences.length * mean / Math.max(1, time)), time });
}

function partOf(rows: number[], batch: SequenceBatch): SequencePart {
  const numCounted = batch.continuationMask.reduce((sum, counts) => sum + counts, 0);
  return { rows, batch, tensors: batchTensors(batch), numCounted };
}

export function disposeParts(parts: readonly SequencePart[]): void {
  parts.forEach(({ tensors }) => disposeTensors(tensors));
}

/**
 * A number of each of a part's sequences at all of the sequence's tokens, where several share one their mean, 0 at padding:
 * [batch, time]. Times the mask, which counts them, it is their sum.
 */
export function spreadOver(
  { batch: { batch, time, places }, rows }: SequencePart,
  values: ArrayLike<number>,
): tf.Tensor {
  const sums = new Float64Array(batch * time), counts = new Int32Array(batch * time);
  rows.forEach((row, i) => {
    for (const at of places[i]) {
      sums[at] += values[row];
      counts[at]++;
    }
  });
  return tf.tensor2d(Float32Array.from(sums, (sum, at) => sum / Math.max(1, counts[at])), [batch, time]);
}

/**
 * The parts of a batch for a loss that is a mean over counted labels, weighted by their shares of them: tokens, labels, mask, then
 * `more` of the part, and the placement where rows are shared.
 */
export function weightedParts(
  parts: readonly SequencePart[],
  more: (part: SequencePart) => tf.Tensor[] = () => [],
): BatchPart[] {
  const numCounted = parts.reduce((sum, part) => sum + part.numCounted, 0);
  return parts.map((part) => {
    const { tokens, labels, mask, placement } = part.tensors;
    const tensors = [tokens, labels, mask, ...more(part), ...optional(placement)];
    return { tensors, weight: part.numCounted / numCounted };
  });
}

export function numTokensIn(sequences: readonly TokenSequence[]): number {
  return sequences.reduce((sum, sequence) => sum + lengthOf(sequence), 0);
}
