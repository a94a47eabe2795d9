// `deno task status`: the HTTP server over a folder of runs. `irl` starts the same server for its own run.
// It follows logs by looking at their files, so it needs no connection to who writes them.
import { join, resolve } from "node:path";
import { z } from "zod";
import { STEP_ORDER } from "../events/mod.ts";
import { ConfigError, DamageError } from "../src/base/errors.ts";
import { type Access, isLoopback } from "../src/status/access.ts";
import { createStatusApp } from "../src/status/app.ts";
import type { RunSource } from "../src/status/run_source.ts";
import type { LogRecord } from "../src/store/event_log.ts";
import { hasWriter, readFileLog } from "../src/store/file_log.ts";
import { type LogPosition, logStart } from "../src/store/log_codec.ts";
import { outcomeDigest } from "../src/store/outcome_digest.ts";
import { runFiles } from "../src/store/run_files.ts";
import { runNamePattern } from "../src/store/run_name.ts";
import { type CommandLine, value, wholeNumber } from "./command_line.ts";
import { resumeCommand } from "./next_steps.ts";
import { errorText, runCommand } from "./run_command.ts";

export interface StatusServerOptions {
  /** Folder that holds the runs' folders. */
  runsFolder: string;
  /** Shows this run alone. @default every run of the folder */
  only?: string;
  /** @default "127.0.0.1" */
  host?: string;
  /** @default a free one */
  port?: number;
  /** Needed unless the host is this machine. */
  token?: string;
  /** How often a followed log is looked at. @default 300 */
  pollMs?: number;
  /** Hears what went wrong inside. @default nobody */
  onError?(error: unknown): void;
}

export interface StatusServer {
  /** To be opened in a browser; holds the token where there is one. */
  address: string;
  port: number;
  /** Tells at once that a run's log has grown; without it the server finds out by itself. */
  changed(run: string): void;
  /** Ends open streams and frees the port. */
  stop(): Promise<void>;
}

/** Throws ConfigError when the address cannot be used, or would be open to a network without a token. */
export function startStatusServer(options: StatusServerOptions): StatusServer {
  const { host = "127.0.0.1", port = 0, token } = options;
  const source = new FolderSource(options);
  const stopping = new AbortController(), killing = new AbortController();
  const app = createStatusApp({
    source,
    access: accessOf(host, token),
    outcome: (records) => outcomeDigest(records, STEP_ORDER),
    onError: options.onError ?? (() => {}),
    signal: stopping.signal,
  });
  const server = listen({ host, port }, killing.signal, app.fetch);
  const address = `http://${
    host.includes(":") ? `[${host.replace(/^\[|\]$/g, "")}]` : host
  }:${server.addr.port}/`;
  return {
    address: token === undefined ? address : `${address}?token=${encodeURIComponent(token)}`,
    port: server.addr.port,
    changed: (run) => source.changed(run),
    async stop() {
      stopping.abort();
      // Who reads too slowly to take the end of a stream does not hold up the end of the program.
      const patience = setTimeout(() => killing.abort(), 1000);
      await server.shutdown();
      clearTimeout(patience);
    },
  };
}

function accessOf(host: string, token: string | undefined): Access {
  if (token === "") throw new ConfigError("Give --token a text: it is empty");
  if (token !== undefined) return { kind: "token", token };
  if (isLoopback(host)) return { kind: "loopback" };
  throw new ConfigError(
    `Give --token to serve at "${host}": without a token only this machine's own address, 127.0.0.1, is served`,
  );
}

function listen(
  { host, port }: { host: string; port: number },
  signal: AbortSignal,
  handler: (request: Request) => Response | Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname: host.replace(/^\[|\]$/g, ""), port, signal, onListen: () => {} }, handler);
  } catch (cause) {
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new ConfigError(`Choose another --port, or leave it out: ${port} at "${host}" is taken`, {
        cause,
      });
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(
      `Choose another --host or --port: "${host}", ${port} cannot be served (${reason})`,
      {
        cause,
      },
    );
  }
}

interface KnownLog {
  /** Length and time of the last change, as last seen. */
  stamp: string;
  position: LogPosition;
  records: LogRecord[];
}

/** Runs as folders of a folder. Logs are read on from where they were read last. */
class FolderSource implements RunSource {
  readonly #folder: string;
  readonly #only: string | undefined;
  readonly #pollMs: number;
  readonly #logs = new Map<string, KnownLog>();
  readonly #followers = new Map<string, Set<() => void>>();

