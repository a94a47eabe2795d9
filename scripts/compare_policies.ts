// The last policy of one or several runs against the SFT policy of the same run, pooled and compared prompt by prompt.
import { type EventData, readEvent } from "../events/mod.ts";
import { ConfigError, SchemaError } from "../src/base/errors.ts";
import type { ArtifactStore } from "../src/base/ports.ts";
import { type EvaluatedText, evaluatedTextSchema, storedRows } from "../src/data/stored_rows.ts";
import { type PairedDifference, pairedDifference } from "../src/math/paired_difference.ts";
import type { LogRecord } from "../src/store/event_log.ts";

const DECODINGS = ["sampled", "tempered", "greedy"] as const;
const NAMES = { sampled: "T = 1", tempered: "T = 0.5", greedy: "greedy" };

/** Slot error rate of each prompt by `decoding/prompt`, for the first and the last evaluated policy of a run. */
export interface RunErrors {
  /** Digest of the last policy's texts: equal for equal runs. */
  texts: string;
  sft: ReadonlyMap<string, number>;
  last: ReadonlyMap<string, number>;
}

export interface Comparison {
  decoding: typeof DECODINGS[number];
  /** Means over prompts. */
  sft: number;
  last: number;
  difference: PairedDifference;
}

/** Errors over attributes, mean over a prompt's samples. */
export function errorsByPrompt(texts: readonly EvaluatedText[]): Map<string, number> {
  const groups = new Map<string, number[]>();
  for (const { decoding, prompt, errors, numSlots } of texts) {
    if (errors === undefined || !numSlots) continue;
    const key = `${decoding}/${prompt}`, known = groups.get(key);
    if (known === undefined) groups.set(key, [errors / numSlots]);
    else known.push(errors / numSlots);
  }
  return new Map([...groups].map(([key, values]) => [key, meanOf(values)]));
}

/** Reads a run's evaluations; `name` is for messages. */
export async function readRunErrors(
  records: readonly LogRecord[],
  artifacts: Pick<ArtifactStore, "get">,
  name: string,
): Promise<RunErrors> {
  const evaluated: EventData<"PolicyEvaluated">[] = [];
  for (const record of records) {
    const event = readEvent(record);
    if ("problem" in event) throw new SchemaError(event.problem, { file: name, line: record.seq });
    if (event.value.type === "PolicyEvaluated") evaluated.push(event.value.data);
  }
  const [first] = evaluated, last = evaluated.at(-1);
  if (last === undefined || last.iteration === 0) {
    throw new ConfigError(`Finish an iteration of "${name}" first: it has no policy beyond SFT`);
  }
  const read = async (digest: string) =>
    errorsByPrompt(storedRows(await artifacts.get(digest), evaluatedTextSchema));
  return { texts: last.texts, sft: await read(first.texts), last: await read(last.texts) };
}

/** Pools runs: one pair per prompt and run. Throws ConfigError where there is no gold measure, or one run stands twice. */
export function comparePolicies(runs: readonly RunErrors[]): Comparison[] {
  if (new Set(runs.map(({ texts }) => texts)).size < runs.length) {
    throw new ConfigError(
      "Give runs of different seeds: two of these wrote the same texts, and would count twice",
    );
  }
  return DECODINGS.map((decoding) => {
    const sft: number[] = [], last: number[] = [];
    for (const run of runs) {
      for (const [key, error] of run.sft) {
        const now = run.last.get(key);
        if (!key.startsWith(`${decoding}/`) || now === undefined) continue;
        sft.push(error);
        last.push(now);
      }
    }
    if (sft.length < 2) throw new ConfigError("Compare runs of a task with a gold measure: these have none");
    return { decoding, sft: meanOf(sft), last: meanOf(last), difference: pairedDifference(sft, last) };
  });
}

export function comparisonLines(comparisons: readonly Comparison[]): string[] {
  const signed = (number: number) => (number < 0 ? "-" : "+") + Math.abs(number).toFixed(4);
  return [
    "slot error per prompt      SFT    last   difference (95 % interval)     prompts",
    ...comparisons.map(({ decoding, sft, last, difference: { mean, low, high, pairs } }) =>
      [
        NAMES[decoding].padEnd(23),
        sft.toFixed(4).padStart(7),
        last.toFixed(4).padStart(7),
        `  ${signed(mean)} (${signed(low)} … ${signed(high)})`,
        String(pairs).padStart(9),
      ].join(" ")
    ),
  ];
}

function meanOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
