// Runs of the command line without compute: fake steps, a terminal that remembers its lines, signals at hand.
import { join } from "node:path";
import { parseCommandLine } from "../../scripts/command_line.ts";
import { irl, irlTable } from "../../scripts/irl.ts";
import { type Interruption, type RunContext, systemClock } from "../../scripts/run_context.ts";
import { STEP_ORDER } from "../../events/mod.ts";
import { readFileLog } from "../../src/store/file_log.ts";
import { outcomeDigest } from "../../src/store/outcome_digest.ts";
import type { LogRecord } from "../../src/store/event_log.ts";
import { FAKE_TIER, type FakeStepsOptions, openFakeCompute } from "../support/fake_steps.ts";

/** The smallest preset with a handful of rows: data are made in a few milliseconds. */
export const SMALL = [
  "--preset=tiny",
  "--set=task.demonstrations=16",
  "--set=task.prompts=20",
  "--set=task.evaluationPrompts=4",
  "--set=supervision.stallMs=2000",
];
export const QUIET = ["--no-http", "--no-fetch", "--backend=cpu"];

export interface FakeWorld extends FakeStepsOptions {
  environment?: Record<string, string>;
  substitutes?: RunContext["substitutes"];
}

/** One call of `irl` inside this process. */
export class IrlCall {
  readonly lines: string[] = [];
  readonly records: LogRecord[] = [];
  readonly #interruption = Promise.withResolvers<Interruption>();
  readonly #world: FakeWorld;

  constructor(world: FakeWorld = {}) {
    this.#world = world;
  }

  interrupt(reason: Interruption = "interrupted"): void {
    this.#interruption.resolve(reason);
  }

  async run(args: readonly string[]): Promise<number> {
    const line = parseCommandLine(irlTable, args);
    if (line === undefined) throw new Error("This call asks for help");
    return await irl(line.options, {
      environment: { HOME: "/nowhere", ...this.#world.environment },
      clock: systemClock,
      terminal: { width: 120, line: (text) => void this.lines.push(text), progress: () => {} },
      onRecord: (record) => void this.records.push(record),
      catchSignals: () => this.#interruption.promise,
      substitutes: {
        probe: () => Promise.resolve(FAKE_TIER),
        openCompute: ({ folder }) => Promise.resolve(openFakeCompute(folder, this.#world)),
        ...this.#world.substitutes,
      },
    });
  }
}

export async function inTemporaryFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "irl-test-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

export function recordsOf(runs: string, run: string): LogRecord[] {
  return readFileLog(join(runs, run)).records;
}

export function outcomeOf(runs: string, run: string): string {
  return outcomeDigest(recordsOf(runs, run), STEP_ORDER);
}

export function typesOf(records: readonly LogRecord[]): string[] {
  return records.map(({ type }) => type);
}
