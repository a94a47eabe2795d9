// Given, when, then: a simulated run that stands in a wanted state, and what tests say about it.
import assert from "node:assert/strict";
import type { Command } from "../../events/mod.ts";
import {
  type CoordinatorEvent,
  evolve,
  outstanding,
  type State,
  type StateName,
  stateName,
} from "../../actors/irl_coordinator.ts";
import { type Journal, openJournal, type SimulatedSize, undisturbedRun } from "./simulated_run.ts";

export const RUN = "simulated";

/** A run that has just come to the state, in the iteration. */
export function given(name: StateName, options: SimulatedSize & { iteration?: number } = {}): Journal {
  const { iteration = ["loading", "tuningSupervised"].includes(name) ? 0 : 1, ...size } = options;
  const journal = openJournal();
  for (const event of undisturbedRun(size).events) {
    if (stateName(journal.state) === name && journal.state.context.iteration === iteration) return journal;
    journal.appendAlone(event);
  }
  return journal;
}

export function ids(commands: readonly Command[]): string[] {
  return commands.map(({ id, attempt }) => `${id}#${attempt}`);
}

/** Outstanding commands; the test says how many there must be. */
export function commandsOf(journal: Journal, count = 1): Command[] {
  const commands = outstanding(journal.state);
  assert.equal(commands.length, count);
  return commands;
}

/** Compared by reference only: the difference of two snapshots would take minutes to print. */
export function assertUnchanged(state: State, event: CoordinatorEvent, message = event.id): void {
  assert.ok(evolve(state, event) === state, message);
}
