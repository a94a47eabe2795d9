// One command in a process of its own, as an actor runs it: a Worker computes. A step that is cut into chunks runs its first chunk and
// then its last, from the saved state. Tells the process's memory with the tier open, and at its peak.
import { Command } from "../../events/mod.ts";
import type { TierOptions } from "../../src/compute/tier.ts";
import { configPath } from "../config_path.ts";
import { exitNow, prepareExit } from "../exit_now.ts";
import { peakMemory } from "../peak_memory.ts";
import { tierEnvironment } from "../tier_environment.ts";
import { openWorkerCompute } from "../worker_compute.ts";

const INPUT_VARIABLE = "IRL_MEASURE";

export interface MeasuredMemory {
  /** Resident with the tier open, and at the peak; megabytes. */
  openMegabytes: number;
  peakMegabytes: number;
}

/** Runs `command` on the artifacts of `folder` in a child process. Throws what kept it from running. */
export async function measureStep(
  command: Command,
  { folder, tier }: { folder: string; tier: TierOptions },
): Promise<MeasuredMemory> {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-prompt", "--quiet", `--config=${configPath}`, import.meta.url],
    env: {
      ...tierEnvironment(tier),
      // Without the programs that earlier processes kept: a first run has to compile.
      TF_XLA_FLAGS: Deno.env.get("TF_XLA_FLAGS") ?? "",
      [INPUT_VARIABLE]: JSON.stringify({ command, folder, tier }),
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  if (!success) {
    throw new Error(
      `The step could not be measured: ${new TextDecoder().decode(stderr).trim().slice(-2000)}`,
    );
  }
  return JSON.parse(lines[lines.length - 1]);
}

async function measure(): Promise<MeasuredMemory> {
  const { command, folder, tier } = JSON.parse(Deno.env.get(INPUT_VARIABLE) ?? "null");
  if (tier.name === "native") prepareExit();
  const open = await openWorkerCompute({ tier, folder });
  const { residentMegabytes } = peakMemory();
  const first = Command.parse(command), { data } = await open.compute.run(first, () => {});
  if ("toStep" in first) {
    const { state } = Object(data), { toStep, numSteps } = first;
    const last = { ...first, chunk: 1, state, fromStep: toStep, toStep: numSteps };
    await open.compute.run(Command.parse(last), () => {});
  }
  const { peakMegabytes } = peakMemory();
  if (peakMegabytes === undefined) throw new Error("This system does not tell a process's peak memory");
  return { openMegabytes: residentMegabytes, peakMegabytes };
}

if (import.meta.main) {
  try {
    const measured = await measure();
    Deno.stdout.writeSync(new TextEncoder().encode(`\n${JSON.stringify(measured)}\n`));
    exitNow(0);
  } catch (error) {
    console.error(error instanceof Error ? error.stack : error);
    exitNow(1);
  }
}
