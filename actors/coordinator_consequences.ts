// Events that follow from what is known and need no work: completions, retries, the end after too many failures.
// The shell appends them in the same write as their cause; replay requires that they stand there.
import { canonicalJson } from "../src/base/canonical.ts";
import { type Command, eventId, type RunEvent } from "../events/mod.ts";
import { openCommands } from "./coordinator_commands.ts";
import { type Context, known, nextIncidentId, type Trouble } from "./coordinator_context.ts";
import { failurePlace } from "./failure_place.ts";

export type PendingEvent = Extract<
  RunEvent,
  { type: "IterationCompleted" | "RunCompleted" | "StepRetried" | "RunFailed" }
>;

export function iterationCompleted(context: Context): PendingEvent {
  const { run, iteration } = context;
  return {
    type: "IterationCompleted",
    id: eventId(run, { iteration, step: "complete", shard: 0, chunk: 0 }),
    data: { v: 1, iteration, ...products(context) },
  };
}

export function runCompleted(context: Context): PendingEvent {
  const { run, iteration } = context;
  return {
    type: "RunCompleted",
    id: eventId(run, { iteration, step: "end", shard: 0, chunk: 0 }),
    data: { v: 1, iterations: iteration, ...products(context) },
  };
}

/** What must follow failures: RunFailed once a command has failed too often, else another attempt of each. */
export function afterFailures(context: Context): PendingEvent[] {
  const failed = openCommands(context).flatMap((command) => {
    const trouble = context.work?.troubles[command.id];
    return trouble !== undefined && trouble.cause !== null ? [{ command, trouble }] : [];
  });
  const maxAttempts = context.started?.config.supervision.maxAttempts ?? 1;
  const hopeless = failed.find(({ trouble }) => trouble.failures >= maxAttempts);
  if (hopeless !== undefined) return [runFailed(context, hopeless)];
  return failed.map(({ command }, index) => stepRetried(context, command, index));
}

/** Whether an event is exactly the pending one. */
export function isPending(pending: PendingEvent, event: RunEvent): boolean {
  return pending.type === event.type && pending.id === event.id &&
    canonicalJson(pending.data) === canonicalJson(event.data);
}

function runFailed(
  context: Context,
  { command, trouble }: { command: Command; trouble: Trouble },
): PendingEvent {
  return {
    type: "RunFailed",
    id: nextIncidentId(context, "run-failure"),
    data: { v: 1, step: failurePlace(command).step, message: known(trouble.cause, "cause") },
  };
}

/** `index`: how many other retries stand before this one. */
function stepRetried(context: Context, command: Command, index: number): PendingEvent {
  return {
    type: "StepRetried",
    id: nextIncidentId(context, "retry", index),
    data: { v: 1, ...failurePlace(command), attempt: command.attempt + 1 },
  };
}

function products(context: Context) {
  return { policy: known(context.policy, "policy"), reward: context.reward?.reward ?? null };
}
