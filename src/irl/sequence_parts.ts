// A batch of sequences cut into parts of like length: little is padded, and the activations of one part are in memory at a time.
import * as tf from "@tensorflow/tfjs-core";
import { type BatchOptions, sequenceBatch, type TokenSequence } from "../model/sequence_batch.ts";
import type { BatchPart } from "./train_chunk.ts";

export interface SequencePart {
  /** Index of each sequence in the whole batch. */
  rows: number[];
  /** tokens, labels, mask [part, time]; lastIndex [part]. Owned by whoever made the parts. */
  tensors: { tokens: tf.Tensor; labels: tf.Tensor; mask: tf.Tensor; lastIndex: tf.Tensor };
  time: number;
  /** Labels that the mask counts. */
  numCounted: number;
}

/** Sequences in the order of their lengths, `size` at a time; all in their own order where `size` is null. */
export function sequenceParts(
  sequences: readonly TokenSequence[],
  { size, ...options }: { size: number | null } & BatchOptions,
): SequencePart[] {
  const length = (row: number) => sequences[row].prompt.length + sequences[row].continuation.length;
  const order = sequences.map((_, row) => row);
  if (size !== null) order.sort((a, b) => length(a) - length(b) || a - b);
  const step = size ?? sequences.length, parts: SequencePart[] = [];
  for (let start = 0; start < order.length; start += step) {
    const rows = order.slice(start, start + step);
    const { batch, time, ...arrays } = sequenceBatch(rows.map((row) => sequences[row]), options);
    parts.push({
      rows,
      tensors: {
        tokens: tf.tensor2d(arrays.tokens, [batch, time], "int32"),
        labels: tf.tensor2d(arrays.labels, [batch, time], "int32"),
        mask: tf.tensor2d(arrays.continuationMask, [batch, time]),
        lastIndex: tf.tensor1d(arrays.lastIndex, "int32"),
      },
      time,
      numCounted: arrays.continuationMask.reduce((sum, counts) => sum + counts, 0),
    });
  }
  return parts;
}

export function disposeParts(parts: readonly SequencePart[]): void {
  tf.dispose(parts.map(({ tensors }) => Object.values(tensors)));
}

/**
 * The parts of a batch for a loss that is a mean over counted labels: tokens, labels, mask and then `more` of the part, weighted
 * by its share of them.
 */
export function weightedParts(
  parts: readonly SequencePart[],
  more: (part: SequencePart) => tf.Tensor[] = () => [],
): BatchPart[] {
  const numCounted = parts.reduce((sum, part) => sum + part.numCounted, 0);
  return parts.map((part) => {
    const { tokens, labels, mask } = part.tensors;
    return { tensors: [tokens, labels, mask, ...more(part)], weight: part.numCounted / numCounted };
  });
}

export function numTokensIn(sequences: readonly TokenSequence[]): number {
  return sequences.reduce((sum, { prompt, continuation }) => sum + prompt.length + continuation.length, 0);
}
