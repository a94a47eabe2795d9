// What a process that opens a tier is given before it starts. Only the native tier needs anything.
import { nativeEnvironment } from "../src/compute/native_environment.ts";
import type { TierOptions } from "../src/compute/tier.ts";
import { cacheFolder } from "./user_environment.ts";

export function tierEnvironment(tier: TierOptions, device?: number): Record<string, string> {
  if (tier.name !== "native") return {};
  const { libraryDirectory, tf32, threads } = tier, inherited = Deno.env.toObject();
  const programs = { threads, folder: cacheFolder(inherited) };
  return nativeEnvironment({ libraryDirectory, tf32, device, programs, inherited });
}
