// Which tiers a run may compute on, the best first, each with its reason in one line. Decides only: opening a tier is tier.ts,
// and whether the first one works is seen when it is opened.
import { ConfigError } from "../base/errors.ts";
import type { TierName } from "./tier.ts";
import type { FoundAdapter } from "./webgpu_adapter.ts";

/** libtensorflow's folder and which one it is ("libtensorflow 2.21.0 from the cache"), or why there is none. */
export type NativeLibrarySearch =
  | { directory: string; source: string; /** Whether it may find a GPU. */ mayUseGpu?: boolean }
  | { missing: string };

export interface TierFacts {
  requested: TierName | "auto";
  nativeLibrary: NativeLibrarySearch;
  /** Names of the NVIDIA GPUs, as their driver lists them. @default none */
  nvidiaGpus?: readonly string[];
  /** What WebGPU offers. @default nothing, or not looked for */
  adapter?: FoundAdapter;
}

export interface TierChoice {
  name: TierName;
  /** One line for people, e.g. "native: libtensorflow 2.21.0 from the cache". */
  reason: string;
  /** It is this choice only if it computes on a GPU. */
  onGpu: boolean;
}

/** The first of `tierChoices`. */
export function chooseTier(facts: TierFacts): TierChoice {
  return tierChoices(facts)[0];
}

/**
 * The requested tier alone; or, for "auto", all that are there: native on a GPU, webgpu on hardware, native on the
 * processor, wasm. Throws ConfigError when the requested one cannot work.
 */
export function tierChoices(facts: TierFacts): TierChoice[] {
  const { requested, nativeLibrary, adapter } = facts;
  switch (requested) {
    case "auto":
      return automaticChoices(facts);
    case "native":
      if ("missing" in nativeLibrary) {
        throw new ConfigError(
          `Choose --backend wasm or make libtensorflow available: ${nativeLibrary.missing}`,
        );
      }
      return [asked(requested, `, ${nativeLibrary.source}${gpuHint(facts)}`)];
    case "webgpu":
      return [asked(requested, adapter === undefined ? "" : `, ${adapterText(adapter)}`)];
    case "wasm":
    case "cpu":
      return [asked(requested, "")];
    default:
      return requested satisfies never;
  }
}

function asked(name: TierName, words: string): TierChoice {
  return { name, reason: `${name}: as asked${words}`, onGpu: false };
}

function automaticChoices(facts: TierFacts): TierChoice[] {
  const { nativeLibrary, nvidiaGpus: [gpu] = [], adapter } = facts, choices: TierChoice[] = [];
  if ("directory" in nativeLibrary && nativeLibrary.mayUseGpu === true && gpu !== undefined) {
    choices.push({ name: "native", reason: `native: ${nativeLibrary.source} on ${gpu}`, onGpu: true });
  }
  if (adapter !== undefined && !adapter.isSoftware) {
    choices.push({ name: "webgpu", reason: `webgpu: ${adapterText(adapter)}${gpuHint(facts)}`, onGpu: true });
  }
  if ("directory" in nativeLibrary) {
    choices.push({
      name: "native",
      reason: `native: ${nativeLibrary.source}${gpuHint(facts)}`,
      onGpu: false,
    });
  }
  const why = "missing" in nativeLibrary ? nativeLibrary.missing : "it needs nothing";
  return [...choices, { name: "wasm", reason: `wasm: ${why}${gpuHint(facts)}`, onGpu: false }];
}

/** What would make use of an NVIDIA GPU that no library here uses. */
function gpuHint({ nativeLibrary, nvidiaGpus: [gpu] = [] }: TierFacts): string {
  const isUsable = "directory" in nativeLibrary && nativeLibrary.mayUseGpu === true;
  return gpu === undefined || isUsable ? "" : `; deno task setup --gpu fetches what computes on ${gpu}`;
}

function adapterText({ name, isSoftware }: FoundAdapter): string {
  return isSoftware ? `${name}, which is software` : name;
}
