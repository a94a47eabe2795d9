// The errors a person or a script can act on. A bug is a built-in error, not one of these.

/** Something the user can fix: a flag, a config field, a data file. Exit code 2. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** A file or message that does not have the promised form; names file and line where there is one. Exit code 2. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
  readonly file?: string;
  readonly line?: number;
  constructor(message: string, options: { file?: string; line?: number; cause?: unknown } = {}) {
    const place = options.file === undefined
      ? ""
      : options.line === undefined
      ? `${options.file}: `
      : `${options.file}:${options.line}: `;
    super(place + message, { cause: options.cause });
    this.file = options.file;
    this.line = options.line;
  }
}

/** A tensor argument with another shape than the function takes; names the argument, the wanted and the actual shape. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
}

/** The log has moved on since the caller read it. */
export class SequenceConflictError extends Error {
  override readonly name = "SequenceConflictError";
  readonly expected: number;
  readonly actual: number;
  constructor(expected: number, actual: number) {
    super(`Read the log again: it is at event ${actual}, the caller expected ${expected}`);
    this.expected = expected;
    this.actual = actual;
  }
}

/** A log or an artifact was changed, cut or removed; names the file and, for a log, the line. Exit code 4. */
export class DamageError extends Error {
  override readonly name = "DamageError";
  readonly file: string;
  readonly line?: number;
  constructor(message: string, options: { file: string; line?: number; cause?: unknown }) {
    super(`${options.file}${options.line === undefined ? "" : `:${options.line}`}: ${message}`, {
      cause: options.cause,
    });
    this.file = options.file;
    this.line = options.line;
  }
}

/** Today's code would have decided otherwise than the recorded run at this event. Exit code 4. */
export class ReplayMismatchError extends Error {
  override readonly name = "ReplayMismatchError";
  readonly sequence: number;
  constructor(message: string, options: { sequence: number; cause?: unknown }) {
    super(`Event ${options.sequence}: ${message}`, { cause: options.cause });
    this.sequence = options.sequence;
  }
}

/** Another process writes this run. Exit code 2. */
export class LockedError extends Error {
  override readonly name = "LockedError";
}

/** A durable write failed (full disk, lost folder); the writer is closed. Exit code 1. */
export class WriteError extends Error {
  override readonly name = "WriteError";
}

/** No recorded RunStarted: there is nothing to go on with. Exit code 3. */
export class NothingToResumeError extends Error {
  override readonly name = "NothingToResumeError";
}

/** The message bus cannot be reached or started. Exit code 5. */
export class BusError extends Error {
  override readonly name = "BusError";
}

/** A step met a number that is not finite; training stops there. */
export class NonFiniteError extends Error {
  override readonly name = "NonFiniteError";
}

/** The run failed and can be resumed. Exit code 1. */
export class RunFailedError extends Error {
  override readonly name = "RunFailedError";
}

/** The process exit code of an error (README "Exit codes"). */
export function exitCode(error: unknown): number {
  if (!(error instanceof Error)) return 1;
  switch (error.name) {
    case "ConfigError":
    case "SchemaError":
    case "LockedError":
      return 2;
    case "NothingToResumeError":
      return 3;
    case "DamageError":
    case "ReplayMismatchError":
      return 4;
    case "BusError":
      return 5;
    default:
      return 1;
  }
}
