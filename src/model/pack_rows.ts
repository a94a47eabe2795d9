// Where the texts of a batch stand: several short ones share a row, so that little of a batch is padding, and texts of one prompt share
// the places of what begins them (common_beginnings.ts).
import { familiesOf, type Family, lonelyFamilies, placesOf } from "./common_beginnings.ts";
import { lengthOf, type TokenSequence } from "./token_sequence.ts";

export interface PackedRows {
  rows: number;
  time: number;
  /** Distinct texts of a row at most. */
  slots: number;
  /** Of each sequence: its row, its text's number in it, and where in the row each of its tokens stands, in order. */
  texts: { row: number; slot: number; places: number[] }[];
}

export interface PackingOptions {
  /** Length of a row. @default what `packedTime` says */
  time?: number;
  /** Rows at least. */
  rows?: number;
  /** Whether texts of one prompt share what begins them, and equal ones everything. @default true */
  sharing?: boolean;
}

/** Longer sequences have rows of their own, unless what begins them is common: attention in tiles, which takes over here, is for few. */
export const LONGEST_PACKED = 224;
/** Longer rows are made for no common beginning. */
export const LONGEST_SHARED = 1024;
/** So have sequences that fill this share of their own rows: longer rows make attention dearer. */
const FULL = 0.8;
/** Share of packed rows that tokens fill, about. */
const FILLED = 0.9;
/** A row holds one text for so many places at most, or `LEAST_SLOTS`: what is read at every text's end has so many slots. */
const PLACES_A_SLOT = 10, PLACES_A_LONG_SLOT = 20, LEAST_SLOTS = 6;
/** This share of the families fits into a row whole; a few large ones shall not make all rows longer. */
const MOST_FAMILIES = 0.9;
/**
 * A row is as long as a multiple of this, and there are 2^k · (16 … 32) rows: few shapes, of which each costs a compilation. The mean
 * length varies less from batch to batch than the longest, so rows hold so many mean sequences: 64 texts of the preset demo that share
 * no beginnings take 16 or 17 rows of 96.
 */
const TIME_MULTIPLE = 32, LONG_MULTIPLE = 64, ROW_STEPS = 16, MEANS_IN_ROW = 3.5;

/** Lengths of a batch's sequences. */
export interface LengthFacts {
  longest: number;
  mean: number;
}

/** Whether sequences of these lengths should share rows: own ones would be badly filled, and two of them fit into one. */
export function sharesRows({ longest, mean }: LengthFacts): boolean {
  const fitsTwice = 2 * mean <= FILLED * rowLength({ longest, mean });
  return longest <= LONGEST_PACKED && mean < FULL * longest && fitsTwice;
}

/** Of no sequence both are 0. */
export function lengthFacts(lengths: readonly number[]): LengthFacts {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  return { longest, mean: total / Math.max(1, lengths.length) };
}

/**
 * Tokens of a row for these sequences: a few mean ones; where common beginnings alone make sharing worth while, as many as most families
 * take.
 */
export function packedTime(
  sequences: readonly TokenSequence[],
  { sharing = true }: Pick<PackingOptions, "sharing"> = {},
): number {
  const lengths = lengthFacts(sequences.map(lengthOf));
  if (!sharing || sharesRows(lengths)) return rowLength(lengths);
  const sizes = familiesOf(sequences).map(placesOf).sort((a, b) => a - b);
  const usual = sizes[Math.floor(MOST_FAMILIES * (sizes.length - 1))] ?? 0;
  // A row for half of a large family has its beginning once more, and costs less attention than one for all of it.
  const time = Math.max(lengths.longest, Math.min(usual, Math.max(2 * lengths.longest, LONGEST_PACKED)));
  const multiple = time > LONGEST_PACKED ? LONG_MULTIPLE : TIME_MULTIPLE;
  return Math.min(multiple * Math.ceil(time / multiple), Math.max(LONGEST_SHARED, lengths.longest));
}

/**
 * Every sequence at its places. Rows are filled one after the other, each by the largest families that still fit. Throws RangeError
 * where a sequence is longer than `time` or has no token.
 */
export function packRows(
  sequences: readonly TokenSequence[],
  { sharing = true, time = packedTime(sequences, { sharing }), rows = 0 }: PackingOptions = {},
): PackedRows {
  const long = sequences.findIndex((sequence) => lengthOf(sequence) > time);
  if (long >= 0) throw new RangeError(`packRows: sequence ${long} is longer than a row of ${time} tokens`);
  const empty = sequences.findIndex((sequence) => lengthOf(sequence) === 0);
  if (empty >= 0) throw new RangeError(`packRows: sequence ${empty} has no token`);
  const apart = fillRows(lonelyFamilies(sequences), time);
  const together = sharing ? fillRows(familiesOf(sequences), time) : apart;
  // Large families are cut where a row ends, which may need more rows than it saves.
  const filled = together.length <= apart.length ? together : apart;
  const texts: PackedRows["texts"] = [];
  filled.forEach((families, row) => writeRow(families, row, texts));
  return { rows: roundedRows(Math.max(rows, filled.length)), time, slots: slotsOf(time), texts };
}

/** Some sequences of a batch and where they stand. */
export interface PackedPart {
  /** Index of each in the whole batch. */
  sequences: number[];
  packed: PackedRows;
}

