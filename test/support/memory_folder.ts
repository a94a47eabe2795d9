// A folder in memory behind the ports of src/base/ports.ts, which counts what is read.
import { SchemaError } from "../../src/base/errors.ts";
import type { FolderFiles, FolderWriter } from "../../src/base/ports.ts";

export interface MemoryFolder extends FolderFiles, FolderWriter {
  files: Map<string, Uint8Array>;
  /** Files open now. */
  numOpen: number;
  bytesRead: number;
  /** Every piece of memory that something was read into. */
  readInto: Set<ArrayBufferLike>;
}

export function memoryFolder(files: Record<string, Uint8Array> = {}, folder = "folder"): MemoryFolder {
  const self: MemoryFolder = {
    folder,
    files: new Map(Object.entries(files)),
    numOpen: 0,
    bytesRead: 0,
    readInto: new Set(),
    open(name) {
      const bytes = self.files.get(name);
      if (bytes === undefined) return Promise.resolve(undefined);
      self.numOpen++;
      return Promise.resolve({
        size: bytes.length,
        read(offset, into) {
          if (offset + into.length > bytes.length) throw new SchemaError("is cut short", { file: name });
          into.set(bytes.subarray(offset, offset + into.length));
          self.bytesRead += into.length;
          self.readInto.add(into.buffer);
          return Promise.resolve();
        },
        close: () => void self.numOpen--,
      });
    },
    create(name) {
      const parts: Uint8Array[] = [];
      self.numOpen++;
      return Promise.resolve({
        write: (bytes) => Promise.resolve(void parts.push(bytes.slice())),
        close() {
          self.numOpen--;
          self.files.set(name, joined(parts));
        },
      });
    },
  };
  return self;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
