// Whatever happens on the way (crashes, duplicates, reordered shards, failures, pauses, foreign events), a run ends with the
// same facts and the same digests. Seeded; a failing seed is printed and kept as a named case.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import fc from "fast-check";
import { Command, type RunEvent, STEP_ORDER } from "../../events/mod.ts";
import {
  commandsDigest,
  consequences,
  evolve,
  initialState,
  irlCoordinator,
  outstanding,
  type State,
  stateName,
} from "../../actors/irl_coordinator.ts";
import { replayRun } from "../../scripts/replay_run.ts";
import { outcomeDigest } from "../../src/store/outcome_digest.ts";
import {
  answerTo,
  failureOf,
  type Journal,
  logOf,
  openingEvents,
  openJournal,
  pauseOf,
  resumeOf,
  type SimulatedSize,
  timeOutOf,
  undisturbedRun,
} from "./simulated_run.ts";

const RUN = "simulated";
const INCIDENTS = ["StepFailed", "StepTimedOut", "StepRetried", "RunPaused", "RunResumed", "RunFailed"];

/** Events that say what was made, in the order of their names: equal in equal runs. */
function factsOf(events: readonly RunEvent[]): RunEvent[] {
  return events.filter(({ type }) => !INCIDENTS.includes(type)).toSorted((a, b) => a.id < b.id ? -1 : 1);
}

function outcomeOf(events: readonly RunEvent[]): string {
  return outcomeDigest(events, STEP_ORDER);
}

/** The state as JSON and back. */
function restored(state: State): State {
  return irlCoordinator.resolveState(JSON.parse(JSON.stringify(irlCoordinator.getPersistedSnapshot(state))));
}

/** Goes on from the recorded events as a new process would. */
function reopened(events: readonly RunEvent[]): Journal {
  const journal = openJournal();
  for (const event of events) assert.ok(journal.appendAlone(event), `${event.id} was recorded`);
  if (stateName(journal.state) !== "idle") journal.append(resumeOf(journal.state));
  return journal;
}

/** Does what is outstanding until the run is done. */
function finish(journal: Journal, size: SimulatedSize = {}): void {
  for (const event of openingEvents(size)) journal.append(event);
  for (const pending of consequences(journal.state)) journal.append(pending);
  for (let steps = 0; stateName(journal.state) !== "done"; steps++) {
    assert.ok(steps < 200, "the run does not end");
    if (["paused", "failed"].includes(stateName(journal.state))) journal.append(resumeOf(journal.state));
    const [command] = outstanding(journal.state);
    if (command !== undefined) assert.ok(journal.append(answerTo(command)));
  }
}

/** One thing that happens in the simulated world; `pick` chooses what it happens to. */
interface Happening {
  kind: "answer" | "old answer" | "failure" | "timeout" | "pause" | "crash" | "torn crash" | "foreign";
  pick: number;
}

const happening = fc.record<Happening>({
  kind: fc.constantFrom(
    "answer",
    "answer",
    "answer",
    "answer",
    "old answer",
    "failure",
    "timeout",
    "pause",
    "crash",
    "torn crash",
    "foreign",
  ),
  pick: fc.nat(1000),
});

/** A world whose messages may come late, twice and in any order. */
function simulate(happenings: readonly Happening[], size: SimulatedSize): Journal {
  let journal = openJournal();
  const issued: Command[] = [];
  for (const event of openingEvents(size)) journal.append(event);
  for (const { kind, pick } of happenings) {
    const open = outstanding(journal.state);
    issued.push(...open);
    const command = open[pick % Math.max(1, open.length)];
    const old = issued[pick % Math.max(1, issued.length)];
    if (kind === "answer" && command !== undefined) journal.append(answerTo(command));
    if (kind === "old answer" && old !== undefined) journal.append(answerTo(old));
    if (kind === "failure" && old !== undefined) journal.append(failureOf(journal.state, old));
    if (kind === "timeout" && command !== undefined) journal.append(timeOutOf(journal.state, command));
    if (kind === "pause") journal.append(pauseOf(journal.state));
    if (kind === "crash") journal = reopened(journal.events);
    if (kind === "torn crash") {
      journal = reopened(journal.events.slice(0, Math.max(1, lastCause(journal, pick))));
    }
    if (kind === "foreign" && command !== undefined) {
      assert.ok(evolve(journal.state, { ...answerTo(command), run: "another" }) === journal.state);
    }
    if (["paused", "failed"].includes(stateName(journal.state))) journal.append(resumeOf(journal.state));
  }
  finish(journal, size);
  return journal;
}