/** At most `most` parts of nearly equal size. All sequences are packed together and the rows are cut: fewer places stay empty. */
export function packParts(
  sequences: readonly TokenSequence[],
  most: number,
  options?: Pick<PackingOptions, "sharing">,
): PackedPart[] {
  const { texts, ...packed } = packRows(sequences, options);
  const used = texts.reduce((last, { row }) => Math.max(last, row + 1), 0);
  const step = rowStep(Math.ceil(used / most)),
    steps = Math.ceil(used / step),
    numParts = Math.min(most, steps);
  /** The first row of a part. */
  const first = (part: number) => step * Math.round(part * steps / numParts);
  const parts = Array.from({ length: numParts }, (_, part): PackedPart => ({
    sequences: [],
    packed: { ...packed, rows: first(part + 1) - first(part), texts: [] },
  }));
  texts.forEach((text, i) => {
    const part = parts.findIndex((_, part) => text.row < first(part + 1));
    parts[part].sequences.push(i);
    parts[part].packed.texts.push({ ...text, row: text.row - first(part) });
  });
  return parts;
}

/** What each row holds: whole families, or some texts of one of which the others stand elsewhere. */
function fillRows(families: readonly Family[], time: number): Family[][] {
  /** Families by the places they take; those longer than a row are the last. */
  const bySize: Family[][] = Array.from({ length: time + 2 }, () => []);
  const keep = (family: Family) => bySize[Math.min(placesOf(family), time + 1)].push(family);
  families.toReversed().forEach(keep);
  const rows: Family[][] = [];
  for (let next = largest(bySize, time + 1); next !== undefined; next = largest(bySize, time + 1)) {
    const row: Family[] = [];
    let room = time, slots = slotsOf(time);
    while (room > 0 && slots > 0) {
      const chosen = fitting(bySize, { room, slots }) ??
        beginningOf(bySize, { room, slots, isEmpty: row.length === 0 }, keep);
      if (chosen === undefined) break;
      row.push(chosen);
      room -= placesOf(chosen);
      slots -= chosen.length;
    }
    rows.push(row);
  }
  return rows;
}

interface Space {
  /** Places that are free in a row. */
  room: number;
  /** Texts that it may still take. */
  slots: number;
}

/** Takes the largest family that fits. */
function fitting(bySize: Family[][], { room, slots }: Space): Family | undefined {
  for (let size = room; size > 0; size--) {
    const index = bySize[size].findLastIndex((family) => family.length <= slots);
    if (index >= 0) return bySize[size].splice(index, 1)[0];
  }
}

/**
 * Takes the first texts of the largest family, as many as gain most: they fill room, and the others, which are kept, then need twice
 * what is common. An empty row takes some in any case.
 */
function beginningOf(
  bySize: Family[][],
  { room, slots, isEmpty }: Space & { isEmpty: boolean },
  keep: (family: Family) => void,
): Family | undefined {
  const size = largest(bySize, bySize.length - 1),
    family = size === undefined ? [] : bySize[size].at(-1) ?? [];
  let best = 0, mostGained = isEmpty ? -Infinity : 1, places = 0;
  for (let count = 1; count < family.length && count <= slots; count++) {
    places += family[count - 1].tokens.length - (count === 1 ? 0 : family[count - 1].shared);
    if (places > room) break;
    const gained = places - family[count].shared;
    if (gained >= mostGained) [best, mostGained] = [count, gained];
  }
  if (size === undefined || best === 0) return undefined;
  bySize[size].pop();
  keep(family.slice(best));
  return family.slice(0, best);
}

/** The largest size of which there is a family. */
function largest(bySize: readonly Family[][], most: number): number | undefined {
  for (let size = most; size > 0; size--) if (bySize[size].length > 0) return size;
}

/** Writes down where the texts of a row stand, in preorder: a text's tokens behind those it shares with the text before it. */
function writeRow(families: readonly Family[], row: number, texts: PackedRows["texts"]): void {
  let free = 0, slot = 0;
  for (const family of families) {
    let before: number[] = [];
    for (const { tokens, shared, sequences } of family) {
      const places = before.slice(0, shared);
      while (places.length < tokens.length) places.push(free++);
      for (const i of sequences) texts[i] = { row, slot, places };
      before = places;
      slot++;
    }
  }
}

function slotsOf(time: number): number {
  return Math.max(
    LEAST_SLOTS,
    Math.ceil(time / (time > LONGEST_PACKED ? PLACES_A_LONG_SLOT : PLACES_A_SLOT)),
  );
}

/** About how many rows of which length so many sequences take: what `packRows` gives where `mean` says enough of their lengths. */
export function packedSize(
  sequences: number,
  { longest, mean }: LengthFacts,
): { rows: number; time: number } {
  const time = rowLength({ longest, mean });
  const rows = Math.max(Math.ceil(sequences * mean / (FILLED * time)), Math.ceil(sequences / slotsOf(time)));
  return { rows: roundedRows(Math.min(sequences, rows)), time };
}

/** Tokens of a row for sequences of at most `LONGEST_PACKED`: at least the longest. */
export function rowLength({ longest, mean }: LengthFacts): number {
  const time = Math.max(longest, MEANS_IN_ROW * mean, 1);
  return Math.min(TIME_MULTIPLE * Math.ceil(time / TIME_MULTIPLE), LONGEST_PACKED);
}

function roundedRows(rows: number): number {
  const step = rowStep(rows);
  return Math.ceil(rows / step) * step;
}

function rowStep(rows: number): number {
  return Math.max(1, 2 ** Math.floor(Math.log2(Math.max(1, rows))) / ROW_STEPS);
}
