// Curves and heartbeats of a run, one JSON object a line. Lossy on purpose: never synced, never an error, decides nothing.
// What must not be lost is an event.
import { readBytes } from "./read_bytes.ts";
import { runFiles } from "./run_files.ts";

export interface TelemetryWriter {
  /** Never throws; what cannot be written is counted. */
  write(entry: object): void;
  /** Entries that were not written. */
  readonly dropped: number;
  close(): void;
}

export interface TelemetryScan {
  entries: Record<string, unknown>[];
  /** Lines that are no JSON objects: cut by a crash or a full disk. */
  skipped: number;
  /** Bytes up to the end of the last whole line: pass it on to read what came after. */
  end: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const newline = 10;

/** Appends to the telemetry of a run's folder, which must exist. */
export function openTelemetry(folder: string): TelemetryWriter {
  const path = runFiles(folder).telemetry;
  let file = tryOrUndefined(() => Deno.openSync(path, { create: true, append: true, read: true }));
  // The line before may have been cut off by a crash or a full disk: then the next one begins with a newline.
  let lineIsOpen = file !== undefined && tryOrUndefined(() => endsInLine(file)) !== false;
  let dropped = 0;
  return {
    get dropped() {
      return dropped;
    },
    write(entry) {
      const written = tryOrUndefined(() => {
        const bytes = encoder.encode(`${lineIsOpen ? "\n" : ""}${JSON.stringify(entry)}\n`);
        const count = file?.writeSync(bytes) ?? 0;
        if (count > 0) lineIsOpen = count < bytes.length;
        return count === bytes.length;
      });
      if (written !== true) dropped++;
    },
    close() {
      file?.close();
      file = undefined;
    },
  };
}

/** The entries from byte `from` on, or all when the file is shorter (it was deleted and begun again); none when there is no file. */
export function readTelemetry(folder: string, from = 0): TelemetryScan {
  const path = runFiles(folder).telemetry;
  let read = tryOrUndefined(() => readBytes(path, { from }));
  let start = from;
  if (read !== undefined && read.fileLength < from) {
    start = 0;
    read = tryOrUndefined(() => readBytes(path));
  }
  const bytes = read?.bytes ?? new Uint8Array();
  const length = bytes.lastIndexOf(newline) + 1;
  const lines = decoder.decode(bytes.subarray(0, length)).split("\n").filter((line) => line !== "");
  const entries = lines.map((line) => tryOrUndefined((): unknown => JSON.parse(line))).filter(isObject);
  return { entries, skipped: lines.length - entries.length, end: start + length };
}

function endsInLine(file: Deno.FsFile | undefined): boolean {
  if (file === undefined || file.statSync().size === 0) return false;
  file.seekSync(-1, Deno.SeekMode.End);
  const last = new Uint8Array(1);
  file.readSync(last);
  return last[0] !== newline;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Telemetry must not disturb a run: what fails counts as not written or not there. */
function tryOrUndefined<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch {
    return undefined;
  }
}
