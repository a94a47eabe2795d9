// A folder on disk as the port that readers and writers of checkpoints take: files opened at any place, files written whole.
import { join } from "node:path";
import { SchemaError } from "../base/errors.ts";
import type { FolderFiles, FolderWriter, OpenFile } from "../base/ports.ts";

/** Bytes handed to the system in one call. */
const CALL_BYTES = 1 << 26;

export function folderFiles(folder: string): FolderFiles {
  return { folder, open: (name) => openFile(join(folder, name)) };
}

/** Writes into an existing folder. */
export function folderWriter(folder: string): FolderWriter {
  return {
    async create(name) {
      const file = await Deno.open(join(folder, name), { write: true, create: true, truncate: true });
      return {
        async write(bytes) {
          for (let done = 0; done < bytes.length;) {
            done += await file.write(bytes.subarray(done, done + CALL_BYTES));
          }
        },
        close: () => file.close(),
      };
    },
  };
}

async function openFile(path: string): Promise<OpenFile | undefined> {
  const file = await openForReading(path);
  if (file === undefined) return undefined;
  const { size } = await file.stat();
  return {
    size,
    async read(offset, into) {
      await file.seek(offset, Deno.SeekMode.Start);
      for (let done = 0; done < into.length;) {
        const count = await file.read(into.subarray(done, done + CALL_BYTES));
        if (count === null) {
          throw new SchemaError(`Fetch the file again: it is cut short at byte ${offset + done}`, {
            file: path,
          });
        }
        done += count;
      }
    },
    close: () => file.close(),
  };
}

async function openForReading(path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}
