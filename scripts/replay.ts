// `deno task replay`: folds a run's log without any effect, and verifies its chain and what today's code would have decided.
import { z } from "zod";
import { stateName } from "../actors/irl_coordinator.ts";
import { DamageError } from "../src/base/errors.ts";
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
  json: flag("state and outstanding commands as JSON"),
  "runs-dir": value("DIR", "folder of the runs (default: runs)"),
});

export const replayTable: CommandTable<typeof options.shape> = {
  name: "deno task replay",
  summary:
    "Folds the log of a run without effects: verifies every line, and that today's code decides as it did then.",
  positionals: [{ name: "RUN", about: "a name in the runs folder, or the path of a run's folder" }],
  options,
};

export interface ReplayReport {
  run: string;
  state: string;
  events: number;
  head: string;
  outstanding: unknown[];
}

export function replay(
  run: string,
  given: z.output<typeof options>,
  environment: Readonly<Record<string, string | undefined>>,
): { report: ReplayReport; lines: string[] } {
  const { records, file, tornBytes } = findRun(run, { runsDir: given["runs-dir"], environment });
  const { state, events, outstanding } = replayRun(records, { until: given.until, file });
  const folded = records.slice(0, events);
  checkHead(given.head, records.at(-1)?.hash, file);
  const report: ReplayReport = {
    run: records[0].run,
    state: stateName(state),
    events,
    head: folded.at(-1)?.hash ?? "",
    outstanding,
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
      `${events} events, chain and commands equal`,
    ],
  };
}

function checkHead(wanted: string | undefined, found: string | undefined, file: string): void {
  if (wanted === undefined || wanted === found) return;
  throw new DamageError(
    `Restore the log from a copy: its head is ${found}, not ${wanted}; lines at its end are missing or new`,
    { file },
  );
}

if (import.meta.main) {
  await runCommand(replayTable, ({ options, positionals: [run] }) => {
    const { report, lines } = replay(run, options, Deno.env.toObject());
    if (options.json) {
      console.log(JSON.stringify(report));
      console.error(lines.at(-1));
    } else {
      console.log(lines.join("\n"));
    }
    return 0;
  });
}
