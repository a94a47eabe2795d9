// Small files of a folder, read and written whole through the ports of src/base/ports.ts.
import { SchemaError } from "../base/errors.ts";
import type { FolderFiles, FolderWriter, OpenFile } from "../base/ports.ts";

/** Undefined when there is no such file. */
export async function readWhole(files: FolderFiles, name: string): Promise<Uint8Array | undefined> {
  const file = await files.open(name);
  return file === undefined ? undefined : await wholeContent(file).finally(() => file.close());
}

/** Undefined when there is no such file; SchemaError names one that is not UTF-8. */
export async function readText(files: FolderFiles, name: string): Promise<string | undefined> {
  const bytes = await readWhole(files, name);
  return bytes === undefined ? undefined : decodeText(bytes, `${files.folder}/${name}`);
}

export async function writeWhole(
  writer: FolderWriter,
  name: string,
  content: Uint8Array | string,
): Promise<void> {
  const file = await writer.create(name);
  try {
    await file.write(typeof content === "string" ? new TextEncoder().encode(content) : content);
  } finally {
    file.close();
  }
}

/** All bytes of a file that stays open. */
export async function wholeContent(file: OpenFile): Promise<Uint8Array> {
  const bytes = new Uint8Array(file.size);
  await file.read(0, bytes);
  return bytes;
}

export function decodeText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SchemaError("Save the file as UTF-8: it holds bytes that are not", { file, cause });
  }
}
