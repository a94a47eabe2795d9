// The bus of a run: what was asked for, what NATS_URL names, a private nats-server where one is found or may be fetched,
// else the pipes of the child processes. Opens it, and says in one line which it is and why.
import { tmpdir } from "node:os";
import { BusError, ConfigError } from "../src/base/errors.ts";
import { openNatsLink } from "../src/bus/nats_link.ts";
import { startNatsServer } from "../src/bus/nats_server.ts";
import { fetchNatsServer, findNatsServer } from "./fetch/nats_server.ts";
import { type OnLine, openNatsRunBus, openPipeRunBus, type RunBus } from "./run_bus.ts";
import { cacheFolder, type Environment } from "./user_environment.ts";

const FIRST_PATIENCE_MS = 5000;
export const BUS_NAMES = ["auto", "nats", "pipe", "memory"] as const;
export type BusName = typeof BUS_NAMES[number];

export interface BusWishes {
  requested: Exclude<BusName, "memory">;
  run: string;
  /** Whether the run begins, rather than goes on: what an earlier one of its name left on a server is not its own. */
  fresh: boolean;
  /** Whether a server may be fetched into the user's cache. */
  mayFetch: boolean;
  environment: Environment;
  log(line: string): void;
}

export interface ChosenBus {
  bus: RunBus;
  reason: string;
}

/** Whether all actors live in this process, over the memory bus. Throws ConfigError where the wishes contradict each other. */
export function isInProcess(requested: BusName, inProcess: boolean): boolean {
  if (inProcess && requested !== "auto" && requested !== "memory") {
    throw new ConfigError(
      `Leave out --bus ${requested} or --in-process: inside one process the bus is memory`,
    );
  }
  return inProcess || requested === "memory";
}

/** Throws BusError when NATS was asked for and cannot be had. */
export async function openRunBus(wishes: BusWishes, onLine: OnLine): Promise<ChosenBus> {
  const { requested, run, fresh, environment } = wishes;
  if (requested === "pipe") return { bus: openPipeRunBus(onLine), reason: "pipe: as asked" };
  const url = environment.NATS_URL;
  if (url !== undefined && url !== "") {
    const token = environment.NATS_TOKEN;
    await checkReachable(url, token);
    const bus = await openNatsRunBus({ run, fresh, url, token }, onLine);
    return { bus, reason: "nats: the server of NATS_URL" };
  }
  try {
    const found = await serverProgram(wishes);
    const server = await startNatsServer({
      binary: found.path,
      temporaryFolder: tmpdir(),
    });
    const bus = await openNatsRunBus({ run, fresh, url: server.url, token: server.token, server }, onLine);
    return { bus, reason: `nats: a private server at ${server.url}, nats-server ${found.source}` };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (requested === "nats") {
      throw new BusError(`Choose --bus pipe, or make nats-server available: ${why}`, { cause: error });
    }
    return { bus: openPipeRunBus(onLine), reason: `pipe: ${why}` };
  }
}

/** A run goes on without its server for a while; one that was never there is said at once. */
async function checkReachable(url: string, token: string | undefined): Promise<void> {
  const link = await openNatsLink({ url, token, name: "irl", patienceMs: FIRST_PATIENCE_MS });
  await link.close();
}

async function serverProgram(
  { environment, mayFetch, log }: BusWishes,
): Promise<{ path: string; source: string }> {
  const cache = cacheFolder(environment);
  const found = await findNatsServer(environment, cache);
  if (found !== undefined) {
    const place = found.from === "cache" ? "from the cache" : `of ${found.from}`;
    return { path: found.path, source: `${found.version} ${place}` };
  }
  if (!mayFetch) {
    throw new ConfigError("there is no nats-server on PATH or in the cache, deno task setup fetches one");
  }
  return { path: await fetchNatsServer(cache, log), source: "just fetched" };
}
