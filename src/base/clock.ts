// Time as an argument: what needs a clock is handed one; no decision of a run reads it.

export interface Clock {
  /** ISO 8601 time of day, for the log's `at`. */
  iso(): string;
  /** Milliseconds since an arbitrary start; never runs backwards. */
  elapsedMs(): number;
}
