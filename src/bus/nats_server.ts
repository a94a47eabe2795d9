// A private nats-server for one run: loopback, a port and a token of its own, queues in memory.
// A POSIX shell guards it: restarts it when it dies, ends it when this process ends, however that happens, and removes
// its folder. A shell, not a second Deno process: 1 MB instead of 40, ready in milliseconds. Left out: Windows (no sh).
import { join } from "node:path";
import { BusError } from "../base/errors.ts";
import { delay } from "./wait.ts";

export interface NatsServerOptions {
  /** The nats-server program, 2.10 or newer. */
  binary: string;
  /** Where the server's own folder is created; it holds the token, so only this user can read it. */
  temporaryFolder: string;
  /** How long the server may take to listen. @default 10000 */
  readyMs?: number;
}

export interface NatsServer {
  readonly url: string;
  readonly token: string;
  /** Of the present nats-server process; undefined while it is being restarted. */
  readonly pid: number | undefined;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

/** "2.15.1" when the program is a nats-server, with `supported` telling whether it is new enough. */
export async function natsServerVersion(binary: string): Promise<{ version: string; supported: boolean }> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(binary, { args: ["--version"], stdin: "null" }).output();
  } catch (error) {
    throw new BusError(`Check the program "${binary}": it does not start`, { cause: error });
  }
  const match = /nats-server: v(\d+)\.(\d+)\.(\S+)/.exec(new TextDecoder().decode(output.stdout));
  if (match === null) throw new BusError(`Name a nats-server program: "${binary}" is none`);
  const [, major, minor, rest] = match;
  const supported = Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 10);
  return { version: `${major}.${minor}.${rest}`, supported };
}

export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  if (Deno.build.os === "windows") {
    throw new BusError("Choose another bus: a private NATS server needs a POSIX system");
  }
  const { version, supported } = await natsServerVersion(options.binary);
  if (!supported) throw new BusError(`Use nats-server 2.10 or newer: "${options.binary}" is ${version}`);
  const folder = await Deno.makeTempDir({ dir: options.temporaryFolder, prefix: "nats-server-" });
  const token = randomToken();
  await writeConfiguration(folder, { token, port: -1 });
  const guard = startGuard(folder, options.binary);
  try {
    const port = await waitForPort(folder, options.readyMs ?? 10_000);
    // A restarted server is to be found at the same place.
    await writeConfiguration(folder, { token, port });
    return {
      url: `nats://127.0.0.1:${port}`,
      token,
      get pid() {
        return readPid(folder);
      },
      stop: () => stopGuard(guard),
    };
  } catch (error) {
    await stopGuard(guard);
    throw error;
  }
}

const POLL_MS = 10;
const CONFIGURATION = "nats.conf", OUTPUT = "output.txt", PID = "server.pid";

/**
 * Its input is a pipe from us that carries nothing; when it ends, we are gone or want the server to stop. The server is
 * killed outright, because there is nothing to save.
 */
const GUARD = `
folder=$1
(
  trap '[ -z "$server" ] || kill -KILL "$server"; exit' TERM
  while :; do
    rm -f "$folder"/*.ports "$folder/${PID}"
    "$2" -c "$folder/${CONFIGURATION}" </dev/null >"$folder/${OUTPUT}" 2>&1 &
    server=$!
    wait "$server"
    server=
    sleep 0.2 || sleep 1
  done
) &
loop=$!
while read -r line; do :; done
kill -TERM "$loop"
wait "$loop"
rm -rf "$folder"
`;

function startGuard(folder: string, binary: string): Deno.ChildProcess {
  const guard = new Deno.Command("sh", {
    args: ["-c", GUARD, "nats-server-guard", folder, binary],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    // In a session of its own, so that Ctrl-C reaches the run and not the server that it still needs for its end.
    detached: true,
  }).spawn();
  guard.unref();
  return guard;
}

async function stopGuard(guard: Deno.ChildProcess): Promise<void> {
  guard.ref();
  await guard.stdin.close().catch(() => {});
  await guard.status;
}

/** The token goes by file, because every user of the machine can read the arguments of a process. */
async function writeConfiguration(folder: string, options: { token: string; port: number }): Promise<void> {
  const text = [
    "host: 127.0.0.1",
    `port: ${options.port}`,
    `authorization { token: "${options.token}" }`,
    `ports_file_dir: ${JSON.stringify(folder)}`,
    `pid_file: ${JSON.stringify(join(folder, PID))}`,
    `jetstream { store_dir: ${
      JSON.stringify(join(folder, "store"))
    }, max_memory_store: 256MB, max_file_store: 1MB }`,
  ].join("\n");
  // Renamed into place: a restarting server reads either the old or the new one.
  const draft = join(folder, `${CONFIGURATION}.new`);
  await Deno.writeTextFile(draft, text, { mode: 0o600 });
  await Deno.rename(draft, join(folder, CONFIGURATION));
}

async function waitForPort(folder: string, readyMs: number): Promise<number> {
  const never = new AbortController().signal;
  const giveUpAt = performance.now() + readyMs;
  while (performance.now() < giveUpAt) {
    const port = await readPort(folder);
    if (port !== undefined) return port;
    await delay(POLL_MS, never);
  }
  const output = await Deno.readTextFile(join(folder, OUTPUT)).catch(() => "");
  const last = output.trim().split("\n").at(-1) ?? "";
  throw new BusError(
    `Choose another bus: nats-server did not start within ${readyMs} ms; its last line was "${last}"`,
  );
}

/** The server writes `<name>_<pid>.ports` when it listens. */
async function readPort(folder: string): Promise<number | undefined> {
  for await (const entry of Deno.readDir(folder)) {
    if (!entry.name.endsWith(".ports")) continue;
    const text = await Deno.readTextFile(join(folder, entry.name)).catch(() => "");
    const match = /"nats:\/\/127\.0\.0\.1:(\d+)"/.exec(text);
    if (match !== null) return Number(match[1]);
  }
  return undefined;
}

function readPid(folder: string): number | undefined {
  try {
    const pid = Number.parseInt(Deno.readTextFileSync(join(folder, PID)));
    return Number.isNaN(pid) ? undefined : pid;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function randomToken(): string {
  return crypto.getRandomValues(new Uint8Array(24)).toHex();
}
