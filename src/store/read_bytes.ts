// A part of a file as bytes, for readers that go on where they stopped.

export interface BytesRead {
  bytes: Uint8Array;
  /** Length of the whole file. */
  fileLength: number;
}

/** Bytes `from` … (at most `limit` of them); undefined when there is no such file. */
export function readBytes(
  path: string,
  { from = 0, limit = Infinity }: { from?: number; limit?: number } = {},
): BytesRead | undefined {
  using file = openForReading(path);
  if (file === undefined) return undefined;
  const fileLength = file.statSync().size;
  const bytes = new Uint8Array(Math.max(0, Math.min(fileLength - from, limit)));
  file.seekSync(from, Deno.SeekMode.Start);
  for (let read = 0; read < bytes.length;) {
    const count = file.readSync(bytes.subarray(read));
    // The file became shorter while it was read.
    if (count === null) return { bytes: bytes.subarray(0, read), fileLength };
    read += count;
  }
  return { bytes, fileLength };
}

function openForReading(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
