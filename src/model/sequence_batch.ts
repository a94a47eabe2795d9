// Batches of (prompt, continuation) token lists as arrays of few shapes: one sequence a row, padded on the right, or several short ones.
import { type PackedRows, packRows } from "./pack_rows.ts";
import { lengthOf, type TokenSequence, tokensOf } from "./token_sequence.ts";

export interface SequenceBatch {
  /** Rows. */
  batch: number;
  time: number;
  /** [batch · time], PAD beyond the end */
  tokens: Int32Array;
  /** [batch · time]: label of position t is token t + 1 of the sequence; 0 where there is none */
  labels: Int32Array;
  /** [batch · time]: how many sequences have the label as a counted continuation token: 0 or 1 where none shares it */
  continuationMask: Float32Array;
  /**
   * [2 · batch · time]: the position of each token in its text, then the place in its row up to which later tokens see it; itself at
   * padding. Undefined: one sequence a row.
   */
  placement: Int32Array | undefined;
  /** [sequences]: flat index of each of a sequence's tokens, in order */
  places: Int32Array[];
  /** Distinct texts of a row at most. */
  slots: number;
  /** [batch · slots]: position in its row of the last token of a row's text; −1 where there is none */
  ends: Int32Array;
  /** [sequences]: flat index of each sequence among `ends` */
  slotIndex: Int32Array;
  numTokens: number;
}

export interface BatchOptions {
  padId: number;
  /**
   * Rows hold several sequences, as `packRows` says or as is said here; ask `shouldShareRows` whether they should. @default false
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

/** Throws RangeError where a sequence has no token. */
export function sequenceBatch(sequences: readonly TokenSequence[], options: BatchOptions): SequenceBatch {
  const lengths = sequences.map(lengthOf), empty = lengths.indexOf(0);
  if (empty >= 0) throw new RangeError(`sequenceBatch: sequence ${empty} has no token`);
  const packed = options.packed === true ? packRows(sequences, options) : options.packed || undefined;
  const { rows: batch, time, slots, texts } = packed ?? ownRows(lengths, options);
  const tokens = new Int32Array(batch * time).fill(options.padId);
  const labels = new Int32Array(batch * time), continuationMask = new Float32Array(batch * time);
  const positions = new Int32Array(batch * time);
  const seenUntil = Int32Array.from(tokens, (_, index) => index % time + 1);
  const ends = new Int32Array(batch * slots).fill(-1);
  const slotIndex = new Int32Array(Math.max(sequences.length, options.sequences ?? 0));
  const uncounted = new Set(options.uncounted);
  const places = sequences.map((sequence, i) => {
    const { row, slot, places: inRow } = texts[i], text = tokensOf(sequence), end = inRow[text.length - 1];
    const places = Int32Array.from(inRow, (place) => row * time + place);
    places.forEach((at, t) => {
      tokens[at] = text[t];
      positions[at] = t;
      seenUntil[at] = Math.max(seenUntil[at], end + 1);
      if (t + 1 === text.length) return;
      labels[at] = text[t + 1];
      const counted = options.promptLoss || t + 1 >= sequence.prompt.length;
      if (counted && !uncounted.has(text[t + 1])) continuationMask[at]++;
    });
    slotIndex[i] = row * slots + slot;
    ends[slotIndex[i]] = end;
    return places;
  });
  const placement = packed && joined(positions, seenUntil);
  const numTokens = lengths.reduce((sum, length) => sum + length, 0);
  const arrays = { tokens, labels, continuationMask, placement, places, ends, slotIndex };
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
    texts: lengths.map((length, row) => ({ row, slot: 0, places: Array.from({ length }, (_, t) => t) })),
  };
}

function joined(first: Int32Array, second: Int32Array): Int32Array {
  const both = new Int32Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
