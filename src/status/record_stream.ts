// A run's records as server-sent events: first what the client has not seen, then what comes, with `seq` as event id.
import type { Context } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import { logProblem } from "./problem.ts";
import type { RunSource } from "./run_source.ts";

export interface RecordStreamOptions {
  source: RunSource;
  name: string;
  /** `seq` of the last record that the client has. */
  after: number;
  /** A comment is sent after so long without a record, so that a dead connection is noticed. */
  heartbeatMs: number;
  /** Ends the stream when the server stops. */
  signal: AbortSignal;
  onError(error: unknown): void;
  onEnd(): void;
}

export function streamRecords(c: Context, options: RecordStreamOptions): Response {
  return streamSSE(c, async (stream) => {
    try {
      await sendRecords(stream, options);
    } catch (error) {
      // Caught here and not by streamSSE, which would send the error's own message, path and all, to the client.
      options.onError(error);
      const title = logProblem(error)?.title ?? "The stream failed";
      await stream.writeSSE({ event: "problem", data: JSON.stringify({ title }) });
    } finally {
      options.onEnd();
    }
  });
}

async function sendRecords(stream: SSEStreamingApi, options: RecordStreamOptions): Promise<void> {
  const { source, name, signal } = options;
  const news = new Signal(), wake = () => news.set();
  const unfollow = source.follow(name, wake);
  stream.onAbort(wake);
  signal.addEventListener("abort", wake);
  const isOver = () => stream.aborted || signal.aborted;
  try {
    let sent = options.after;
    while (!isOver()) {
      const records = await source.records(name) ?? [];
      for (const record of records.slice(sent)) {
        if (isOver()) return;
        await stream.writeSSE({ id: String(record.seq), data: JSON.stringify(record) });
        sent = record.seq;
      }
      if (!await news.within(options.heartbeatMs)) await stream.write(": still here\n\n");
    }
  } finally {
    signal.removeEventListener("abort", wake);
    unfollow();
  }
}

/** Remembers that something happened until somebody has waited for it. */
class Signal {
  #isSet = false;
  #wake: () => void = () => {};

  set(): void {
    this.#isSet = true;
    this.#wake();
  }

  /** Whether it was set, now or within the time. */
  async within(timeoutMs: number): Promise<boolean> {
    if (!this.#isSet) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const wasSet = this.#isSet;
    this.#isSet = false;
    return wasSet;
  }
}
