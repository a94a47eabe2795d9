// Lines of the log: record to bytes, and bytes to verified records. One spelling per record: envelope keys in the order
// {v, run, seq, id, at, type, data, meta, commands, prev, hash}, canonical JSON inside `data` and `meta`, UTF-8, "\n".
// `hash` = sha256 of the line's bytes before `,"hash":`, in every version of the format. Reads and repairs no file.
import { canonicalJson, sha256 } from "../base/canonical.ts";
import { DamageError, SchemaError } from "../base/errors.ts";
import { type LogRecord, logRecordSchema, type NewRecord } from "./event_log.ts";

/** `prev` of the first line. */
export const emptyHead = "0".repeat(64);
/** With its newline. Texts and tensors are artifacts, so a longer line is a mistake. */
export const maxLineBytes = 64 * 1024;

/** A place between two lines of a log. */
export interface LogPosition {
  /** Undefined before the first record, unless the caller knows it. */
  run?: string;
  sequence: number;
  head: string;
  /** Bytes up to here. */
  end: number;
  /** The last record was complete, but its newline was not there. */
  newlineMissing: boolean;
}

export interface LogScan {
  records: LogRecord[];
  /** Just after the last complete record: pass it to the next scan to read on from there. */
  position: LogPosition;
  /** Bytes of an incomplete last line. */
  tornBytes: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const newline = 10;
const bodyKeys = ["v", "run", "seq", "id", "at", "type", "data", "meta", "commands", "prev"] as const;
const tailLength = hashTail(emptyHead).length;

export function logStart(run?: string): LogPosition {
  return { run, sequence: 0, head: emptyHead, end: 0, newlineMissing: false };
}

/** The next line, with its newline, and the record as a reader will see it. Throws TypeError or RangeError on what could not be read back. */
export function encodeRecord(
  record: NewRecord,
  place: { run: string; sequence: number; head: string },
): { line: Uint8Array; record: LogRecord } {
  const { id, at, type, data, meta, commands } = record;
  const { run, sequence, head: prev } = place;
  const body = bodyText({ v: 1, run, seq: sequence + 1, id, at, type, data, meta, commands, prev });
  const text = body + hashTail(sha256(body));
  const line = encoder.encode(`${text}\n`);
  if (line.length > maxLineBytes) {
    throw new RangeError(
      `Put large values into artifacts: event "${id}" takes ${line.length} bytes, a line at most ${maxLineBytes}`,
    );
  }
  const parsed = logRecordSchema.safeParse(JSON.parse(text));
  if (!parsed.success) {
    throw new TypeError(`Append valid records only: event "${id}": ${problems(parsed.error)}`);
  }
  return { line, record: parsed.data };
}

/**
 * Verifies and parses the bytes of a log from `after` on (default: its start). Throws DamageError with the exact line on
 * anything but an incomplete last line, and SchemaError on a record of a newer version.
 */
export function scanLog(
  bytes: Uint8Array,
  file: string,
  { after = logStart() }: { after?: LogPosition } = {},
): LogScan {
  let position = after;
  let start = 0;
  const records: LogRecord[] = [];
  if (after.newlineMissing && bytes.length > 0) {
    if (bytes[0] !== newline) {
      throw damage(file, after.sequence, "there is something behind its last character");
    }
    start = 1;
  }
  for (let end = bytes.indexOf(newline, start); end >= 0; end = bytes.indexOf(newline, start)) {
    const record = decodeLine(bytes.subarray(start, end), file, position);
    records.push(record);
    position = positionAfter(record, after.end + end + 1);
    start = end + 1;
  }
  const last = bytes.subarray(start);
  const record = last.length === 0 ? undefined : decodeUnfinishedLine(last, file, position);
  if (record === undefined) return { records, position, tornBytes: last.length };
  records.push(record);
  position = { ...positionAfter(record, after.end + bytes.length), newlineMissing: true };
  return { records, position, tornBytes: 0 };
}

function positionAfter(record: LogRecord, end: number): LogPosition {
  return { run: record.run, sequence: record.seq, head: record.hash, end, newlineMissing: false };
}

/** `line` is without its newline. */
function decodeLine(line: Uint8Array, file: string, position: LogPosition): LogRecord {
  const number = position.sequence + 1;
  if (line.length >= maxLineBytes) throw damage(file, number, `it is longer than ${maxLineBytes} bytes`);
  const { text, value } = parseLine(line, file, number);
  const body = line.subarray(0, Math.max(0, line.length - tailLength));
  if (!text.endsWith(hashTail(sha256(body)))) {
    throw damage(file, number, "its content does not match its hash");
  }
  if (isNewer(value)) {
    throw new SchemaError("Upgrade to read this log: the line was written by a newer version", {
      file,
      line: number,
    });
  }
  const parsed = logRecordSchema.safeParse(value);
  if (!parsed.success) throw damage(file, number, `it is not a record: ${problems(parsed.error)}`);
  const record = parsed.data;
  if (spelling(record) !== text) throw damage(file, number, "it is not spelled canonically");
  checkChain(record, file, position);
  return record;
}

function parseLine(line: Uint8Array, file: string, number: number): { text: string; value: unknown } {
  try {
    const text = decoder.decode(line);
    return { text, value: JSON.parse(text) };
  } catch (cause) {
    throw damage(file, number, "it is not JSON", cause);
  }
}

function isNewer(value: unknown): boolean {
  return typeof value === "object" && value !== null && "v" in value && typeof value.v === "number" &&
    value.v > 1;
}

function checkChain(record: LogRecord, file: string, position: LogPosition): void {
  const number = position.sequence + 1;
  if (record.seq !== number) {
    throw damage(file, number, `lines are missing, doubled or exchanged: it carries seq ${record.seq}`);
  }
  if (record.prev !== position.head) throw damage(file, number, "it does not continue the line before it");
  if (position.run !== undefined && record.run !== position.run) {
    throw damage(file, number, `it belongs to run "${record.run}", not to "${position.run}"`);
  }
}

/** The record of a last line without its newline; undefined when the line was cut in the middle of being written. */
function decodeUnfinishedLine(line: Uint8Array, file: string, position: LogPosition): LogRecord | undefined {
  try {
    return decodeLine(line, file, position);
  } catch (error) {
    if (error instanceof DamageError && isCutLine(line, position)) return undefined;
    throw error;
  }
}

/**
 * Whether the bytes can be the beginning of the next line: they start as it must and do not reach its end.
 * So a last line whose newline, or more, was overwritten is damage and not a torn write.
 * Zeros at the end are room that a file system gave to a write before a power failure stopped it.
 */
function isCutLine(line: Uint8Array, { run, sequence }: LogPosition): boolean {
  const written = line.subarray(0, line.findLastIndex((byte) => byte !== 0) + 1);
  if (written.length >= maxLineBytes) return false;
  const wanted = encoder.encode(
    run === undefined ? '{"v":1,"run":"' : `{"v":1,"run":"${run}","seq":${sequence + 1},"id":"`,
  );
  return wanted.subarray(0, written.length).every((byte, i) => byte === written[i]) &&
    !closesItsObject(written);
}

function closesItsObject(line: Uint8Array): boolean {
  const quote = 34, backslash = 92, open = 123, close = 125;
  let depth = 0, inText = false;
  for (let i = 0; i < line.length; i++) {
    const byte = line[i];
    if (inText && byte === backslash) i++;
    else if (byte === quote) inText = !inText;
    else if (!inText && byte === open) depth++;
    else if (!inText && byte === close && --depth === 0) return true;
  }
  return false;
}

function bodyText(record: Omit<LogRecord, "hash">): string {
  return `{${bodyKeys.map((key) => `"${key}":${canonicalJson(record[key])}`).join(",")}`;
}

function hashTail(hash: string): string {
  return `,"hash":"${hash}"}`;
}

/** Undefined where the record is nested too deep to have been written. */
function spelling(record: LogRecord): string | undefined {
  try {
    return bodyText(record) + hashTail(record.hash);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function problems(error: { issues: { path: PropertyKey[]; message: string }[] }): string {
  return error.issues.map((issue) => [issue.path.join("."), issue.message].filter((part) => part).join(": "))
    .join("; ");
}

function damage(file: string, line: number, what: string, cause?: unknown): DamageError {
  return new DamageError(`Restore the log from a copy, this line was changed: ${what}`, {
    file,
    line,
    cause,
  });
}
