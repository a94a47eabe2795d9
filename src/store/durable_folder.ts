// Folders that survive a power failure: a new name is on disk only after its folder is synced.
import { dirname } from "node:path";
import { WriteError } from "../base/errors.ts";

/** Makes what was created, renamed or removed in the folder durable. */
export function syncFolder(folder: string): void {
  // Windows has no such call: a folder cannot be opened there, and its file system journals names itself.
  if (Deno.build.os === "windows") return;
  const file = Deno.openSync(folder, { read: true });
  try {
    file.syncSync();
  } finally {
    file.close();
  }
}

/** Creates the folder and what is missing above it, durably. */
export function createFolder(folder: string): void {
  try {
    Deno.mkdirSync(folder);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists && Deno.statSync(folder).isDirectory) return;
    if (!(error instanceof Deno.errors.NotFound) || dirname(folder) === folder) throw error;
    createFolder(dirname(folder));
    createFolder(folder);
    return;
  }
  syncFolder(dirname(folder));
}

/** The error to throw when the system refused a durable write. */
export function writeFailure(path: string, cause: unknown): WriteError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new WriteError(
    `Free the disk or make it writable, then resume: "${path}" was not written (${reason})`,
    {
      cause,
    },
  );
}
