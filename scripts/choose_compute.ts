// The compute tier of a run: what is there, what can be fetched, what was asked for; proved by opening it once.
import { availableParallelism } from "node:os";
import type { TierRecord } from "../events/mod.ts";
import { ConfigError } from "../src/base/errors.ts";
import { chooseTier, type NativeLibrarySearch } from "../src/compute/choose_tier.ts";
import type { TierDescription, TierName, TierOptions } from "../src/compute/tier.ts";
import { fetchTensorflow, findTensorflow, whyNoTensorflow } from "./fetch/tensorflow.ts";
import { probeTier } from "./probe_tier.ts";
import { cacheFolder, type Environment } from "./user_environment.ts";

export interface ComputeWishes {
  requested: TierName | "auto";
  threads?: number;
  /** Whether libraries may be fetched into the user's cache. */
  mayFetch: boolean;
  environment: Environment;
  log(line: string): void;
  /** @default probeTier */
  probe?: (options: TierOptions) => Promise<TierDescription>;
}

export interface ChosenCompute {
  options: TierOptions;
  description: TierDescription;
  /** One line for people: which one and why. */
  reason: string;
}

/** The tier of a new run. Without a wish, a native tier that is there but does not open is passed over. */
export async function chooseCompute(wishes: ComputeWishes): Promise<ChosenCompute> {
  const library = await searchLibrary(wishes);
  const choice = chooseTier({ requested: wishes.requested, nativeLibrary: library });
  try {
    return await proved(choice, library, wishes);
  } catch (error) {
    if (choice.name !== "native" || wishes.requested !== "auto") throw error;
    const why = error instanceof Error ? error.message : String(error);
    return await proved(
      { name: "wasm", reason: `wasm: the native tier does not open (${why})` },
      library,
      wishes,
    );
  }
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
  };
  const library = await searchLibrary(same);
  const compute = await proved(
    { name: recorded.name, reason: `${recorded.name}: as recorded` },
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

async function proved(
  choice: { name: TierName; reason: string },
  library: NativeLibrarySearch,
  { threads, probe, variant }: ComputeWishes & Pick<TierOptions, "variant">,
): Promise<ChosenCompute> {
  const options: TierOptions = {
    name: choice.name,
    threads: threads ?? defaultThreads(choice.name),
    ...(choice.name === "native" && "directory" in library ? { libraryDirectory: library.directory } : {}),
    ...(variant === undefined ? {} : { variant }),
  };
  return { options, description: await (probe ?? probeTier)(options), reason: choice.reason };
}

/** Only the native tier has variants to choose from. */
function variantOf({ name, variant }: TierRecord): TierOptions["variant"] {
  return name === "native" && (variant === "eager" || variant === "xla") ? variant : undefined;
}

function defaultThreads(name: TierName): number {
  return name === "native" ? availableParallelism() : 1;
}

/** libtensorflow on this machine, fetched if it may be; the reason where there is none. Other tiers need none. */
async function searchLibrary(wishes: ComputeWishes): Promise<NativeLibrarySearch> {
  const { requested, mayFetch, environment, log } = wishes;
  if (requested !== "auto" && requested !== "native") return { missing: "not looked for" };
  const cache = cacheFolder(environment);
  const found = findTensorflow(environment, cache);
  if (found !== undefined) return found;
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
