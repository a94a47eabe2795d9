// The results of a benchmark as lines for people.
import type { BenchReport, WorkResult } from "./bench_result.ts";

const HEADINGS = ["work", "ours", "peer", "ratio", "min..max", "aim", "", "memory ours/peer"];

/** One row a work, and one more for each slower way of the peer. */
export function benchTable({ results }: BenchReport): string[] {
  const rows = [HEADINGS, ...results.flatMap(workRows)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd());
}

function workRows(result: WorkResult): string[][] {
  const { work, ours, peer, ratio, aim, variants = {} } = result;
  const disturbed = result.rounds.disturbed ? " (busy)" : "";
  const memory = memoryCell(result);
  if (peer === undefined || ratio === undefined) {
    return [[work, time(ours.median), "-", "-", disturbed, "", "", memory]];
  }
  const [best, ...others] = Object.entries(variants).sort(([, a], [, b]) => a.time.median - b.time.median);
  const cells = ([name, variant]: typeof best) => [
    `${time(variant.time.median)} ${name}`,
    variant.ratio.median.toFixed(2),
    `${variant.ratio.min.toFixed(2)}..${variant.ratio.max.toFixed(2)}${disturbed}`,
  ];
  const verdict = aim === undefined ? ["", ""] : [`>= ${aim}`, ratio.median >= aim ? "met" : "not met"];
  return [
    [work, time(ours.median), ...cells(best), ...verdict, memory],
    ...others.map((other) => ["", "", ...cells(other), "", "", ""]),
  ];
}

function memoryCell({ memory: { oursMegabytes, peerMegabytes, ratio, aim } }: WorkResult): string {
  if (oursMegabytes === undefined) return "-";
  if (peerMegabytes === undefined || ratio === undefined) return `${oursMegabytes} MB`;
  const verdict = aim === undefined ? "" : ` (<= ${aim} ${ratio <= aim ? "met" : "not met"})`;
  return `${oursMegabytes}/${peerMegabytes} MB = ${ratio.toFixed(2)}${verdict}`;
}

/** Three significant digits. */
function time(seconds: number): string {
  return seconds < 1 ? `${(1000 * seconds).toPrecision(3)} ms` : `${seconds.toPrecision(3)} s`;
}

/** What the table was measured on. */
export function benchConditions(report: BenchReport): string[] {
  const { machine, threads, load, engines, commit } = report;
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGigabytes} GiB, ${machine.system}; ${threads} threads each; load ${load} at the start`,
    `ours: ${engines.ours}; peer: ${engines.peer ?? "none"}; commit ${commit ?? "unknown"}`,
  ];
}
