// Batches of (prompt, continuation) token lists as arrays of few shapes: one sequence a row, padded on the right, or several short ones.
import { lengthFacts, type PackedRows, packRows, sharesRows } from "./pack_rows.ts";

export interface TokenSequence {
  prompt: readonly number[];
  /** With EOS where the text ended. */
  continuation: readonly number[];
}

export interface SequenceBatch {
  /** Rows. */
  batch: number;
  time: number;
  /** [batch · time], PAD beyond the end */
  tokens: Int32Array;
  /** [batch · time]: label of position t is token t + 1 of the sequence; 0 where there is none */
  labels: Int32Array;
  /** [batch · time]: 1 where the label is a counted continuation token */
  continuationMask: Float32Array;
  /** [batch · time]: which of its row's sequences a token belongs to, from 1; 0 at padding. Undefined: one sequence a row. */
  segments: Int32Array | undefined;
  /** [sequences]: flat index of each sequence's first token */
  firstIndex: Int32Array;
  /** Sequences of a row at most. */
  slots: number;
  /** [batch · slots]: position in its row of the last token of a row's sequence; −1 where there is none */
  ends: Int32Array;
  /** [sequences]: flat index of each sequence among `ends` */
  slotIndex: Int32Array;
  numTokens: number;
}

export interface BatchOptions {
  padId: number;
  /**
   * Rows hold several sequences, as `packRows` says or as is said here; ask `sharesRows` whether they should. @default false
   */
  packed?: boolean | PackedRows;
  /** Lengths are rounded up to a multiple of this, so that few shapes occur. */
  lengthMultiple?: number;
  /** Length of the longest sequence at least; of a row where sequences share rows. */
  time?: number;
  /** Rows at least: what no sequence fills holds PAD and counts nowhere. */
  rows?: number;
  /** Sequences that `slotIndex` has room for at least. */
  sequences?: number;
  /** Count the loss on prompt tokens too. */
  promptLoss?: boolean;
  /** Token ids that give no loss (unknown words). */
  uncounted?: readonly number[];
}

const LENGTH_MULTIPLE = 8;

export function lengthOf({ prompt, continuation }: TokenSequence): number {
  return prompt.length + continuation.length;
}

/** Whether sequences should share rows; see `sharesRows`. */
export function shouldShareRows(sequences: readonly TokenSequence[]): boolean {
  return sharesRows(lengthFacts(sequences.map(lengthOf)));
}

/**
 * Of each sequence, the index of the first one that equals it. What is computed for two equal ones differs in the last bits where they
 * stand at different places: take it from the first.
 */
export function firstEquals(sequences: readonly TokenSequence[]): number[] {
  const seen = new Map<string, number>();
  return sequences.map(({ prompt, continuation }, i) => {
    const key = `${prompt}|${continuation}`, first = seen.get(key) ?? i;
    seen.set(key, first);
    return first;
  });
}

/** Values of all sequences, from those of the sequences that equal no earlier one, in order. */
export function ofEach<Value>(first: readonly number[], values: readonly Value[]): Value[] {
  const place = new Map<number, number>();
  first.forEach((index, i) => index === i && place.set(i, place.size));
  return first.map((index) => values[place.get(index) ?? 0]);
}

/** Throws RangeError where a sequence has no token. */
export function sequenceBatch(sequences: readonly TokenSequence[], options: BatchOptions): SequenceBatch {
  const lengths = sequences.map(lengthOf), empty = lengths.indexOf(0);
  if (empty >= 0) throw new RangeError(`sequenceBatch: sequence ${empty} has no token`);
  const packed = options.packed === true ? packRows(lengths, options) : options.packed || undefined;
  const { rows: batch, time, slots, places } = packed ?? ownRows(lengths, options);
  const tokens = new Int32Array(batch * time).fill(options.padId);
  const labels = new Int32Array(batch * time), continuationMask = new Float32Array(batch * time);
  const segments = packed ? new Int32Array(batch * time) : undefined;
  const firstIndex = new Int32Array(sequences.length), ends = new Int32Array(batch * slots).fill(-1);
  const slotIndex = new Int32Array(Math.max(sequences.length, options.sequences ?? 0));
  const uncounted = new Set(options.uncounted);
  sequences.forEach(({ prompt, continuation }, i) => {
    const { row, slot, start } = places[i], first = row * time + start, text = [...prompt, ...continuation];
    tokens.set(text, first);
    segments?.fill(slot + 1, first, first + text.length);
    for (let t = 0; t + 1 < text.length; t++) {
      labels[first + t] = text[t + 1];
      const counted = options.promptLoss || t + 1 >= prompt.length;
      if (counted && !uncounted.has(text[t + 1])) continuationMask[first + t] = 1;
    }
    firstIndex[i] = first;
    slotIndex[i] = row * slots + slot;
    ends[slotIndex[i]] = start + text.length - 1;
  });
  const numTokens = lengths.reduce((sum, length) => sum + length, 0);
  const arrays = { tokens, labels, continuationMask, segments, firstIndex, ends, slotIndex };
  return { batch, time, slots, ...arrays, numTokens };
}

/** A row for each sequence, in order. */
function ownRows(
  lengths: readonly number[],
  { lengthMultiple, time = 1, rows = 0 }: BatchOptions,
): PackedRows {
  const multiple = lengthMultiple ?? LENGTH_MULTIPLE;
  return {
    rows: Math.max(lengths.length, rows),
    time: Math.ceil(Math.max(time, ...lengths) / multiple) * multiple,
    slots: 1,
    places: lengths.map((_, row) => ({ row, slot: 0, start: 0 })),
  };
}
