// Which tier a run computes on, and the reason in one line. Decides only; opening a tier is tier.ts.
// Left out: GPUs and WebGPU, which would come before the native CPU.
import { ConfigError } from "../base/errors.ts";
import type { TierName } from "./tier.ts";

/** libtensorflow's folder and which one it is ("libtensorflow 2.21.0 from the cache"), or why there is none. */
export type NativeLibrarySearch = { directory: string; source: string } | { missing: string };

export interface TierChoice {
  name: TierName;
  /** One line for people, e.g. "native: libtensorflow 2.21.0 from the cache". */
  reason: string;
}

/** The fastest tier that can work, or the requested one; ConfigError when that one cannot. */
export function chooseTier(
  { requested, nativeLibrary }: { requested: TierName | "auto"; nativeLibrary: NativeLibrarySearch },
): TierChoice {
  switch (requested) {
    case "auto":
      return "directory" in nativeLibrary
        ? { name: "native", reason: `native: ${nativeLibrary.source}` }
        : { name: "wasm", reason: `wasm: ${nativeLibrary.missing}` };
    case "native":
      if ("missing" in nativeLibrary) {
        throw new ConfigError(
          `Choose --backend wasm or make libtensorflow available: ${nativeLibrary.missing}`,
        );
      }
      return { name: "native", reason: `native: as asked, ${nativeLibrary.source}` };
    case "wasm":
    case "cpu":
      return { name: requested, reason: `${requested}: as asked` };
    case "webgpu":
      throw new ConfigError('Choose --backend native or wasm: "webgpu" is not built yet in this version');
    default:
      return requested satisfies never;
  }
}
