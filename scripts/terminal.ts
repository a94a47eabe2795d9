// Where people read: whole lines, and one line of progress that rewrites itself on a terminal and comes seldom elsewhere.
// A reader that has gone away is no error: what happened is in the log.

export interface Terminal {
  /** Columns; a fixed width where nobody looks. */
  readonly width: number;
  line(text: string): void;
  /** Replaces the present progress; an empty text ends it. */
  progress(text: string): void;
}

export interface TextStream {
  write(text: string): void;
  /** Columns of a real terminal; undefined for a file or a pipe. */
  columns(): number | undefined;
}

export interface TerminalOptions {
  /** Milliseconds since some start. */
  elapsedMs(): number;
  /** How often progress is told where lines cannot be rewritten. @default 10000 */
  seldomMs?: number;
}

const PLAIN_WIDTH = 120;
const CLEAR_LINE = "\r\x1b[2K";

export function openTerminal(stream: TextStream, options: TerminalOptions): Terminal {
  const seldomMs = options.seldomMs ?? 10_000;
  let shown = "", toldAtMs = options.elapsedMs();
  const rewrite = (text: string, columns: number) => {
    if (text === shown) return;
    shown = text;
    stream.write(`${CLEAR_LINE}${text.slice(0, columns - 1)}`);
  };
  return {
    get width() {
      return Math.min(stream.columns() ?? PLAIN_WIDTH, 160);
    },
    line(text) {
      const columns = stream.columns(), hidden = shown;
      if (columns !== undefined && hidden !== "") rewrite("", columns);
      stream.write(`${text}\n`);
      if (columns !== undefined && hidden !== "") rewrite(hidden, columns);
      toldAtMs = options.elapsedMs();
    },
    progress(text) {
      const columns = stream.columns();
      if (columns !== undefined) return rewrite(text, columns);
      if (text === "" || options.elapsedMs() - toldAtMs < seldomMs) return;
      stream.write(`${text}\n`);
      toldAtMs = options.elapsedMs();
    },
  };
}

/** Standard output or standard error of this process. */
export function processStream(output: typeof Deno.stdout | typeof Deno.stderr): TextStream {
  const encoder = new TextEncoder();
  let isGone = false;
  return {
    write(text) {
      const bytes = encoder.encode(text);
      try {
        for (let written = 0; written < bytes.length && !isGone;) {
          written += output.writeSync(bytes.subarray(written));
        }
      } catch {
        isGone = true;
      }
    },
    columns() {
      if (!output.isTerminal()) return undefined;
      try {
        return Deno.consoleSize().columns;
      } catch {
        return undefined;
      }
    },
  };
}
