// How many sequences are scored together: many where that is cheap, few where logits or activations of many would fill the memory.
// The number goes by shapes alone, so equal work gives equal bits.
import type { Tier } from "../compute/tier.ts";
import { passingActivations } from "../model/model_cost.ts";
import type { ModelShape } from "../model/model_shape.ts";
import {
  type BatchOptions,
  lengthOf,
  type SequenceBatch,
  sequenceBatch,
  shouldShareRows,
  type TokenSequence,
} from "../model/sequence_batch.ts";
import { type BatchTensors, batchTensors, disposeTensors } from "./sequence_parts.ts";

const MOST_SEQUENCES = 128;
/** Numbers in memory at a time, of logits and of one layer: 512 MB. */
const MOST_NUMBERS = 2 ** 27;

/** Sequences of at most `time` tokens that are scored together: a power of two from 1 to 128. */
export function scoringBatch(model: ModelShape, time: number): number {
  const logits = model.head === "policy" ? time * model.vocabularySize : 0;
  const each = logits + passingActivations(model, { rows: 1, time });
  return Math.max(1, Math.min(MOST_SEQUENCES, 2 ** Math.floor(Math.log2(MOST_NUMBERS / each))));
}

/** Tokens of the longest sequence; 1 where there is none. */
export function longestSequence(sequences: readonly TokenSequence[]): number {
  return sequences.reduce((most, sequence) => Math.max(most, lengthOf(sequence)), 1);
}

export interface ScoringBatch {
  sequences: TokenSequence[];
  batch: SequenceBatch;
  tensors: BatchTensors;
}

/**
 * Any number of sequences in batches, in order, whose tensors are freed when the next one is asked for. Where every shape costs a
 * compilation, the last batch is padded to the size of the others.
 */
export function* scoringBatches(
  { traced }: Pick<Tier, "traced">,
  model: ModelShape,
  { sequences, ...options }:
    & { sequences: readonly TokenSequence[] }
    & Pick<BatchOptions, "padId" | "uncounted">,
): Generator<ScoringBatch> {
  const time = longestSequence(sequences), size = scoringBatch(model, time);
  const packed = shouldShareRows(sequences);
  let rows = packed ? 1 : size;
  for (let start = 0; start < sequences.length; start += size) {
    const scored = sequences.slice(start, start + size);
    const batch = sequenceBatch(scored, {
      ...options,
      packed,
      ...(traced && { time, rows, sequences: size }),
    });
    rows = batch.batch;
    const tensors = batchTensors(batch);
    try {
      yield { sequences: scored, batch, tensors };
    } finally {
      disposeTensors(tensors);
    }
  }
}
