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
import { type BatchTensors, batchTensors, disposeTensors, packedParts } from "./sequence_parts.ts";

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
  /** Index of each sequence among all. */
  rows: number[];
  sequences: TokenSequence[];
  batch: SequenceBatch;
  tensors: BatchTensors;
}

/**
 * Any number of sequences in batches, whose tensors are freed when the next one is asked for. Where every shape costs a compilation, the
 * last batch is padded to the size of the others.
 */
export function* scoringBatches(
  { traced }: Pick<Tier, "traced">,
  model: ModelShape,
  { sequences, ...options }:
    & { sequences: readonly TokenSequence[] }
    & Pick<BatchOptions, "padId" | "uncounted">,
): Generator<ScoringBatch> {
  const time = longestSequence(sequences), size = scoringBatch(model, time);
  const numBatches = Math.ceil(sequences.length / size);
  const cut = shouldShareRows(sequences)
    ? packedParts(sequences, numBatches)
    : Array.from({ length: numBatches }, (_, i) => {
      const texts = sequences.slice(i * size, (i + 1) * size);
      const packing = traced && { time, rows: size, sequences: size };
      return { rows: texts.map((_, row) => i * size + row), texts, packing };
    });
  for (const { rows, texts, packing } of cut) {
    const batch = sequenceBatch(texts, { ...options, ...packing });
    const tensors = batchTensors(batch);
    try {
      yield { rows, sequences: texts, batch, tensors };
    } finally {
      disposeTensors(tensors);
    }
  }
}
