// Recorded events of any age in today's form: old versions stay readable forever. Pure and total; the caller, who knows
// the file and the line, turns a problem into an error.
import { RUN_EVENTS, RunEvent } from "./run_events.ts";

/** Data of version v in the form of version v + 1. */
export type Upcaster = (data: Record<string, unknown>) => Record<string, unknown>;

/** Event type → version → how to make the next version of it. Entries are added, never removed. */
export type Upcasters = Readonly<Record<string, Readonly<Record<number, Upcaster>>>>;

export const UPCASTERS: Upcasters = {};

export type Reading<Value> = { value: Value } | { problem: string };

/**
 * The event of a record as it was recorded, or what is wrong with it. Config fields that a newer schema added with a
 * default stay absent: so commands, and with them their digests, stay as recorded; who obeys a command parses it and
 * gets the default.
 */
export function readEvent(record: { type: string; id: string; data: unknown }): Reading<RunEvent> {
  const newest = new Map<string, number>(
    Object.entries(RUN_EVENTS).map(([type, schema]) => [type, schema.shape.v.value]),
  ).get(record.type);
  if (newest === undefined) {
    return { problem: `Upgrade to read this log: events of type "${record.type}" are not known here` };
  }
  const data = upcast(record, newest);
  if ("problem" in data) return data;
  const event = { type: record.type, id: record.id, data: data.value };
  if (isRunEvent(event)) return { value: event };
  return { problem: `Restore the log from a copy: this is not a ${record.type} event: ${issuesOf(event)}` };
}

/** Data of any version up to `newest` in the form of `newest`. */
export function upcast(
  { type, data }: { type: string; data: unknown },
  newest: number,
  upcasters: Upcasters = UPCASTERS,
): Reading<Record<string, unknown>> {
  if (!isVersioned(data)) {
    return { problem: `Restore the log from a copy: a ${type} event without a version` };
  }
  if (data.v > newest) {
    return { problem: `Upgrade to read this log: ${type} is version ${data.v}, known up to ${newest}` };
  }
  let current: Record<string, unknown> = data;
  for (let version = data.v; version < newest; version++) {
    const step = upcasters[type]?.[version];
    if (step === undefined) {
      return { problem: `Read this log with the version that wrote it: ${type} ${version}` };
    }
    current = { ...step(current), v: version + 1 };
  }
  return { value: current };
}

function isVersioned(data: unknown): data is Record<string, unknown> & { v: number } {
  return typeof data === "object" && data !== null && !Array.isArray(data) && "v" in data &&
    typeof data.v === "number" && Number.isInteger(data.v) && data.v >= 1;
}

function isRunEvent(event: unknown): event is RunEvent {
  return RunEvent.safeParse(event).success;
}

function issuesOf(event: unknown): string {
  const issues = RunEvent.safeParse(event).error?.issues ?? [];
  return issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
}
