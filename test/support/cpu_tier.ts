// Opens the tier "cpu" for the tests of a describe block.
import type { Tier } from "../../src/compute/tier.ts";
import { useTier } from "./use_tier.ts";

/** Call it first inside `describe`; the tier is there when a test runs. */
export function useCpuTier(): { readonly tier: Tier } {
  return useTier({ name: "cpu", threads: 1 });
}
