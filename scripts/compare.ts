// `deno task compare`: the last policy of one or several runs against the SFT policy of the same run, pooled and compared
// prompt by prompt, with 95 % intervals. Reads logs and artifacts only.
import { z } from "zod";
import { type EventData, readEvent } from "../events/mod.ts";
import { ConfigError, SchemaError } from "../src/base/errors.ts";
import { type EvaluatedText, evaluatedTextSchema, storedRows } from "../src/data/stored_rows.ts";
import { pairedDifference } from "../src/math/paired_difference.ts";
import { readFileArtifacts } from "../src/store/file_artifacts.ts";
import { readFileLog } from "../src/store/file_log.ts";
import { resolveRun } from "../src/store/runs_folder.ts";
import { flag, list, value } from "./command_line.ts";
import { runCommand } from "./run_command.ts";
import { runsFolder, userPath } from "./user_environment.ts";

const table = {
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

const DECODINGS = ["sampled", "tempered", "greedy"] as const;
const NAMES = { sampled: "T = 1", tempered: "T = 0.5", greedy: "greedy" };

/** Slot error rate of one prompt (errors over attributes, mean over its samples) by `decoding/prompt`. */
function errorsByPrompt(texts: readonly EvaluatedText[]): Map<string, number> {
  const groups = new Map<string, number[]>();
  for (const { decoding, prompt, errors, numSlots } of texts) {
    if (errors === undefined || !numSlots) continue;
    const key = `${decoding}/${prompt}`;
    groups.set(key, [...groups.get(key) ?? [], errors / numSlots]);
  }
  return new Map(
    [...groups].map(([key, values]) => [key, values.reduce((a, b) => a + b, 0) / values.length]),
  );
}

/** First and last evaluated policy of a run, prompt by prompt. */
async function readRun(folder: string): Promise<{ before: Map<string, number>; after: Map<string, number> }> {
  const evaluated: EventData<"PolicyEvaluated">[] = [];
  for (const record of (await readFileLog(folder)).records) {
    const event = readEvent(record);
    if ("problem" in event) throw new SchemaError(event.problem, { file: folder });
    if (event.value.type === "PolicyEvaluated") evaluated.push(event.value.data);
  }
  const first = evaluated[0], last = evaluated.at(-1);
  if (last === undefined || last.iteration === 0) {
    throw new ConfigError(`Finish an iteration first: ${folder} has no policy beyond SFT`);
  }
  const artifacts = readFileArtifacts(folder);
  const read = async (data: EventData<"PolicyEvaluated">) =>
    errorsByPrompt(storedRows(await artifacts.get(data.texts), evaluatedTextSchema));
  return { before: await read(first), after: await read(last) };
}

await runCommand(table, async ({ options }) => {
  if (options.run.length === 0) throw new ConfigError("Give --run NAME, once or several times");
  const environment = Deno.env.toObject(), runs = runsFolder(options["runs-dir"], environment);
  const workingFolder = userPath(".", environment);
  const pooled: Awaited<ReturnType<typeof readRun>>[] = [];
  for (const name of options.run) {
    pooled.push(await readRun((await resolveRun(name, { runsFolder: runs, workingFolder })).folder));
  }
  const results = DECODINGS.map((decoding) => {
    const before: number[] = [], after: number[] = [];
    for (const run of pooled) {
      for (const [key, error] of run.before) {
        const now = run.after.get(key);
        if (!key.startsWith(`${decoding}/`) || now === undefined) continue;
        before.push(error);
        after.push(now);
      }
    }
    if (before.length < 2) {
      throw new ConfigError("Compare runs of a task with a gold measure: these have none");
    }
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    return { decoding, sft: mean(before), last: mean(after), difference: pairedDifference(before, after) };
  });
  if (options.json) {
    console.log(JSON.stringify({ runs: options.run, results }));
    return 0;
  }
  console.log("slot error per prompt       SFT    last   difference (95 % interval)        prompts");
  for (const { decoding, sft, last, difference: { mean, low, high, pairs } } of results) {
    const signed = (number: number) => (number < 0 ? "−" : "+") + Math.abs(number).toFixed(4);
    console.log(
      `${NAMES[decoding].padEnd(24)} ${sft.toFixed(4)}  ${last.toFixed(4)}   ${signed(mean)} (${
        signed(low)
      } … ${signed(high)})  ${String(pairs).padStart(9)}`,
    );
  }
  return 0;
});
