// `deno task replay`: folds a run's log without any effect, and verifies its chain, what today's code would have decided, and the
// artifacts that its events name.
import { z } from "zod";
import { stateName } from "../actors/irl_coordinator.ts";
import { DamageError } from "../src/base/errors.ts";
import { runFiles } from "../src/store/run_files.ts";
import { checkArtifacts } from "./check_artifacts.ts";
import { type CommandTable, flag, value, wholeNumber } from "./command_line.ts";
import { findRun } from "./find_run.ts";
import { renderEvent } from "./render_event.ts";
import { replayRun } from "./replay_run.ts";
import { runCommand } from "./run_command.ts";

const options = z.strictObject({
  print: flag("a line per event"),
  until: wholeNumber("stop after this event, and say what is to be done next", { min: 1 }),
  head: value(
    "HASH",
    "the hash that the last line must have: shows whether whole lines are missing at the end",
  ),
  "no-artifacts": flag("leave out reading every artifact that the events name, e.g. for a log copied alone"),
  json: flag("state and outstanding commands as JSON"),
  "runs-dir": value("DIR", "folder of the runs (default: runs)"),
});

export const replayTable: CommandTable<typeof options.shape> = {
  name: "deno task replay",
  summary:
    "Folds the log of a run without effects: verifies every line and artifact, and that today's code decides as it did then.",
  positionals: [{ name: "RUN", about: "a name in the runs folder, or the path of a run's folder" }],
  options,
};

export interface ReplayReport {
  run: string;
  state: string;
  events: number;
  head: string;
  outstanding: unknown[];
  /** How many artifacts were read and found whole; null where they were not looked at. */
  artifacts: number | null;
}

export async function replay(
  run: string,
  given: z.output<typeof options>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<{ report: ReplayReport; lines: string[] }> {
  const { folder, records, file, tornBytes } = findRun(run, { runsDir: given["runs-dir"], environment });
  const { state, events, outstanding } = replayRun(records, { until: given.until, file });
  const folded = records.slice(0, events);
  checkHead(given.head, records.at(-1)?.hash, file);
  const isLogAlone = isAlone(folder);
  const checked = given["no-artifacts"] || isLogAlone ? undefined : await checkArtifacts(folder, folded);
  const report: ReplayReport = {
    run: records[0].run,
    state: stateName(state),
    events,
    head: folded.at(-1)?.hash ?? "",
    outstanding,
    artifacts: checked?.count ?? null,
  };
  const torn = tornBytes === 0
    ? []
    : [`The last line is unfinished (${tornBytes} bytes); the run's next writer cuts it off`];
  const next = given.until === undefined
    ? []
    : [`State: ${report.state}`, ...outstanding.map(({ id, type }) => `To do: ${type} "${id}"`)];
  return {
    report,
    lines: [
      ...(given.print ? folded.map(renderEvent) : []),
      ...torn,
      ...next,
      ...artifactLines(checked, { isLogAlone }),
      `${events} events, chain and commands equal`,
    ],
  };
}

/** A log that was copied without the rest of its run's folder: every writer leaves a lock beside it. */
function isAlone(folder: string): boolean {
  const names = new Set(Array.from(Deno.readDirSync(folder), ({ name }) => name));
  const { artifacts, lock } = runFiles("");
  return !names.has(artifacts) && !names.has(lock);
}

function artifactLines(
  checked: { count: number; bytes: number } | undefined,
  { isLogAlone }: { isLogAlone: boolean },
): string[] {
  if (checked !== undefined) {
    return [`${checked.count} artifacts whole, ${(checked.bytes / 1e6).toFixed(1)} MB`];
  }
  return isLogAlone ? ["No artifacts lie beside the log; it alone was checked"] : [];
}

function checkHead(wanted: string | undefined, found: string | undefined, file: string): void {
  if (wanted === undefined || wanted === found) return;
  throw new DamageError(
    `Restore the log from a copy: its head is ${found}, not ${wanted}; lines at its end are missing or new`,
    { file },
  );
}

if (import.meta.main) {
  await runCommand(replayTable, async ({ options, positionals: [run] }) => {
    const { report, lines } = await replay(run, options, Deno.env.toObject());
    if (options.json) {
      console.log(JSON.stringify(report));
      console.error(lines.at(-1));
    } else {
      console.log(lines.join("\n"));
    }
    return 0;
  });
}
