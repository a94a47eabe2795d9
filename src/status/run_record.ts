// What the status needs of a log record, and the event in it. Records are those of the event log, in its order.
// The envelope (hash chain, versions) is checked by whoever reads the log.
import { readEvent, RunEvent } from "../../events/mod.ts";
import { SchemaError } from "../base/errors.ts";

export interface RunRecord {
  readonly run: string;
  readonly seq: number;
  readonly id: string;
  /** ISO time; shown, never computed with. */
  readonly at: string;
  readonly type: string;
  readonly data: unknown;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly hash: string;
}

/** Records never change, so each is parsed once however often a page is drawn. */
const parsed = new WeakMap<RunRecord, RunEvent>();

/** The event of a record, of any version up to today's and with defaults filled in; throws SchemaError where it is none. */
export function eventOf(record: RunRecord): RunEvent {
  const known = parsed.get(record);
  if (known !== undefined) return known;
  const reading = readEvent(record);
  if ("problem" in reading) {
    throw new SchemaError(`Event ${record.seq} of "${record.run}": ${reading.problem}`);
  }
  const event = RunEvent.parse(reading.value);
  parsed.set(record, event);
  return event;
}

/** Seconds of work that the record reports; 0 where it reports none. */
export function secondsOf(record: RunRecord): number {
  const seconds = record.meta["seconds"];
  return typeof seconds === "number" && Number.isFinite(seconds) ? seconds : 0;
}
