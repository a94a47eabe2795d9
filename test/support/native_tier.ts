// Opens the native tier for the tests of a describe block, as `useCpuTier` opens the tier "cpu".
import type { Tier } from "../../src/compute/tier.ts";
import { nativeTestLibrary } from "../src/compute/native_test_library.ts";
import { useTier } from "./use_tier.ts";

const library = nativeTestLibrary();

/** Why tests of the native tier are skipped here, or false. */
export const nativeSkip: string | false = "missing" in library ? library.missing : false;

/** Call it first inside `describe`; the tier is there when a test runs that is not skipped. */
export function useNativeTier(): { readonly tier: Tier } {
  return useTier(
    "missing" in library ? undefined : { name: "native", threads: 2, libraryDirectory: library.directory },
  );
}
