// The report for a terminal, at most 120 columns: a run's facts and its result table; single rows while it goes on.
import { durationText } from "./number_text.ts";
import { reportOf } from "./report.ts";
import { type ResultColumn, type ResultRow, type ResultTable, resultTable } from "./result_table.ts";
import { plainLine } from "./plain_text.ts";
import { projectRun, type RunProjection, secondsLeft } from "./run_projection.ts";
import type { RunRecord } from "./run_record.ts";

const labelWidth = 14;

/** What `report` prints. Throws SchemaError when the records are not the beginning of a run. */
export function reportText(records: readonly RunRecord[], digests: { outcome: string | null }): string {
  const run = projectRun(records);
  const table = resultTable(run);
  const rows = table.rows.map((row) => rowLine(table, row));
  const results = rows.length === 0 ? ["No policy is evaluated yet"] : [...headerLines(table), ...rows];
  return [...factLines(run, digests), "", ...results, ...subsetLines(run), ""].join("\n");
}

/** What is new in the table with this iteration; iteration 0 brings the heading, the demonstrations and SFT. */
export function iterationLines(records: readonly RunRecord[], iteration: number): string[] {
  const table = resultTable(projectRun(records));
  const rows = table.rows.filter((row) => (row.iteration ?? 0) === iteration).map((row) =>
    rowLine(table, row)
  );
  return iteration === 0 && rows.length > 0 ? [...headerLines(table), ...rows] : rows;
}

/** The two lines over the table, for a run that goes on in a new terminal. */
export function headerLines({ columns }: ResultTable): [groups: string, names: string] {
  let groups = " ".repeat(labelWidth), names = groups;
  for (const [i, { name, group }] of columns.entries()) {
    if (startsGroup(columns, i)) groups = `${groups.padEnd(names.length)}  ${group}`;
    names += name.padStart(columnWidth(columns, i));
  }
  return [groups.trimEnd(), names];
}

function rowLine({ columns }: ResultTable, row: ResultRow): string {
  const cells = row.cells.map((cell, i) => cell.padStart(columnWidth(columns, i)));
  return (row.label.padEnd(labelWidth) + cells.join("")).trimEnd();
}

/** Room for heading and numbers, and a space before it; two where a group begins. */
function columnWidth(columns: readonly ResultColumn[], place: number): number {
  const { name, width } = columns[place];
  return Math.max(width, name.length) + (startsGroup(columns, place) ? 2 : 1);
}

function startsGroup(columns: readonly ResultColumn[], place: number): boolean {
  return columns[place].group !== columns[place - 1]?.group;
}

function factLines(run: RunProjection, digests: { outcome: string | null }): string[] {
  const { config, started } = run;
  const { tier, software } = started;
  const report = reportOf(run, digests);
  const left = secondsLeft(run);
  const trouble = run.troubles.at(-1);
  const where = run.state === "done" ? "" : `, iteration ${run.iteration} of ${config.iterations}` +
    (run.state === run.stage ? "" : ` at ${run.stage}`) +
    (left === undefined ? "" : `, about ${durationText(left)} left`);
  const facts: [string, string | null][] = [
    ["run", `${run.run}  (preset ${config.preset}, seed ${config.seed}, version ${software})`],
    ["state", `${run.state}${where}`],
    [
      "tier",
      `${tier.name} ${tier.variant}, ${tier.threads} ${
        tier.threads === 1 ? "thread" : "threads"
      }, ${tier.engine}`,
    ],
    ["log", `${report.digests.log}  (${run.numEvents} events)`],
    ["outcome", report.digests.outcome],
    ["policy", report.digests.policy],
    ["reward", report.digests.reward],
    ["trouble", trouble === undefined ? null : plainLine(trouble.message)],
  ];
  return facts.flatMap(([name, text]) => text === null ? [] : [`${name.padEnd(9)}${text}`]);
}

/** Accuracy on labelled pairs by subset, of the newest iteration that has it. */
function subsetLines(run: RunProjection): string[] {
  const facts = run.iterations.findLast(({ evaluation }) => evaluation?.reward?.preferences !== undefined);
  const preferences = facts?.evaluation?.reward?.preferences;
  if (facts === undefined || preferences === undefined) return [];
  const lines = Object.entries(preferences.bySubset).map(([subset, { accuracy, longerWins, pairs }]) =>
    `  ${subset}: ${accuracy.toFixed(3)} (longer wins ${longerWins.toFixed(3)}, ${pairs} pairs)`
  );
  return ["", `Labelled pairs by subset, iteration ${facts.iteration}`, ...lines];
}
