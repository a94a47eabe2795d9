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
  /** Length of the longest sequence at least. */
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
export const MOST_IN_ROW = 4;
/**
 * A row is as long as a multiple of this, and there are 2^k · (8 … 16) rows: few shapes, of which each costs a compilation. Rows of twice
 * the longest sequence vary less in number than shorter ones: of 64 texts of the preset demo, 200 drawn batches all took 18 rows of 96.
 */
const TIME_MULTIPLE = 32, ROW_STEPS = 8;

/** Lengths of a batch's sequences. */
export interface LengthFacts {
  longest: number;
  mean: number;
}

/** Whether sequences of these lengths should share rows: own ones would be badly filled, and two of them fit into one. */
export function sharesRows({ longest, mean }: LengthFacts): boolean {
  const fitsTwice = 2 * mean <= FILLED * rowLength(longest);
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
  { time: least = 1, rows = 0 }: PackingOptions = {},
): PackedRows {
  const time = rowLength(Math.max(least, ...lengths));
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b] - lengths[a] || a - b);
  const used: number[] = [], counts: number[] = [];
  const places: PackedRows["places"] = [];
  for (const i of order) {
    let row = -1;
    for (let candidate = 0; candidate < used.length; candidate++) {
      const isOpen = used[candidate] + lengths[i] <= time && counts[candidate] < MOST_IN_ROW;
      if (isOpen && (row < 0 || used[candidate] > used[row])) row = candidate;
    }
    if (row < 0) {
      row = used.length;
      used.push(0);
      counts.push(0);
    }
    places[i] = { row, slot: counts[row]++, start: used[row] };
    used[row] += lengths[i];
  }
  return { rows: roundedRows(Math.max(rows, used.length)), time, slots: MOST_IN_ROW, places };
}

/** About how many rows of which length so many sequences take: what `packRows` gives where `mean` says enough of their lengths. */
export function packedSize(
  sequences: number,
  { longest, mean }: LengthFacts,
): { rows: number; time: number } {
  const time = rowLength(longest);
  const rows = Math.max(Math.ceil(sequences * mean / (FILLED * time)), Math.ceil(sequences / MOST_IN_ROW));
  return { rows: roundedRows(Math.min(sequences, rows)), time };
}

function rowLength(longest: number): number {
  return Math.min(TIME_MULTIPLE * Math.ceil(2 * longest / TIME_MULTIPLE), LONGEST_PACKED);
}

function roundedRows(rows: number): number {
  const step = Math.max(1, 2 ** Math.floor(Math.log2(rows)) / ROW_STEPS);
  return Math.ceil(rows / step) * step;
}
