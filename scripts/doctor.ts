// `deno task doctor`: what a run would find on this machine, and what is missing. Changes nothing but a file of its own.
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { chooseTier } from "../src/compute/choose_tier.ts";
import type { TierOptions } from "../src/compute/tier.ts";
import type { FoundAdapter } from "../src/compute/webgpu_adapter.ts";
import { plainLine } from "../src/status/plain_text.ts";
import { defaultThreads, tierText } from "./choose_compute.ts";
import { type CommandTable, flag, value } from "./command_line.ts";
import { findNatsServer } from "./fetch/nats_server.ts";
import { findTensorflow, whyNoTensorflow } from "./fetch/tensorflow.ts";
import { findAdapter, listNvidiaGpus, type NvidiaGpu } from "./find_gpus.ts";
import { type ProbedTier, probeTier } from "./probe_tier.ts";
import { runCommand } from "./run_command.ts";
import { SOFTWARE_VERSION } from "./software_version.ts";
import { cacheFolder, type Environment, runsFolder } from "./user_environment.ts";

const options = z.strictObject({
  json: flag("one JSON object on standard output"),
  "runs-dir": value("DIR", "folder of the runs (default: runs)"),
});

export const doctorTable: CommandTable<typeof options.shape> = {
  name: "deno task doctor",
  summary: "Looks at this machine as a run would: compute tiers, bus, pip, disk.",
  options,
};

/** What was looked at → what was found. */
export type Findings = Record<string, string>;

export async function examine(environment: Environment, runs: string): Promise<Findings> {
  const cache = cacheFolder(environment);
  const library = await attempt(() => findTensorflow(environment, cache));
  const native = "problem" in library
    ? library.problem
    : library.value === undefined
    ? whyNoTensorflow() ?? "no libtensorflow in the cache (deno task setup fetches one)"
    : await tierState({
      name: "native",
      threads: defaultThreads("native"),
      libraryDirectory: library.value.directory,
    });
  const found = "value" in library ? library.value : undefined;
  const gpus = await listNvidiaGpus(), adapter = await findAdapter();
  const choice = chooseTier({
    requested: "auto",
    nativeLibrary: found ?? { missing: native },
    nvidiaGpus: gpus.map(({ name }) => name),
    adapter,
  });
  const server = await attempt(() => findNatsServer(environment, cache));
  return {
    software: SOFTWARE_VERSION,
    deno: `${Deno.version.deno}, ${Deno.build.os} ${Deno.build.arch}`,
    cores: String(availableParallelism()),
    native,
    wasm: await tierState({ name: "wasm", threads: defaultThreads("wasm") }),
    webgpu: await webgpuState(adapter),
    gpu: gpuState(gpus),
    tier: choice.reason,
    advice: advice({ hasLibrary: found !== undefined, usesGpu: found?.mayUseGpu ?? false, gpus }),
    pip: await pipState(),
    nats: "problem" in server
      ? server.problem
      : server.value === undefined
      ? "no nats-server (deno task setup fetches one); runs use pipes"
      : `nats-server ${server.value.version} at ${server.value.path}`,
    cache,
    runs,
    disk: diskState(runs),
  };
}

async function tierState(options: TierOptions): Promise<string> {
  const tier = await attempt(() => probeTier(options));
  return "problem" in tier ? tier.problem : openedState(tier.value);
}

export function openedState(tier: ProbedTier): string {
  const remark = tier.remark === undefined ? "" : `; ${plainLine(tier.remark)}`;
  return `opens and passes its self-test (${tierText(tier)})${remark}`;
}

async function webgpuState(adapter: FoundAdapter | undefined): Promise<string> {
  if (adapter === undefined) return "no adapter (install a Vulkan driver to have one)";
  const state = await tierState({ name: "webgpu", threads: 1 });
  return adapter.isSoftware
    ? `${state}; the adapter is software, so only --backend webgpu chooses it`
    : state;
}

/** CUDA 12's libraries need it. */
const OLDEST_DRIVER = 525;

function gpuState(gpus: readonly NvidiaGpu[]): string {
  const texts = gpus.map(({ index, name, memoryMebibytes, driver }) => {
    const age = Number(driver.split(".")[0]) < OLDEST_DRIVER
      ? `, update it to ${OLDEST_DRIVER} or newer`
      : "";
    return `${index}: ${name}, ${memoryMebibytes} MiB, driver ${driver}${age}`;
  });
  return texts.length === 0 ? "no NVIDIA GPU (nvidia-smi lists none)" : texts.join("; ");
}

function advice(
  { hasLibrary, usesGpu, gpus }: { hasLibrary: boolean; usesGpu: boolean; gpus: readonly NvidiaGpu[] },
): string {
  if (gpus.length > 0 && !usesGpu) {
    return "deno task setup --gpu fetches the library that computes on the GPU";
  }
  if (hasLibrary || whyNoTensorflow() !== undefined) return "nothing to install";
  return "deno task setup fetches the library of the native tier, the fastest without a GPU";
}

async function pipState(): Promise<string> {
  for (const [program, ...args] of [["pip3"], ["pip"], ["python3", "-m", "pip"]]) {
    const run = await attempt(() =>
      new Deno.Command(program, { args: [...args, "--version"], stdin: "null" }).output()
    );
    if ("value" in run && run.value.success) {
      return new TextDecoder().decode(run.value.stdout).split(" from ")[0].trim();
    }
  }
  return "none: libraries cannot be fetched";
}

/** How long an event takes to be on disk, which every event of a run waits for. */
function diskState(runs: string): string {
  const folder = existing(runs);
  const path = join(folder, `.doctor-${crypto.randomUUID()}`);
  try {
    using file = Deno.openSync(path, { createNew: true, write: true });
    const times = Array.from({ length: 20 }, () => {
      const started = performance.now();
      file.writeSync(new Uint8Array(1000));
      file.syncDataSync();
      return performance.now() - started;
    });
    times.sort((a, b) => a - b);
    return `"${folder}" takes an event in ${times[10].toFixed(1)} ms (median of 20 writes with fdatasync)`;
  } catch (error) {
    return `"${folder}" cannot be written: ${error instanceof Error ? error.message : error}`;
  } finally {
    try {
      Deno.removeSync(path);
    } catch {
      // It was never there.
    }
  }
}

/** The folder, or the nearest one above it that exists. */
function existing(folder: string): string {
  try {
    if (Deno.statSync(folder).isDirectory) return folder;
  } catch {
    // It comes with the first run.
  }
  const above = join(folder, "..");
  return above === folder ? folder : existing(above);
}

type Attempt<Value> = { value: Value } | { problem: string };

async function attempt<Value>(work: () => Value | Promise<Value>): Promise<Attempt<Value>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

if (import.meta.main) {
  await runCommand(doctorTable, async ({ options }) => {
    const environment = Deno.env.toObject();
    const findings = await examine(environment, runsFolder(options["runs-dir"], environment));
    const lines = Object.entries(findings).map(([name, found]) => `${name.padEnd(9)} ${found}`);
    console.log(options.json ? JSON.stringify(findings, undefined, 2) : lines.join("\n"));
    return 0;
  });
}