/** How many events a crash in the middle of the last write leaves: its cause, and any number of what follows from it. */
function lastCause(journal: Journal, pick: number): number {
  const follows = ["IterationCompleted", "RunCompleted", "StepRetried", "RunFailed"];
  const cause = journal.events.findLastIndex(({ type }) => !follows.includes(type));
  return cause + 1 + pick % (journal.events.length - cause);
}

describe("evolve() over a whole run", () => {
  it("ends the same from any prefix, whether folded on, restored from JSON or resumed after a crash", () => {
    const whole = undisturbedRun();
    let state = initialState();
    for (const [length, event] of whole.events.entries()) {
      let live = state, cold = restored(state);
      for (const later of whole.events.slice(length)) {
        live = evolve(live, { ...later, run: RUN });
        cold = evolve(cold, { ...later, run: RUN });
        assert.equal(commandsDigest(cold), commandsDigest(live));
      }
      assert.deepEqual(live.context, whole.state.context);
      assert.deepEqual(cold.context, whole.state.context);
      const resumed = reopened(whole.events.slice(0, length));
      finish(resumed);
      assert.deepEqual(factsOf(resumed.events), factsOf(whole.events), `resumed after ${length} events`);
      state = evolve(state, { ...event, run: RUN });
    }
  });

  it("ends the same when every event comes twice and old ones come between (property)", () => {
    const whole = undisturbedRun();
    const { events } = whole;
    fc.assert(
      fc.property(fc.array(fc.nat(events.length - 1), { maxLength: 20 }), (repeated) => {
        let state = initialState();
        for (const [index, event] of events.entries()) {
          const again = repeated.filter((old) => old <= index).map((old) => events[old]);
          for (const each of [event, event, ...again]) state = evolve(state, { ...each, run: RUN });
        }
        assert.deepEqual(state.context, whole.state.context);
        assert.equal(stateName(state), "done");
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  it("ends with the same facts in any simulated world (property)", () => {
    const sizes: SimulatedSize[] = [
      { iterations: 2, shards: 3, maxAttempts: 2 },
      { iterations: 1, shards: 1, maxAttempts: 1 },
      { iterations: 0, shards: 2, maxAttempts: 3 },
      { iterations: 1, shards: 1, maxAttempts: 2, start: "tuned" },
    ];
    const undisturbed = sizes.map((size) => factsOf(undisturbedRun(size).events));
    const outcomes = sizes.map((size) => outcomeOf(undisturbedRun({ ...size, run: "another" }).events));
    const world = fc.record({
      size: fc.nat(sizes.length - 1),
      happenings: fc.array(happening, { maxLength: 60 }),
    });
    fc.assert(
      fc.property(world, ({ size, happenings }) => {
        const journal = simulate(happenings, sizes[size]);
        assert.deepEqual(factsOf(journal.events), undisturbed[size]);
        assert.equal(outcomeOf(journal.events), outcomes[size]);
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  it("records a history that replay accepts, in any simulated world (property)", () => {
    const size = { iterations: 1, shards: 2, maxAttempts: 2 };
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 30 }), (happenings) => {
        const journal = simulate(happenings, size);
        const replay = replayRun(logOf(journal));
        assert.deepEqual(replay.state.context, journal.state.context);
        assert.equal(replay.events, journal.events.length);
      }),
      { numRuns: 30, seed: 2 },
    );
  });

  it("never gives the same id to two events, nor the same id and attempt to two commands of different work", () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), (happenings) => {
        const { events } = simulate(happenings, { iterations: 1, shards: 2, maxAttempts: 2 });
        assert.equal(new Set(events.map(({ id }) => id)).size, events.length);
        const commands = new Map<string, string>();
        let state = initialState();
        for (const event of events) {
          state = evolve(state, { ...event, run: RUN });
          for (const command of outstanding(state)) {
            const name = `${command.id}#${command.attempt}`, text = JSON.stringify(Command.parse(command));
            assert.equal(commands.get(name) ?? text, text);
            commands.set(name, text);
          }
        }
      }),
      { numRuns: 30, seed: 3 },
    );
  });
});
