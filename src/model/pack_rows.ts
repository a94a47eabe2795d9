// Where the sequences of a batch stand: several short ones share a row, so that little of a batch is padding.

export interface PackedRows {
  rows: number;
  time: number;
  /** Sequences of a row at most. */
  slots: number;
  /** Of each sequence: its row, its place among the row's sequences, and the position of its first token. */
  places: { row: number; slot: number; start: number }[];
}

export interface PackingOptions {
  /** Length of a row. @default what `rowLength` says */
  time?: number;
  /** Rows at least. */
  rows?: number;
}

/** Longer sequences have rows of their own: attention in tiles, which takes over here, knows no others in a row. */
export const LONGEST_PACKED = 224;
/** So have sequences that fill this share of their own rows: longer rows make attention dearer. */
const FULL = 0.8;
/** Share of packed rows that tokens fill, about. */
const FILLED = 0.9;
/** Sequences of a row at most: what is read at every sequence's end has so many places a row. */
export const MOST_IN_ROW = 6;
/**
 * A row is as long as a multiple of this, and there are 2^k · (16 … 32) rows: few shapes, of which each costs a compilation. The mean
 * length varies less from batch to batch than the longest, so rows hold so many mean sequences: 64 texts of the preset demo take 16 or
 * 17 rows of 96.
 */
const TIME_MULTIPLE = 32, ROW_STEPS = 16, MEANS_IN_ROW = 3.5;

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

/** Each sequence in the fullest row that still has room, longest first (best fit decreasing); in order among equal lengths. */
export function packRows(
  lengths: readonly number[],
  { time = rowLength(lengthFacts(lengths)), rows = 0 }: PackingOptions = {},
): PackedRows {
  const { rows: used, ...packed } = bestFit(lengths, time);
  return { ...packed, rows: roundedRows(Math.max(rows, used)) };
}

/** Some sequences of a batch and where they stand. */
export interface PackedPart {
  /** Index of each in the whole batch. */
  sequences: number[];
  packed: PackedRows;
}

/** At most `most` parts of nearly equal size. All sequences are packed together and the rows are cut: fewer places stay empty. */
export function packParts(lengths: readonly number[], most: number): PackedPart[] {
  const { rows: used, places, ...packed } = bestFit(lengths, rowLength(lengthFacts(lengths)));
  const step = rowStep(Math.ceil(used / most)),
    steps = Math.ceil(used / step),
    numParts = Math.min(most, steps);
  /** The first row of a part. */
  const first = (part: number) => step * Math.round(part * steps / numParts);
  const parts = Array.from({ length: numParts }, (_, part): PackedPart => ({
    sequences: [],
    packed: { ...packed, rows: first(part + 1) - first(part), places: [] },
  }));
  places.forEach((place, i) => {
    const part = parts.findIndex((_, part) => place.row < first(part + 1));
    parts[part].sequences.push(i);
    parts[part].packed.places.push({ ...place, row: place.row - first(part) });
  });
  return parts;
}

function bestFit(lengths: readonly number[], time: number): PackedRows {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b] - lengths[a] || a - b);
  const free: number[] = [], counts: number[] = [], places: PackedRows["places"] = [];
  /** Rows that take another sequence, by their free places. */
  const open: number[][] = Array.from({ length: time + 1 }, () => []);
  for (const i of order) {
    let room = lengths[i];
    while (room <= time && open[room].length === 0) room++;
    const row = open[room]?.pop() ?? free.push(time) - 1;
    const slot = counts[row] ?? 0, start = time - free[row];
    places[i] = { row, slot, start };
    counts[row] = slot + 1;
    free[row] -= lengths[i];
    if (counts[row] < MOST_IN_ROW) open[free[row]].push(row);
  }
  return { rows: free.length, time, slots: MOST_IN_ROW, places };
}

/** About how many rows of which length so many sequences take: what `packRows` gives where `mean` says enough of their lengths. */
export function packedSize(
  sequences: number,
  { longest, mean }: LengthFacts,
): { rows: number; time: number } {
  const time = rowLength({ longest, mean });
  const rows = Math.max(Math.ceil(sequences * mean / (FILLED * time)), Math.ceil(sequences / MOST_IN_ROW));
  return { rows: roundedRows(Math.min(sequences, rows)), time };
}

/** Tokens of a row for sequences of at most `LONGEST_PACKED`: at least the longest. */
export function rowLength({ longest, mean }: LengthFacts): number {
  return Math.min(
    TIME_MULTIPLE * Math.ceil(Math.max(longest, MEANS_IN_ROW * mean, 1) / TIME_MULTIPLE),
    LONGEST_PACKED,
  );
}

function roundedRows(rows: number): number {
  const step = rowStep(rows);
  return Math.ceil(rows / step) * step;
}

function rowStep(rows: number): number {
  return Math.max(1, 2 ** Math.floor(Math.log2(Math.max(1, rows))) / ROW_STEPS);
}
