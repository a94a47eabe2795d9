// `deno task compare`: is the last policy better than SFT? Over one or several runs, with 95 % intervals. Reads only.
import { z } from "zod";
import { ConfigError } from "../src/base/errors.ts";
import { readFileArtifacts } from "../src/store/file_artifacts.ts";
import { flag, list, value } from "./command_line.ts";
import { comparePolicies, comparisonLines, readRunErrors, type RunErrors } from "./compare_policies.ts";
import { findRun } from "./find_run.ts";
import { runCommand } from "./run_command.ts";

export const compareTable = {
  name: "deno task compare",
  summary:
    "Compares each run's last policy with its SFT policy on the held-out prompts, pooled over the runs.",
  options: z.strictObject({
    run: list("NAME", "a run's name or folder; give it several times to pool seeds"),
    "runs-dir": value("DIR", "the folder of runs (default: runs)"),
    json: flag("one JSON object on stdout"),
  }),
  examples: ["deno task compare --run demo-1 --run demo-2 --run demo-3"],
};

if (import.meta.main) {
  await runCommand(compareTable, async ({ options }) => {
    if (options.run.length === 0) throw new ConfigError("Give --run NAME, once or several times");
    const runs: RunErrors[] = [];
    for (const name of options.run) {
      const found = findRun(name, { runsDir: options["runs-dir"], environment: Deno.env.toObject() });
      runs.push(await readRunErrors(found.records, readFileArtifacts(found.folder), name));
    }
    const comparisons = comparePolicies(runs);
    if (options.json) console.log(JSON.stringify({ runs: options.run, comparisons }));
    else for (const line of comparisonLines(comparisons)) console.log(line);
    return 0;
  });
}
