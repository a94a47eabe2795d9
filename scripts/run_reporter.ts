// What a person sees while a run goes on: a line per event, progress with the time left, a row of the table and three
// samples after each iteration, a warning after a policy step that lowered its own objective. With --json the events go to standard output and all this to standard error.
import { STEP_ORDER, type StepName } from "../events/mod.ts";
import type { Clock } from "../src/base/clock.ts";
import type { Beat } from "../src/bus/port.ts";
import { durationText } from "../src/status/number_text.ts";
import { declineText, policyDeclines } from "../src/status/policy_decline.ts";
import { doubtText, rewardDoubts } from "../src/status/reward_doubt.ts";
import { iterationLines } from "../src/status/report_text.ts";
import { projectRun, secondsLeft } from "../src/status/run_projection.ts";
import { eventOf } from "../src/status/run_record.ts";
import { samplesLines } from "../src/status/samples_text.ts";
import type { LogRecord } from "../src/store/event_log.ts";
import { renderEvent, STEP_WORDS } from "./render_event.ts";
import type { Terminal } from "./terminal.ts";

export interface RunReporter {
  onRecord(record: LogRecord): void;
  onBeat(beat: Beat): void;
}

export interface RunReporterOptions {
  terminal: Terminal;
  clock: Clock;
  /** What the log holds already, for the numbers of a resumed run. */
  records: readonly LogRecord[];
}

export function createRunReporter({ terminal, clock, records }: RunReporterOptions): RunReporter {
  const known = [...records];
  const pace = new Pace(clock);
  return {
    onRecord(record) {
      known.push(record);
      terminal.progress("");
      terminal.line(renderEvent(record));
      for (const line of linesAfter(known, terminal.width)) terminal.line(line);
    },
    onBeat(beat) {
      const text = progressText(beat, pace);
      if (text !== undefined) terminal.progress(text);
    },
  };
}

function linesAfter(records: readonly LogRecord[], width: number): string[] {
  const last = records.at(-1);
  const event = last === undefined ? undefined : eventOf(last);
  switch (event?.type) {
    case "RewardLearned":
      return event.data.result === null
        ? []
        : warningLines(rewardDoubts(projectRun(records)), event.data.iteration, doubtText);
    case "PolicyOptimised":
      return event.data.policy === null
        ? []
        : warningLines(policyDeclines(projectRun(records)), event.data.iteration, declineText);
    case "IterationCompleted":
      return resultLines(records, event.data.iteration, { width });
    default:
      return [];
  }
}

/** What follows the end of a step that something is wrong with. */
function warningLines<Found extends { iteration: number }>(
  found: readonly Found[],
  iteration: number,
  text: (one: Found) => string,
): string[] {
  return found.filter((one) => one.iteration === iteration).map((one) => `Warning: ${text(one)}`);
}

/** What follows an iteration's end: the row, the samples, the time that the rest will take. */
function resultLines(
  records: readonly LogRecord[],
  iteration: number,
  { width }: { width: number },
): string[] {
  const run = projectRun(records);
  const samples = run.iterations.find((facts) => facts.iteration === iteration)?.evaluation?.samples ?? [];
  const now = iteration === 0 ? "SFT, drawn again" : `iteration ${iteration}`;
  const left = secondsLeft(run);
  return [
    "",
    ...Array.from({ length: iteration + 1 }, (_, i) => iterationLines(records, i)).flat(),
    "",
    ...samplesLines(samples, { now, width }),
    ...(left === undefined ? [] : [`About ${durationText(left)} left for the whole run`, ""]),
  ];
}

/** `iteration 1, optimising the policy: 34 of 80 steps, loss 0.412, 1 min 5 s left`; undefined for a beat without work. */
function progressText(beat: Beat, pace: Pace): string | undefined {
  const { command, done, total, unit, metrics } = beat;
  const place = command === undefined ? undefined : placeOf(command);
  if (place === undefined || done === undefined || total === undefined) return undefined;
  const left = pace.secondsLeft(place.key, done, total);
  return [
    `${place.iteration === 0 ? "" : `iteration ${place.iteration}, `}${
      STEP_WORDS[place.step]
    }: ${done} of ${total} ${unit}`,
    ...Object.entries(metrics ?? {}).map(([name, value]) => `${name} ${value.toPrecision(3)}`),
    ...(left === undefined || done >= total ? [] : [`${durationText(left)} left`]),
  ].join(", ");
}

interface StepPlace {
  /** The same for all chunks of a step. */
  key: string;
  iteration: number;
  step: StepName;
}

/** From a command's id, `<run>/<iteration>/<step>/<shard>/<chunk>`. */
function placeOf(id: string): StepPlace | undefined {
  const [run, iteration, name, shard] = id.split("/");
  const step = Object.keys(STEP_WORDS).find((known): known is StepName => known === name);
  if (step === undefined || !STEP_ORDER.includes(step)) return undefined;
  return { key: `${run}/${iteration}/${step}/${shard}`, iteration: Number(iteration), step };
}

/** How fast the present step goes, judged by the later half of what was seen of it: at its beginning programs are compiled. */
class Pace {
  readonly #clock: Clock;
  #key = "";
  #begin = 0;
  /** From the last one before that half on. */
  #points: { done: number; atMs: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  secondsLeft(key: string, done: number, total: number): number | undefined {
    const now = this.#clock.elapsedMs(), points = this.#points;
    // A step that passes over the rows again counts from there.
    if (key !== this.#key || done < (points.at(-1)?.done ?? 0)) {
      points.length = 0;
      this.#begin = done;
    }
    this.#key = key;
    // A beat comes again and again while nothing is done: the first one says since when.
    if (points.at(-1)?.done !== done) points.push({ done, atMs: now });
    const middle = (this.#begin + done) / 2;
    while (points.length > 1 && points[1].done <= middle) points.shift();
    const gained = done - points[0].done;
    return gained === 0 ? undefined : (total - done) * (now - points[0].atMs) / 1000 / gained;
  }
}
