// The few file operations that a log needs, as a port, so that a test can let each of them fail.

export interface LogFile {
  /** The whole content. */
  read(): Uint8Array;
  /** Writes at a position and returns how many bytes it took: on a full disk fewer than given. */
  write(bytes: Uint8Array, position: number): number;
  truncate(length: number): void;
  /** Content and length are on disk when it returns. */
  sync(): void;
  close(): void;
}

/** The real one; creates the file if there is none. */
export function openLogFile(path: string): LogFile {
  const file = Deno.openSync(path, { create: true, read: true, write: true });
  return {
    read: () => Deno.readFileSync(path),
    write(bytes, position) {
      file.seekSync(position, Deno.SeekMode.Start);
      return file.writeSync(bytes);
    },
    truncate: (length) => file.truncateSync(length),
    sync: () => file.syncDataSync(),
    close: () => file.close(),
  };
}

/** Writes all bytes. A full disk shows first as a short write (883 of 1001 bytes were seen), only then as an error. */
export function writeAll(file: LogFile, bytes: Uint8Array, position: number): void {
  for (let written = 0; written < bytes.length;) {
    const count = file.write(bytes.subarray(written), position + written);
    if (count <= 0) throw new Error("the file takes no more bytes");
    written += count;
  }
}