  constructor({ runsFolder, only, pollMs }: StatusServerOptions) {
    this.#folder = runsFolder;
    this.#only = only;
    this.#pollMs = pollMs ?? 300;
  }

  names(): Promise<string[]> {
    if (this.#only !== undefined) return Promise.resolve([this.#only]);
    return namesIn(this.#folder);
  }

  // deno-lint-ignore require-await -- errors become rejections
  async records(name: string): Promise<readonly LogRecord[] | undefined> {
    const folder = this.#folderOf(name);
    if (folder === undefined) return undefined;
    const stamp = stampOf(folder), known = this.#logs.get(name);
    if (known?.stamp === stamp) return known.records;
    const log = readOn(folder, known);
    this.#logs.set(name, { ...log, stamp });
    return log.records;
  }

  hasWriter(name: string): Promise<boolean> {
    const folder = this.#folderOf(name);
    return Promise.resolve(folder !== undefined && hasWriter(folder));
  }

  resumeCommand(name: string): string {
    return resumeCommand(resolve(this.#folder) === resolve("runs") ? name : join(this.#folder, name));
  }

  follow(name: string, onChange: () => void): () => void {
    const folder = this.#folderOf(name), followers = this.#followers.get(name) ?? new Set();
    this.#followers.set(name, followers.add(onChange));
    let stamp = folder === undefined ? "" : stampOf(folder);
    const timer = setInterval(() => {
      const now = folder === undefined ? "" : stampOf(folder);
      if (now !== stamp) onChange();
      stamp = now;
    }, this.#pollMs);
    return () => {
      clearInterval(timer);
      followers.delete(onChange);
    };
  }

  changed(name: string): void {
    for (const onChange of this.#followers.get(name) ?? []) onChange();
  }

  #folderOf(name: string): string | undefined {
    if (!runNamePattern.test(name) || (this.#only !== undefined && name !== this.#only)) return undefined;
    const folder = join(this.#folder, name);
    return isFolder(folder) ? folder : undefined;
  }
}

/** The log's records from where they are known to. A log that was exchanged for another one is read from its start. */
function readOn(
  folder: string,
  known: KnownLog | undefined,
): { records: LogRecord[]; position: LogPosition } {
  try {
    const { records, position } = readFileLog(folder, known?.position ?? logStart());
    return { records: [...known?.records ?? [], ...records], position };
  } catch (error) {
    if (!(error instanceof DamageError) || known === undefined) throw error;
    return readFileLog(folder);
  }
}

async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (runNamePattern.test(entry.name) && isFolder(join(folder, entry.name))) names.push(entry.name);
    }
  } catch (error) {
    // The folder comes with the first run.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

function stampOf(folder: string): string {
  try {
    const { size, mtime } = Deno.statSync(runFiles(folder).log);
    return `${size} ${mtime?.getTime()}`;
  } catch {
    return "";
  }
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

export const statusTable = {
  name: "deno task status",
  summary: "Serves the page, the JSON and the event streams of every run. Read-only; ends with Ctrl-C.",
  options: z.strictObject({
    port: wholeNumber("port to serve at (default: a free one)", { max: 65535 }),
    host: value("HOST", "address to serve at (default: 127.0.0.1); any but this machine's own needs --token"),
    token: value(
      "TEXT",
      'what a client shows: "Authorization: Bearer TEXT", or once /?token=TEXT in a browser',
    ),
    "runs-dir": value("DIR", "folder of the runs (default: runs)"),
  }),
  examples: ["deno task status --port 8080"],
};

async function serveUntilStopped(
  { options }: CommandLine<z.output<typeof statusTable.options>>,
): Promise<number> {
  const { "runs-dir": folder, ...where } = options;
  // Tasks run in the project's folder; paths mean where the user stands.
  const runsFolder = folder === undefined ? resolve("runs") : resolve(Deno.env.get("INIT_CWD") ?? "", folder);
  const server = startStatusServer({
    runsFolder,
    ...where,
    onError: (error) => console.error(errorText(error)),
  });
  console.log(`Runs of "${runsFolder}" at ${server.address}`);
  await new Promise<void>((done) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, done);
  });
  await server.stop();
  return 0;
}

if (import.meta.main) await runCommand(statusTable, serveUntilStopped);
