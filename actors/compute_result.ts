// What an actor answers to a command: the checked data of the event, or what went wrong as data.
import { type Command, EVENT_OF_COMMAND, Result, type ResultMeta } from "../events/mod.ts";
import { failurePlace } from "./failure_place.ts";

/** What StepFailed holds at most. */
const MESSAGE_CHARACTERS = 2000;

/** Success, if the data fit the event's schema; a failure otherwise. */
export function resultOf(command: Command, outcome: { data: unknown; meta: ResultMeta }): Result {
  const { type, id, attempt } = command;
  const parsed = Result.safeParse({ type: EVENT_OF_COMMAND[type], id, attempt, ...outcome });
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  return failureResult(
    command,
    new Error(`Mend the step "${type}", its result is invalid: ${issues.join("; ")}`),
  );
}

export function failureResult(command: Command, error: unknown): Result {
  const { id, attempt } = command;
  const reason = reasonOf(error), message = messageOf(error);
  return {
    type: "StepFailed",
    id,
    attempt,
    data: { v: 1, ...failurePlace(command), reason, message },
    meta: {},
  };
}

/** By name, because an error that comes from a Worker has lost its class. */
const REASONS = {
  ConfigError: "refused-input",
  SchemaError: "refused-input",
  NonFiniteError: "non-finite",
  DamageError: "artifact-damaged",
} as const;

function reasonOf(error: unknown) {
  const name = error instanceof Error ? error.name : "";
  return name in REASONS ? REASONS[name as keyof typeof REASONS] : "error";
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, MESSAGE_CHARACTERS);
}
