// `deno task runs`: the runs of a folder, one a line, and how to go on with those that stand still before their end; a damaged one
// is named and hides no other.
import { z } from "zod";
import { projectRun, shownState } from "../src/status/run_projection.ts";
import { hasWriter, readFileLog } from "../src/store/file_log.ts";
import { type ListedRun, listRuns } from "../src/store/runs_folder.ts";
import { type CommandTable, flag, value } from "./command_line.ts";
import { resumeCommand } from "./next_steps.ts";
import { runCommand } from "./run_command.ts";
import { runsFolder } from "./user_environment.ts";

const options = z.strictObject({
  json: flag("one JSON object a run, one a line"),
  "runs-dir": value("DIR", "folder of the runs (default: runs)"),
});

export const runsTable: CommandTable<typeof options.shape> = {
  name: "deno task runs",
  summary: "Lists the runs.",
  options,
};

export type RunLine =
  | {
    name: string;
    state: string;
    preset: string;
    seed: number;
    iteration: number;
    iterations: number;
    at: string;
    /** Where nobody works on it: the command that goes on with it. */
    resume?: string;
  }
  | { name: string; state: "empty" }
  | { name: string; state: "unreadable"; problem: string };

/** `isDefaultFolder`: whether commands look into it by themselves, so that a name says enough. */
export function runLines(folder: string, place: { isDefaultFolder: boolean }): RunLine[] {
  return listRuns(folder).map((run) => runLine(run, place));
}

function runLine({ name, folder, problem }: ListedRun, place: { isDefaultFolder: boolean }): RunLine {
  if (problem !== undefined) return { name, state: "unreadable", problem: problem.message };
  try {
    // Looked at first: a run that ends in between is done, not stopped.
    const isWritten = hasWriter(folder), { records } = readFileLog(folder);
    if (records.length === 0) return { name, state: "empty" };
    const { config, iteration, lastAt, ...run } = projectRun(records);
    const { preset, seed, iterations } = config, state = shownState(run.state, { hasWriter: isWritten });
    const resume = !isWritten && ["stopped", "paused", "failed"].includes(state)
      ? { resume: resumeCommand(place.isDefaultFolder ? name : folder) }
      : {};
    return { name, state, preset, seed, iteration, iterations, at: lastAt, ...resume };
  } catch (error) {
    return { name, state: "unreadable", problem: error instanceof Error ? error.message : String(error) };
  }
}

function lineText(line: RunLine, width: number): string {
  const start = `${line.name.padEnd(width)}  ${line.state.padEnd(19)}`;
  if ("problem" in line) return `${start}  ${line.problem}`;
  if (!("preset" in line)) return start.trimEnd();
  const { preset, seed, iteration, iterations, at, resume } = line;
  return `${start}  iteration ${iteration} of ${iterations}  preset ${preset}, seed ${seed}  ${
    at.slice(0, 16)
  }Z${resume === undefined ? "" : `  Go on with: ${resume}`}`;
}

if (import.meta.main) {
  await runCommand(runsTable, ({ options }) => {
    const folder = runsFolder(options["runs-dir"], Deno.env.toObject());
    const lines = runLines(folder, { isDefaultFolder: options["runs-dir"] === undefined });
    const width = Math.max(0, ...lines.map(({ name }) => name.length));
    for (const line of lines) console.log(options.json ? JSON.stringify(line) : lineText(line, width));
    if (lines.length === 0 && !options.json) {
      console.log(`There are no runs in "${folder}" yet: deno task irl`);
    }
    return 0;
  });
}
