// Shared by the store's tests: made-up records, a temporary folder, child processes that write and get killed.
import { fileURLToPath } from "node:url";
import { canonicalJson, sha256 } from "../../../src/base/canonical.ts";
import type { LogRecord, NewRecord } from "../../../src/store/event_log.ts";
import { openMemoryLog } from "../../../src/store/memory_log.ts";

export const commandsDigest = sha256("[]");

/** The i-th made-up record; texts hold what trips readers up: accents, a line separator, quotes, braces, a backslash. */
export function sampleRecord(i: number, run = "r"): NewRecord {
  return {
    id: `${run}/${i}/generate/0/0`,
    at: new Date(i * 1000).toISOString(),
    type: "ThingHappened",
    data: {
      v: 1,
      i,
      text: 'héé\n\u2028"}{\\' + "x".repeat(i % 50),
      "__proto__": null,
      nested: { b: [1.5, -2e-9], a: true },
    },
    meta: { seconds: i / 7 },
    commands: commandsDigest,
  };
}

export function sampleRecords(count: number, run = "r"): NewRecord[] {
  return Array.from({ length: count }, (_, i) => sampleRecord(i, run));
}

/** Recorded records of a run, by the memory log. */
export function recorded(count: number, run = "r"): readonly LogRecord[] {
  return openMemoryLog(run).log.append(sampleRecords(count, run), 0);
}

/** The line of a record spelled independently of the codec, without its newline. */
export function spelledLine(record: Omit<LogRecord, "hash">): string {
  const keys = ["v", "run", "seq", "id", "at", "type", "data", "meta", "commands", "prev"] as const;
  const body = `{${keys.map((key) => `"${key}":${canonicalJson(record[key])}`).join(",")}`;
  return `${body},"hash":"${sha256(body)}"}`;
}

export async function withFolder(body: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "store-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const child = fileURLToPath(new URL("./store_child.ts", import.meta.url));

/** Arguments for Deno to run the child script. */
export function childArguments(...args: string[]): string[] {
  return ["run", "--quiet", "--allow-read", "--allow-write", child, ...args];
}

/** Runs the child until it has printed `numLines` lines, kills it the hard way, and returns all whole lines it printed. */
export async function killAfterLines(numLines: number, ...args: string[]): Promise<string[]> {
  const process = new Deno.Command(Deno.execPath(), {
    args: childArguments(...args),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  let killed = false;
  for await (const part of process.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (killed || text.split("\n").length <= numLines) continue;
    killed = true;
    process.kill("SIGKILL");
  }
  await process.status;
  return text.split("\n").slice(0, -1);
}
