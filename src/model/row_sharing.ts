// Whether the texts of a batch should share rows (pack_rows.ts): where that saves work, by their lengths or by what begins them alike.
import { familiesOf, placesOf } from "./common_beginnings.ts";
import {
  lengthFacts,
  LONGEST_SHARED,
  type PackedRows,
  packedTime,
  type PackingOptions,
  packRows,
  rowLength,
  sharesRows,
} from "./pack_rows.ts";
import { lengthOf, type TokenSequence } from "./token_sequence.ts";

/**
 * Sharing beginnings must save this part of the tokens and of the work, or rows of their own are as good. The work at a place grows with the length of its
 * row, twofold at about so many tokens (measured on models of 0.4 M parameters; wider ones suffer less).
 */
const WORTH_SHARING = 0.2, TWICE_AT = 200;

export interface SharingOptions extends Pick<PackingOptions, "sharing"> {
  /** Sequences of a part, in which those of like length stand together where they have rows of their own. @default all of them */
  size?: number;
}

/** Whether these sequences should share rows: they are short and badly fill their own, or have long common beginnings. */
export function shouldShareRows(
  sequences: readonly TokenSequence[],
  { sharing = true, size = sequences.length }: SharingOptions = {},
): boolean {
  const lengths = sequences.map(lengthOf), facts = lengthFacts(lengths);
  if (sharesRows(facts)) return true;
  if (!sharing || facts.longest > LONGEST_SHARED) return false;
  const places = familiesOf(sequences).reduce((sum, family) => sum + placesOf(family), 0);
  if (places > (1 - WORTH_SHARING) * facts.mean * sequences.length) return false;
  const packed = packRows(sequences);
  // No row takes more memory than a part of own rows would.
  return packed.time <= size * facts.longest && isWorthIt(packed, ownRowsWork(lengths, size));
}

/** The same of parts that are packed one by one into one shape: that shape, or undefined for rows of their own. */
export function sharedShape(
  parts: readonly (readonly TokenSequence[])[],
): Pick<PackedRows, "rows" | "time"> | undefined {
  const lengths = parts.map((part) => part.map(lengthOf)), facts = lengthFacts(lengths.flat());
  if (facts.longest > LONGEST_SHARED) return undefined;
  const shares = sharesRows(facts),
    time = shares ? rowLength(facts) : Math.max(...parts.map((part) => packedTime(part)));
  const rows = Math.max(...parts.map((part) => packRows(part, { time }).rows));
  const size = Math.max(...parts.map((part) => part.length)),
    own = ownRowsWork(Array(size).fill(facts.longest), size);
  return shares || isWorthIt({ rows, time }, own) ? { rows, time } : undefined;
}

function isWorthIt(packed: Pick<PackedRows, "rows" | "time">, ownWork: number): boolean {
  return workOf(packed) <= (1 - WORTH_SHARING) * ownWork;
}

/** Work on rows of their own, each as long as the longest of its part. */
function ownRowsWork(lengths: readonly number[], size: number): number {
  const sorted = lengths.toSorted((a, b) => a - b);
  let work = 0;
  for (let start = 0; start < sorted.length; start += size) {
    const end = Math.min(sorted.length, start + size);
    work += workOf({ rows: end - start, time: sorted[end - 1] });
  }
  return work;
}

/** Grows as the work on so many rows of this length does. */
function workOf({ rows, time }: Pick<PackedRows, "rows" | "time">): number {
  return rows * time * (1 + time / TWICE_AT);
}
