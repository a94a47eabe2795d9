// Events that the shell records about the outside world: failures, timeouts, pauses, resumes. Made here, because the fold takes
// them only under the id that it expects next: append one, fold it, make the next from the new state.
import type { Command, EventData, RunEvent } from "../events/mod.ts";
import { failurePlace } from "./failure_place.ts";
import { incidentId, type State } from "./irl_coordinator.ts";

/** The failure that an actor reports, or that the shell saw, for example its end. */
export function stepFailed(state: State, data: EventData<"StepFailed">): RunEvent {
  return { type: "StepFailed", id: incidentId(state, "failure"), data };
}

/** An actor that ended while it had the command. */
export function actorExited(state: State, command: Command, message: string): RunEvent {
  return stepFailed(state, { v: 1, ...failurePlace(command), reason: "actor-exited", message });
}

/** A command without progress for so long. */
export function stepTimedOut(state: State, command: Command, stallMs: number): RunEvent {
  return {
    type: "StepTimedOut",
    id: incidentId(state, "failure"),
    data: { v: 1, ...failurePlace(command), stallMs },
  };
}

export function runPaused(state: State, reason: EventData<"RunPaused">["reason"]): RunEvent {
  return { type: "RunPaused", id: incidentId(state, "pause"), data: { v: 1, reason } };
}

/** After a pause, a failed run or a crash. */
export function runResumed(state: State, software: string): RunEvent {
  return { type: "RunResumed", id: incidentId(state, "resume"), data: { v: 1, software } };
}

/** A run that cannot go on for a reason that is no step's, for example a lost bus. Too many failures follow by themselves. */
export function runFailed(state: State, message: string): RunEvent {
  return { type: "RunFailed", id: incidentId(state, "run-failure"), data: { v: 1, step: null, message } };
}
