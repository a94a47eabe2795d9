// Opens a tier once in a process of its own and tells what it is: before a run records it, and for `doctor`.
// A process, because a native library that does not fit can end the one that loads it.
import { ConfigError } from "../src/base/errors.ts";
import { openTier, type Tier, type TierDescription, type TierOptions } from "../src/compute/tier.ts";
import { parseHello } from "./actor_settings.ts";
import { configPath } from "./config_path.ts";
import { tierEnvironment } from "./tier_environment.ts";

const OPTIONS_VARIABLE = "IRL_PROBE";

/** What a run records of a tier, and what is said about it. */
export type ProbedTier = TierDescription & Pick<Tier, "remark">;

/** On the NVIDIA GPU of number `device`. Throws ConfigError with the reason when the tier does not open or fails its self-test. */
export async function probeTier(options: TierOptions, device?: number): Promise<ProbedTier> {
  const { stdout, code, signal } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-prompt", "--quiet", `--config=${configPath}`, import.meta.url],
    env: {
      ...tierEnvironment(options, device),
      [OPTIONS_VARIABLE]: JSON.stringify(options),
    },
    stdin: "null",
    stderr: "null",
  }).output();
  const lines = new TextDecoder().decode(stdout).split("\n");
  const hello = lines.map(parseHello).find((line) => line !== undefined);
  if (hello === undefined) {
    const how = signal === null ? `exit code ${code}` : signal;
    throw new ConfigError(
      `Choose another --backend: "${options.name}" does not start on this machine (${how})`,
    );
  }
  if ("refused" in hello) throw new ConfigError(hello.refused.message);
  const { tier, remark } = hello.started;
  return remark === undefined ? tier : { ...tier, remark };
}

if (import.meta.main) {
  const write = (hello: unknown) =>
    Deno.stdout.writeSync(new TextEncoder().encode(`\n${JSON.stringify(hello)}\n`));
  try {
    const { name, variant, threads, engine, remark } = await openTier(
      JSON.parse(Deno.env.get(OPTIONS_VARIABLE) ?? "null"),
    );
    write({ started: { pid: Deno.pid, tier: { name, variant, threads, engine }, remark } });
    Deno.exit(0);
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    write({ refused: { name, message } });
    Deno.exit(1);
  }
}
