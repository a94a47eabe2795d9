// What `generate`, `score` and `export` share: their options, where they stand, and the compute tier they open.
// Left out: fetching libtensorflow; `deno task setup` does that, and a run.
import { availableParallelism } from "node:os";
import { chooseTier, type NativeLibrarySearch } from "../src/compute/choose_tier.ts";
import { openTier, type Tier, type TierName, type TierOptions } from "../src/compute/tier.ts";
import { plainLine } from "../src/status/plain_text.ts";
import { choice, value, wholeNumber } from "./command_line.ts";
import { findTensorflow } from "./fetch/tensorflow.ts";
import type { ModelSource } from "./open_model.ts";
import { tierEnvironment } from "./tier_environment.ts";
import { cacheFolder, type Environment, runsFolder, userPath } from "./user_environment.ts";

/** What a command reads of the world and says to it; tests hand in their own. */
export interface CommandWorld {
  environment: Environment;
  /** A line of the result. */
  out(line: string): void;
  /** A line for people. */
  tell(line: string): void;
  /** @default openTier */
  openTier?: (options: TierOptions) => Promise<Tier>;
}

export function commandWorld(): CommandWorld {
  return {
    environment: Deno.env.toObject(),
    out: (line) => console.log(line),
    tell: (line) => console.error(line),
  };
}

export const runOptions = {
  from: value("RUN", "a run: its name, or the path of its folder"),
  iteration: wholeNumber("iteration of the run (default: the last completed one)"),
  "runs-dir": value("DIR", "folder of the runs (default: runs)"),
};

export const modelOptions = {
  ...runOptions,
  model: value(
    "DIR",
    'instead of --from: a Hugging Face folder, or an export with "policy" and "reward" in it',
  ),
  backend: choice(
    ["auto", "native", "webgpu", "wasm", "cpu"],
    "where to compute (default: native, else wasm)",
  ),
  threads: wholeNumber("threads of the native and wasm backends (default: all)", { min: 1, max: 256 }),
};

export interface ModelOptions {
  from?: string;
  model?: string;
  iteration?: number;
  "runs-dir"?: string;
}

export function modelSource(options: ModelOptions, { environment }: CommandWorld): ModelSource {
  const { from, model, iteration, "runs-dir": runs } = options;
  const workingFolder = userPath("", environment);
  return { from, model, iteration, runsFolder: runsFolder(runs, environment), workingFolder };
}

export interface TierWishes {
  backend?: TierName | "auto";
  threads?: number;
}

/** Opens the fastest tier that is there, or the one asked for; tells what is to be said about it. */
export async function openCommandTier(wishes: TierWishes, world: CommandWorld): Promise<Tier> {
  const tier = await openFastestTier(wishes, world);
  if (tier.remark !== undefined) world.tell(plainLine(tier.remark));
  return tier;
}

async function openFastestTier(
  { backend = "auto", threads = availableParallelism() }: TierWishes,
  { environment, tell, openTier: open = openTier }: CommandWorld,
): Promise<Tier> {
  const nativeLibrary: NativeLibrarySearch = backend === "auto" || backend === "native"
    ? findTensorflow(environment, cacheFolder(environment)) ??
      { missing: "no libtensorflow in the cache (deno task setup fetches it)" }
    : { missing: "not looked for" };
  const { name } = chooseTier({ requested: backend, nativeLibrary });
  if (name !== "native" || "missing" in nativeLibrary) return await open({ name, threads });
  // Read when the library is loaded; what glibc reads takes effect only where the process started with it.
  const options: TierOptions = { name, threads, libraryDirectory: nativeLibrary.directory };
  for (const [key, setting] of Object.entries(tierEnvironment(options))) Deno.env.set(key, setting);
  try {
    return await open(options);
  } catch (error) {
    if (backend !== "auto") throw error;
    tell(
      `Computing on wasm: the native tier does not open (${error instanceof Error ? error.message : error})`,
    );
    return await open({ name: "wasm", threads });
  }
}
