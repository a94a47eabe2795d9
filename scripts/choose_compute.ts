// The compute tier of a run: what is there, what can be fetched, what was asked for; proved by opening it once.
import { availableParallelism } from "node:os";
import type { TierRecord } from "../events/mod.ts";
import { ConfigError } from "../src/base/errors.ts";
import { type NativeLibrarySearch, type TierChoice, tierChoices } from "../src/compute/choose_tier.ts";
import { computesOnNvidia, usesTf32 } from "../src/compute/native_gpu.ts";
import type { TierDescription, TierName, TierOptions } from "../src/compute/tier.ts";
import type { FoundAdapter } from "../src/compute/webgpu_adapter.ts";
import { plainLine } from "../src/status/plain_text.ts";
import { type ActorDevices, namedDevices } from "./actor_devices.ts";
import { fetchTensorflow, findTensorflow, whyNoTensorflow } from "./fetch/tensorflow.ts";
import { findAdapter, listNvidiaGpus } from "./find_gpus.ts";
import { type ProbedTier, probeTier } from "./probe_tier.ts";
import { cacheFolder, type Environment } from "./user_environment.ts";

export interface ComputeWishes {
  requested: TierName | "auto";
  threads?: number;
  /** Whether libraries may be fetched into the user's cache. */
  mayFetch: boolean;
  environment: Environment;
  log(line: string): void;
  /** Which NVIDIA GPU each actor is to compute on. @default none is named */
  devices?: ActorDevices;
  /** @default probeTier */
  probe?: (options: TierOptions, device?: number) => Promise<ProbedTier>;
  /** @default asks drivers and WebGPU, as far as the wish needs it */
  findGpus?: (requested: TierName | "auto") => Promise<FoundGpus>;
}

export interface FoundGpus {
  /** Names, in the order of their numbers. */
  nvidiaGpus: readonly string[];
  /** What WebGPU offers. */
  adapter?: FoundAdapter;
}

export interface ChosenCompute {
  options: TierOptions;
  description: TierDescription;
  /** One line for people: which one and why. */
  reason: string;
  /** Another one: why it is not the variant that one would wish for. Recorded nowhere. */
  remark?: string;
}

/**
 * The tier of a new run: the best that opens, and without a wish one that does not is passed over. What computes on a GPU
 * is tried before libtensorflow is fetched for the processor.
 */
export async function chooseCompute(wishes: ComputeWishes): Promise<ChosenCompute> {
  const failures: string[] = [];
  for await (const { choice, library } of candidates(wishes)) {
    const reason = [choice.reason, ...failures].join("; ");
    try {
      return await proved({ ...choice, reason }, library, {
        ...wishes,
        tf32: isTf32Wanted(wishes.environment),
      });
    } catch (error) {
      if (wishes.requested !== "auto" || choice.name === "wasm") throw error;
      failures.push(`${choice.name} does not open (${error instanceof Error ? error.message : error})`);
    }
  }
  throw new Error("Open wasm where nothing else opens");
}

async function* candidates(
  wishes: ComputeWishes,
): AsyncGenerator<{ choice: TierChoice; library: NativeLibrarySearch }> {
  const { requested, devices = {}, findGpus = lookForGpus } = wishes;
  const gpus = await findGpus(requested);
  const unknown = namedDevices(devices).find((device) =>
    gpus.nvidiaGpus.length > 0 && device >= gpus.nvidiaGpus.length
  );
  if (unknown !== undefined) {
    throw new ConfigError(
      `Choose a --device from 0 to ${gpus.nvidiaGpus.length - 1}, as nvidia-smi numbers them: got ${unknown}`,
    );
  }
  for (const onGpu of requested === "auto" ? [true, false] : [false]) {
    const library = onGpu ? foundLibrary(wishes) : await searchLibrary(wishes);
    for (const choice of tierChoices({ requested, nativeLibrary: library, ...gpus })) {
      if (choice.onGpu === onGpu) yield { choice, library };
    }
  }
}

/** A tier that was asked for by name needs no look at what else there is. */
async function lookForGpus(requested: TierName | "auto"): Promise<FoundGpus> {
  if (requested !== "auto" && requested !== "native") return { nvidiaGpus: [] };
  const [nvidiaGpus, adapter] = await Promise.all([
    listNvidiaGpus(),
    requested === "auto" ? findAdapter() : undefined,
  ]);
  return { nvidiaGpus: nvidiaGpus.map(({ name }) => name), adapter };
}

/** The variable that turns TF32 off is the one that a user knows; set to anything else it turns it on here. */
function isTf32Wanted({ NVIDIA_TF32_OVERRIDE: setting }: Environment): boolean {
  return setting !== undefined && setting !== "" && setting !== "0";
}

