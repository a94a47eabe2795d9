// One entry per run, newest activity first; a run that cannot be read is listed with its reason and hides no other.
import { logProblem } from "./problem.ts";
import { isAtStand, projectRun, type ShownState, shownState } from "./run_projection.ts";
import type { RunSource } from "./run_source.ts";

export type RunEntry =
  | {
    /** Name of the run's folder. */
    run: string;
    events: number;
    state: ShownState;
    preset: string;
    seed: number;
    iteration: number;
    iterations: number;
    startedAt: string;
    lastAt: string;
    /** The command that goes on with it, where it is at a stand. */
    resume?: string;
  }
  | { run: string; events: 0; state: "idle" }
  | { run: string; state: "unreadable"; problem: string };

export async function listRunEntries(source: RunSource): Promise<RunEntry[]> {
  const names = await source.names();
  const entries = await Promise.all(names.map((name) => runEntry(source, name)));
  return entries.filter((entry) => entry !== undefined).sort(byActivity);
}

async function runEntry(source: RunSource, name: string): Promise<RunEntry | undefined> {
  try {
    // Looked at first: a run that ends in between is done, not stopped.
    const hasWriter = await source.hasWriter(name), records = await source.records(name);
    if (records === undefined) return undefined;
    if (records.length === 0) return { run: name, events: 0, state: "idle" };
    const { numEvents, config, iteration, startedAt, lastAt, ...run } = projectRun(records);
    const state = shownState(run.state, { hasWriter });
    const { preset, seed, iterations } = config;
    const entry = {
      run: name,
      events: numEvents,
      state,
      preset,
      seed,
      iteration,
      iterations,
      startedAt,
      lastAt,
    };
    return isAtStand(state) ? { ...entry, resume: source.resumeCommand(name) } : entry;
  } catch (error) {
    const problem = logProblem(error);
    if (problem === undefined) throw error;
    return { run: name, state: "unreadable", problem: problem.title };
  }
}

function byActivity(a: RunEntry, b: RunEntry): number {
  const [left, right] = [a, b].map((entry) => "lastAt" in entry ? entry.lastAt : "");
  return left === right ? (a.run < b.run ? -1 : 1) : left < right ? 1 : -1;
}
