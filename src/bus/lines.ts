// Text lines over byte streams: a reader that survives lines without end, a writer that keeps lines whole.

/** What is longer is thrown away up to its end of line; our own messages stay far below. */
export const MAX_LINE_BYTES = 1 << 20;

const NEWLINE = 10;

/**
 * Calls `onLine` for each non-empty line until the stream ends, fails or the signal aborts; `onTooLong` gets the start
 * of a line that was thrown away. Waits for `onLine`, so a slow reader slows the writer down.
 */
export async function readLines(
  stream: ReadableStream<Uint8Array>,
  options: {
    onLine: (line: string) => void | Promise<void>;
    onTooLong: (start: string) => void;
    signal: AbortSignal;
  },
): Promise<void> {
  const reader = stream.getReader();
  const stop = () => void reader.cancel().catch(() => {});
  options.signal.addEventListener("abort", stop);
  const assembler = new LineAssembler(options.onTooLong);
  try {
    while (!options.signal.aborted) {
      const { done, value } = await reader.read();
      if (done) break;
      for (const line of assembler.add(value)) await options.onLine(line);
    }
  } catch {
    // A broken pipe is the end of its process; the caller sees the end of the lines.
  } finally {
    options.signal.removeEventListener("abort", stop);
    reader.releaseLock();
  }
}

class LineAssembler {
  readonly #onTooLong: (start: string) => void;
  readonly #decoder = new TextDecoder();
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #skipping = false;

  constructor(onTooLong: (start: string) => void) {
    this.#onTooLong = onTooLong;
  }

  add(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, end));
      from = end + 1;
      if (!this.#skipping && this.#bytes > 0) lines.push(this.#take());
      this.#parts = [];
      this.#bytes = 0;
      this.#skipping = false;
    }
    // A copy: the stream may reuse its buffer.
    this.#keep(chunk.slice(from));
    return lines;
  }

  #keep(part: Uint8Array): void {
    if (this.#skipping || part.length === 0) return;
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#bytes <= MAX_LINE_BYTES) return;
    this.#onTooLong(this.#take().slice(0, 1000));
    this.#parts = [];
    this.#skipping = true;
  }

  #take(): string {
    const line = new Uint8Array(this.#bytes);
    let at = 0;
    for (const part of this.#parts) {
      line.set(part, at);
      at += part.length;
    }
    return this.#decoder.decode(line);
  }
}

/** Writes whole lines in the order of the calls. After the first failure it is broken and drops what follows. */
export class LineWriter {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  #pending = 0;
  #broken = false;

  constructor(stream: WritableStream<Uint8Array>) {
    this.#writer = stream.getWriter();
    this.#writer.closed.catch(() => this.#broken = true);
  }

  /** Lines not yet taken by the other side. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Resolves when the stream has taken the line. The empty line before it ends whatever other code of the process may
   * have printed without a newline.
   */
  async write(line: string): Promise<void> {
    if (this.#broken) return;
    this.#pending++;
    try {
      await this.#writer.write(this.#encoder.encode(`\n${line}\n`));
    } catch {
      this.#broken = true;
    } finally {
      this.#pending--;
    }
  }

  async close(): Promise<void> {
    if (!this.#broken) await this.#writer.close().catch(() => {});
    this.#broken = true;
  }

  /** Lets go of a stream whose other side may hang. */
  abort(): void {
    this.#broken = true;
    this.#writer.abort().catch(() => {});
  }
}
