// Opens the tier "wasm" for the tests of a describe block.
import type { Tier } from "../../src/compute/tier.ts";
import { useTier } from "./use_tier.ts";

/** Call it first inside `describe`; the tier is there when a test runs. */
export function useWasmTier(): { readonly tier: Tier } {
  return useTier({ name: "wasm", threads: 1 });
}