/** The tier of a resumed run: the recorded one, or a ConfigError with the reason. */
export async function recordedCompute(recorded: TierRecord, wishes: ComputeWishes): Promise<ChosenCompute> {
  const { requested, threads } = wishes;
  if (requested !== "auto" && requested !== recorded.name) {
    throw new ConfigError(
      `Leave out --backend ${requested}: the run goes on on its tier "${recorded.name}", or its numbers would change`,
    );
  }
  if (threads !== undefined && threads !== recorded.threads) {
    throw new ConfigError(
      `Leave out --threads ${threads}: the run goes on with its ${recorded.threads}, or its numbers would change`,
    );
  }
  const same = {
    ...wishes,
    requested: recorded.name,
    threads: recorded.threads,
    variant: variantOf(recorded),
    tf32: usesTf32(recorded),
  };
  const library = await searchLibrary(same);
  const compute = await proved(
    { name: recorded.name, reason: `${recorded.name}: as recorded`, onGpu: false },
    library,
    same,
  );
  checkSameTier(recorded, compute.description);
  return compute;
}

/** Equal descriptions compute equal numbers; another one is refused. */
export function checkSameTier(recorded: TierRecord, found: TierDescription): void {
  if (tierText(recorded) === tierText(found)) return;
  throw new ConfigError(
    `Go on where the tier is the recorded one, or start a new run: recorded is ${
      tierText(recorded)
    }, here is ${tierText(found)}`,
  );
}

export function tierText({ name, variant, threads, engine }: TierDescription): string {
  return `${name} ${variant}, ${threads} ${threads === 1 ? "thread" : "threads"}, ${engine}`;
}

/** The tier as a person is told of it; a remark is a line of its own under it. */
export function tierLines({ reason, description, remark }: ChosenCompute): string[] {
  return [
    `Tier   ${reason} (${tierText(description)})`,
    ...(remark === undefined ? [] : [`       ${plainLine(remark)}`]),
  ];
}

async function proved(
  choice: TierChoice,
  library: NativeLibrarySearch,
  { threads, probe = probeTier, variant, tf32 = false, devices = {} }:
    & ComputeWishes
    & Pick<TierOptions, "variant" | "tf32">,
): Promise<ChosenCompute> {
  const options: TierOptions = {
    name: choice.name,
    threads: threads ?? defaultThreads(choice.name),
    ...(choice.name === "native" && "directory" in library ? { libraryDirectory: library.directory } : {}),
    ...(variant === undefined ? {} : { variant }),
    ...(choice.name === "native" && tf32 ? { tf32 } : {}),
  };
  const named = namedDevices(devices), { remark, ...description } = await probe(options, named.at(0));
  if (named.length > 0 && !computesOnNvidia(description)) {
    throw new ConfigError(
      `Leave out --device, or make the GPU usable (deno task doctor): the tier is ${tierText(description)}`,
    );
  }
  if (choice.name === "native" && choice.onGpu && !computesOnNvidia(description)) {
    throw new ConfigError(`Update the NVIDIA driver: libtensorflow finds no GPU that it can use`);
  }
  return { options, description, reason: choice.reason, ...(remark !== undefined && { remark }) };
}

/** Undefined where a tier has none to choose from. */
function variantOf({ variant }: TierRecord): TierOptions["variant"] {
  return VARIANTS.find((one) => one === variant);
}

const VARIANTS = ["xla", "graph", "eager", "simd128", "relaxed-simd"] as const;

/** Threads of a new run where none are asked for. */
export function defaultThreads(name: TierName): number {
  if (name === "wasm") return Math.min(availableParallelism(), MOST_WASM_THREADS);
  return name === "native" ? availableParallelism() : 1;
}

/** Steps of the sizes that wasm is good for have no work for more. */
const MOST_WASM_THREADS = 8;

/** libtensorflow on this machine, or why it has none that is ready. Other tiers need none. */
function foundLibrary({ requested, environment }: ComputeWishes): NativeLibrarySearch {
  if (requested !== "auto" && requested !== "native") return { missing: "not looked for" };
  return findTensorflow(environment, cacheFolder(environment)) ?? { missing: "it is not fetched yet" };
}

/** The same, fetched if it may be. */
async function searchLibrary(wishes: ComputeWishes): Promise<NativeLibrarySearch> {
  const { requested, mayFetch, environment, log } = wishes, found = foundLibrary(wishes);
  if ("directory" in found || (requested !== "auto" && requested !== "native")) return found;
  const cache = cacheFolder(environment);
  const impossible = whyNoTensorflow();
  if (impossible !== undefined) return { missing: impossible };
  if (!mayFetch) {
    return { missing: "there is no libtensorflow in the cache, deno task setup fetches one" };
  }
  try {
    return await fetchTensorflow(cache, log);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { missing: `libtensorflow could not be fetched (${why})` };
  }
}
