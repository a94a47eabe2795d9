// What to do with a run: the commands that go on with it or look at what came out.
import { eventOf } from "../src/status/run_record.ts";
import type { LogRecord } from "../src/store/event_log.ts";

/** `label`: a name in the runs folder, or a path. */
export function resumeCommand(label: string): string {
  return `deno task irl --resume ${quoted(label)}`;
}

export function resumeHint(label: string): string {
  return `Go on with: ${resumeCommand(label)}`;
}

/** The last lines of a run that is done. */
export function nextSteps(
  records: readonly LogRecord[],
  { folder, label }: { folder: string; label: string },
): string[] {
  const evaluated = records.map(eventOf).findLast((event) => event.type === "PolicyEvaluated");
  const prompt = evaluated?.data.samples[0]?.prompt ?? "...";
  const run = quoted(label);
  return [
    `The run is done. Its log, policy and reward lie in ${folder}`,
    "",
    `  deno task report ${run}                    its numbers and digests`,
    `  deno task replay ${run}                    its log and artifacts, checked one by one`,
    `  deno task generate --from ${run} --prompt ${quoted(prompt)}`,
    `  deno task export --from ${run} --to DIR    policy and reward as Hugging Face folders`,
    `  deno task status                        all runs in a browser`,
  ];
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
