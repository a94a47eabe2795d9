// The port of a run's event log: an append-only chain of records with one writer. Implementations: file_log.ts, memory_log.ts.
// Type, data and meta are opaque plain JSON here; events/ gives them meaning.
import { z } from "zod";
import { runNamePattern } from "./run_name.ts";

/** Plain JSON with the event's own version. */
export interface RecordData {
  readonly v: number;
  readonly [key: string]: unknown;
}
export type RecordMeta = Readonly<Record<string, unknown>>;

const digest = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits");

/** One line of the log. `data` and `meta` are checked, not copied, so that what is read is exactly what was written. */
export const logRecordSchema = z.strictObject({
  v: z.literal(1),
  run: z.string().regex(runNamePattern),
  /** From 1, without gaps: also the number of the line. */
  seq: z.int().min(1),
  /** Deterministic name of the fact; a second record with the same id is a duplicate. */
  id: z.string().min(1).max(256),
  /** ISO time; no decision reads it. */
  at: z.iso.datetime(),
  type: z.string().min(1).max(128),
  data: z.custom<RecordData>(isRecordData, 'must be an object with a version "v"'),
  /** Measurements that differ between equal runs. */
  meta: z.custom<RecordMeta>(isObject, "must be an object"),
  /** sha256 of the commands outstanding after this event. */
  commands: digest,
  /** `hash` of the line before; 64 zeros on the first line. */
  prev: digest,
  hash: digest,
});
export type LogRecord = Readonly<z.infer<typeof logRecordSchema>>;
export type NewRecord = Omit<LogRecord, "v" | "run" | "seq" | "prev" | "hash">;

export interface EventLog {
  readonly run: string;
  /** `seq` of the last record; 0 when empty. */
  readonly sequence: number;
  /** `hash` of the last record; 64 zeros when empty. It names the whole history. */
  readonly head: string;
  /**
   * Appends in one write, durable on return, and returns what was appended, as a reader will see it.
   * A known id with equal type and data is left out; with others it throws ReplayMismatchError.
   * Throws SequenceConflictError when the log is not at `expectedSequence`; WriteError when the write fails: all
   * records of the call are taken back and the log is closed.
   * A crash in the middle can leave the first records of a call, whole. That is a valid state to go on from: only the
   * consequences of a record follow it in the same call, and the writer derives them again from the fold.
   */
  append(records: readonly NewRecord[], expectedSequence: number): readonly LogRecord[];
  close(): void;
}

/** A log that was opened for writing. */
export interface OpenedLog {
  log: EventLog;
  /** What it held when it was opened. */
  records: readonly LogRecord[];
  /** Bytes of an incomplete last line that were cut off. */
  repairedBytes: number;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isRecordData(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && "v" in value &&
    typeof value.v === "number" && Number.isInteger(value.v) && value.v >= 1;
}
