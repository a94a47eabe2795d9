// The result table as cells: demonstrations, SFT and every evaluated iteration. Terminal and page draw the same cells.
// Columns that a task cannot fill (no gold measure, no labelled pairs) are left out.
import type { Decodings, RewardRow, Row } from "../../events/mod.ts";
import { countText, rateText, signedText } from "./number_text.ts";
import { rewardRow } from "./report.ts";
import type { IterationFacts, RunProjection } from "./run_projection.ts";

export interface ResultColumn {
  /** Heading over several columns; empty where the column stands alone. */
  group: string;
  name: string;
  /** What it measures, for the page's reader. */
  about: string;
  /** Characters that its numbers take at most. */
  width: number;
}

export interface ResultRow {
  label: string;
  /** Undefined: the demonstrations' own row. */
  iteration?: number;
  /** One per column; empty where the row has no such number. */
  cells: string[];
}

export interface ResultTable {
  columns: ResultColumn[];
  rows: ResultRow[];
}

/** What one row is made of. */
interface Measured {
  row: Row;
  reward?: RewardRow;
  tokens?: number;
  seconds?: number;
}

interface Column extends ResultColumn {
  cell(measured: Measured): string | undefined;
}

export function resultTable(run: RunProjection): ResultTable {
  const columns = columnsOf(run);
  const rows = run.iterations.flatMap((facts) => rowsOf(facts, columns));
  return { columns: columns.map(({ group, name, about, width }) => ({ group, name, about, width })), rows };
}

function rowsOf(facts: IterationFacts, columns: readonly Column[]): ResultRow[] {
  const { iteration, evaluation, budget } = facts;
  if (evaluation === undefined) return [];
  const { demonstrations, policy } = evaluation;
  const rows: ResultRow[] = [];
  if (demonstrations !== null) {
    rows.push({ label: "demonstrations", cells: cellsOf(columns, { row: demonstrations }) });
  }
  const tokens = budget.tokensGenerated + budget.tokensTrained;
  const measured = { row: policy, reward: rewardRow(facts), tokens, seconds: budget.seconds };
  const label = iteration === 0 ? "SFT" : `iteration ${iteration}`;
  rows.push({ label, iteration, cells: cellsOf(columns, measured) });
  return rows;
}

function cellsOf(columns: readonly Column[], measured: Measured): string[] {
  return columns.map((column) => column.cell(measured) ?? "");
}

function columnsOf({ loaded }: RunProjection): Column[] {
  const gold = (loaded?.gold ?? null) !== null;
  const preferences = (loaded?.preferences ?? null) !== null;
  return [
    ...(gold ? goldRates : []),
    ...likelihood,
    ...(gold ? [pairAccuracy, goldPairAccuracy] : [pairAccuracy]),
    ...(preferences ? preferenceColumns : []),
    ...distances,
    ...costs,
  ];
}

function decodings(
  group: string,
  about: string,
  read: (row: Row) => Decodings | undefined,
): Column[] {
  const column = (name: string, decoding: keyof Decodings, how: string): Column => ({
    group,
    name,
    about: `${about}, ${how}`,
    width: 4,
    cell: ({ row }) => optional(read(row)?.[decoding], rateText),
  });
  return [
    column("T=1", "sampled", "samples at T = 1"),
    column("T=.5", "tempered", "samples at T = 0.5"),
    column("greedy", "greedy", "greedy decoding"),
  ];
}

const goldRates: Column[] = [
  ...decodings(
    "slot error",
    "Gold: share of slots that are missing, wrong or added",
    (row) => row.slotErrorRate,
  ),
  ...decodings("exact", "Gold: share of texts without a slot error", (row) => row.exactShare),
];

const likelihood: Column[] = [{
  group: "",
  name: "nll",
  about: "Nats per token of held-out demonstrations under the policy",
  width: 5,
  cell: ({ row }) => row.negativeLogLikelihood.toFixed(3),
}];

const pairAccuracy: Column = {
  group: "pair acc",
  name: "held",
  about: "Share of held-out pairs in which the reward prefers the demonstration to the generation",
  width: 4,
  cell: ({ reward }) => optional(reward?.heldOutPairAccuracy, rateText),
};

const goldPairAccuracy: Column = {
  group: "pair acc",
  name: "gold",
  about: "Share of sample pairs that the reward orders as the gold measure does",
  width: 4,
  cell: ({ reward }) => optional(reward?.goldPairAccuracy, rateText),
};

const preferenceColumns: Column[] = [
  {
    group: "labelled",
    name: "all",
    about: "Share of labelled pairs that the reward orders as people did",
    width: 4,
    cell: ({ reward }) => optional(reward?.preferenceAccuracy?.all, rateText),
  },
  {
    group: "labelled",
    name: "longer",
    about: "The same for the rule that the longer text wins",
    width: 4,
    cell: ({ reward }) => optional(reward?.preferenceAccuracy?.longerWins, rateText),
  },
];

const distances: Column[] = [
  {
    group: "",
    name: "margin",
    about: "Mean reward of held-out demonstrations minus that of the policy's samples",
    width: 5,
    cell: ({ reward }) => optional(reward?.margin, signedText),
  },
  {
    group: "",
    name: "KL",
    about: "KL to SFT, nats per sequence, on samples at T = 1",
    width: 5,
    cell: ({ row }) => optional(row.klToSft, (nats) => nats.toFixed(2)),
  },
  {
    group: "",
    name: "len",
    about: "Mean length in tokens, T = 1",
    width: 5,
    cell: ({ row }) => row.meanLength.toFixed(1),
  },
  {
    group: "",
    name: "dist2",
    about: "Distinct bigrams of all bigrams",
    width: 4,
    cell: ({ row }) => rateText(row.distinct2),
  },
];

const costs: Column[] = [
  {
    group: "",
    name: "tokens",
    about: "Tokens generated and trained on while learning",
    width: 5,
    cell: ({ tokens }) => optional(tokens, countText),
  },
  {
    group: "",
    name: "sec",
    about: "Seconds of learning; evaluation is not counted",
    width: 5,
    cell: ({ seconds }) => optional(seconds, (value) => value.toFixed(value < 10 ? 1 : 0)),
  },
];

function optional(value: number | undefined, text: (value: number) => string): string | undefined {
  return value === undefined ? undefined : text(value);
}
