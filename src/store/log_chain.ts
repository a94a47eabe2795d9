// What every log does alike before it writes: sequence check, duplicates, numbering and chaining of new records.
import { canonicalJson } from "../base/canonical.ts";
import { ConfigError, ReplayMismatchError, SequenceConflictError } from "../base/errors.ts";
import type { LogRecord, NewRecord } from "./event_log.ts";
import { emptyHead, encodeRecord } from "./log_codec.ts";

export interface PreparedAppend {
  records: readonly LogRecord[];
  /** Their lines, one behind the other. */
  bytes: Uint8Array;
}

export class LogChain {
  readonly run: string;
  sequence = 0;
  head = emptyHead;
  readonly #byId = new Map<string, LogRecord>();

  constructor(run: string, records: readonly LogRecord[]) {
    const owner = records.at(0)?.run ?? run;
    if (owner !== run) {
      throw new ConfigError(`Open this log as run "${owner}": its records are not of run "${run}"`);
    }
    this.run = run;
    this.adopt(records);
  }

  /** The records and lines to write; changes nothing. */
  prepare(newRecords: readonly NewRecord[], expectedSequence: number): PreparedAppend {
    if (expectedSequence !== this.sequence) throw new SequenceConflictError(expectedSequence, this.sequence);
    const added = new Map<string, LogRecord>();
    const lines: Uint8Array[] = [];
    let { run, sequence, head } = this;
    for (const newRecord of newRecords) {
      const known = this.#byId.get(newRecord.id) ?? added.get(newRecord.id);
      if (known !== undefined) {
        checkSame(known, newRecord, sequence + 1);
        continue;
      }
      const { line, record } = encodeRecord(newRecord, { run, sequence, head });
      lines.push(line);
      added.set(record.id, record);
      sequence = record.seq;
      head = record.hash;
    }
    return { records: [...added.values()], bytes: joined(lines) };
  }

  /** Takes over what was written. */
  adopt(records: readonly LogRecord[]): void {
    for (const record of records) {
      this.sequence = record.seq;
      this.head = record.hash;
      this.#byId.set(record.id, record);
    }
  }
}

function checkSame(known: LogRecord, again: NewRecord, sequence: number): void {
  if (known.type === again.type && canonicalJson(known.data) === canonicalJson(again.data)) return;
  throw new ReplayMismatchError(
    `Find out why the work was not repeatable: "${known.id}" is recorded as ${known.type}, ` +
      `and event ${sequence} would record it again as ${again.type} with other data`,
    { sequence: known.seq },
  );
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
