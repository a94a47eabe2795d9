// One side of the benchmark as a child process: a question a line, an answer a line. What it says on standard error is kept
// for the message when it breaks.
import { fileURLToPath } from "node:url";
import { configPath } from "../config_path.ts";
import { tierEnvironment } from "../tier_environment.ts";
import { FromSide, type SideTier, type ToSide } from "./bench_protocol.ts";

/** Somebody who does the work when asked. */
export interface Side {
  readonly pid: number;
  ask(question: ToSide): Promise<Exclude<FromSide, { type: "failed" }>>;
  /** Ends it, whatever it does. */
  close(): Promise<void>;
}

export interface SideProgram {
  /** How errors call it. */
  name: string;
  command: string;
  args: string[];
  environment: Record<string, string>;
}

export function ourProgram(tier: SideTier): SideProgram {
  const script = new URL("./our_side.ts", import.meta.url).href;
  return {
    name: "our side",
    command: Deno.execPath(),
    args: ["run", "--allow-all", "--no-prompt", "--quiet", `--config=${configPath}`, script],
    environment: tierEnvironment(tier),
  };
}

export function peerProgram(python: string, threads: number): SideProgram {
  const script = fileURLToPath(new URL("./peer.py", import.meta.url));
  // The same settings of glibc's allocator, which help it as much as ours.
  const allocator = Object.entries(tierEnvironment({ name: "native", threads }))
    .filter(([name]) => name.startsWith("MALLOC_"));
  return {
    name: "the peer",
    command: python,
    args: ["-B", script],
    environment: {
      ...Object.fromEntries(allocator),
      OMP_NUM_THREADS: String(threads),
      MKL_NUM_THREADS: String(threads),
    },
  };
}

/** Longest wait for one answer; a round of the longest work takes two minutes on two cores. */
const ANSWER_MS = 15 * 60_000;
const WORDS = 2000;

export function startSide({ name, command, args, environment }: SideProgram): Side {
  const child = new Deno.Command(command, {
    args,
    env: environment,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter(), lines = linesOf(child.stdout), words = lastWords(child.stderr);
  const answer = async (): Promise<FromSide> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${name} ended: ${await words}`);
      if (value.startsWith("{")) return FromSide.parse(JSON.parse(value));
    }
  };
  const end = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It is gone already.
    }
  };
  return {
    pid: child.pid,
    async ask(question) {
      await writer.write(new TextEncoder().encode(`${JSON.stringify(question)}\n`)).catch(() => {});
      const limit = setTimeout(end, ANSWER_MS);
      const given = await answer().finally(() => clearTimeout(limit));
      if (given.type === "failed") throw new Error(`${name}: ${given.message}`);
      return given;
    },
    async close() {
      end();
      await Promise.allSettled([writer.close(), lines.return(undefined), words, child.status]);
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** The end of what a process said on standard error. */
async function lastWords(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  try {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      text = (text + chunk).slice(-WORDS);
    }
  } catch {
    // What was read so far is what there is.
  }
  return text.trim().split("\n").slice(-4).join(" | ");
}
