// `deno task report`: a run's numbers and digests, for people or as JSON.
import { z } from "zod";
import { type CommandTable, flag, value } from "./command_line.ts";
import { findRun } from "./find_run.ts";
import { runCommand } from "./run_command.ts";
import { runReport } from "./run_report.ts";

const options = z.strictObject({
  json: flag("one JSON object on standard output"),
  "runs-dir": value("DIR", "folder of the runs (default: runs)"),
});

export const reportTable: CommandTable<typeof options.shape> = {
  name: "deno task report",
  summary:
    "Prints what a run has reached: its table of results, its state, and the digests that tell two runs apart.",
  positionals: [{ name: "RUN", about: "a name in the runs folder, or the path of a run's folder" }],
  options,
};

if (import.meta.main) {
  await runCommand(reportTable, ({ options, positionals: [run] }) => {
    const found = findRun(run, { runsDir: options["runs-dir"], environment: Deno.env.toObject() });
    const { text, report } = runReport(found.records);
    console.log(options.json ? JSON.stringify(report, undefined, 2) : text);
    return 0;
  });
}
