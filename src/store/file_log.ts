// The event log of a run as one file: a single writer under an OS lock, fdatasync before append returns.
// Opening for writing repairs an incomplete last line and nothing else; reading takes no lock and repairs nothing.
import { DamageError, LockedError, WriteError } from "../base/errors.ts";
import { createFolder, syncFolder, writeFailure } from "./durable_folder.ts";
import type { EventLog, LogRecord, NewRecord, OpenedLog } from "./event_log.ts";
import { LogChain } from "./log_chain.ts";
import { type LogPosition, type LogScan, logStart, scanLog } from "./log_codec.ts";
import { type LogFile, openLogFile, writeAll } from "./log_file.ts";
import { readBytes } from "./read_bytes.ts";
import { runFiles } from "./run_files.ts";
import { checkRunName } from "./run_name.ts";

export interface FileLogOptions {
  /** @default openLogFile */
  openFile?: (path: string) => LogFile;
  /** Waits a little. @default 20 ms */
  pause?: () => void;
}

/** Opens the log for writing; creates the run's folder when there is none. Throws LockedError when another process writes it. */
export function openFileLog(folder: string, run: string, options: FileLogOptions = {}): OpenedLog {
  checkRunName(run);
  const path = runFiles(folder).log;
  const lock = lockRun(folder, run, options.pause ?? pauseShortly);
  try {
    const file = tryWriting(path, () => (options.openFile ?? openLogFile)(path));
    try {
      const scan = scanLog(file.read(), path);
      const chain = new LogChain(run, scan.records);
      const end = tryWriting(path, () => repair(file, scan));
      tryWriting(folder, () => syncFolder(folder));
      const log = new FileLog({ path, file, lock, end, chain });
      return { log, records: scan.records, repairedBytes: scan.tornBytes };
    } catch (error) {
      file.close();
      throw error;
    }
  } catch (error) {
    lock.close();
    throw error;
  }
}

/**
 * Verified records of a run's log, from `after` on; none when there is no log yet. An incomplete last line is reported
 * and ignored. While a writer is at work these can be records whose write it takes back later, on a full disk.
 */
export function readFileLog(folder: string, after: LogPosition = logStart()): LogScan {
  const path = runFiles(folder).log;
  const { bytes, fileLength } = readBytes(path, { from: after.end }) ??
    { bytes: new Uint8Array(), fileLength: 0 };
  if (fileLength < after.end) {
    throw new DamageError("Read the log again from its start: it became shorter", {
      file: path,
      line: after.sequence,
    });
  }
  return scanLog(bytes, path, { after });
}

/**
 * Whether a process writes the run now; it does not have to be one that works. Where that cannot be seen it is true, so that no run
 * is taken for an abandoned one by mistake.
 */
export function hasWriter(folder: string): boolean {
  try {
    using file = Deno.openSync(runFiles(folder).lock, { read: true });
    return !file.tryLockSync(false);
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

interface FileLogParts {
  path: string;
  file: LogFile;
  lock: { close(): void };
  /** Bytes up to the end of the last record. */
  end: number;
  chain: LogChain;
}

class FileLog implements EventLog {
  readonly #parts: FileLogParts;
  #open = true;

  constructor(parts: FileLogParts) {
    this.#parts = parts;
  }

  get run(): string {
    return this.#parts.chain.run;
  }
  get sequence(): number {
    return this.#parts.chain.sequence;
  }
  get head(): string {
    return this.#parts.chain.head;
  }

  append(newRecords: readonly NewRecord[], expectedSequence: number): readonly LogRecord[] {
    const { file, chain, path, end } = this.#parts;
    if (!this.#open) throw new WriteError(`Open run "${this.run}" again: its log is closed`);
    const { records, bytes } = chain.prepare(newRecords, expectedSequence);
    if (records.length === 0) return records;
    try {
      writeAll(file, bytes, end);
      file.sync();
    } catch (cause) {
      this.#takeBack();
      throw writeFailure(path, cause);
    }
    chain.adopt(records);
    this.#parts.end += bytes.length;
    return records;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#parts.file.close();
    this.#parts.lock.close();
  }

  /** After a failed write nobody knows what is on disk: cut back to the last acknowledged record, and write no more. */
  #takeBack(): void {
    const { file, end } = this.#parts;
    try {
      file.truncate(end);
      file.sync();
    } catch {
      // The failed write is reported already. What it left is repaired at the next opening, or, where whole records
      // got through, kept: they were facts, only nobody was told.
    } finally {
      this.close();
    }
  }
}

/** Brings the file to the end of a whole line; returns its length. */
function repair(file: LogFile, { position, tornBytes }: LogScan): number {
  if (tornBytes > 0) file.truncate(position.end);
  if (position.newlineMissing) writeAll(file, Uint8Array.of(10), position.end);
  if (tornBytes > 0 || position.newlineMissing) file.sync();
  return position.newlineMissing ? position.end + 1 : position.end;
}

/** Who only looks whether there is a writer holds the lock for a moment: that is waited out. */
const NUM_LOCK_ATTEMPTS = 5;

/** The lock belongs to the open file, so it ends with the process, however that ends. The file itself stays. */
function lockRun(folder: string, run: string, pause: () => void): Deno.FsFile {
  const path = runFiles(folder).lock;
  const file = tryWriting(path, () => {
    createFolder(folder);
    return Deno.openSync(path, { create: true, write: true });
  });
  for (let attempt = 1; attempt <= NUM_LOCK_ATTEMPTS; attempt++) {
    if (file.tryLockSync(true)) return file;
    if (attempt < NUM_LOCK_ATTEMPTS) pause();
  }
  file.close();
  throw new LockedError(
    `Stop the process that writes run "${run}", or wait until it ends: it holds the lock "${path}"`,
  );
}

function pauseShortly(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
}

function tryWriting<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    throw writeFailure(path, cause);
  }
}
