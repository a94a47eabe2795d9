// Where and when something was measured: commit, processor, cores, load.
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";

export interface MachineFacts {
  /** With "+" behind it when files differ from it; null outside of git. */
  commit: string | null;
  machine: { cpu: string; cores: number; memoryGigabytes: number; system: string };
  /** Average number of running processes over the last minute, before the benchmark began. */
  load: number;
}

export async function machineFacts(): Promise<MachineFacts> {
  return {
    commit: await gitCommit(),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? "unknown",
      cores: availableParallelism(),
      memoryGigabytes: Math.round(totalmem() / 2 ** 30),
      system: `${Deno.build.os} ${Deno.build.arch}`,
    },
    load: Math.round(100 * loadavg()[0]) / 100,
  };
}

async function gitCommit(): Promise<string | null> {
  const folder = new URL("../..", import.meta.url);
  const git = async (...args: string[]) => {
    const { success, stdout } = await new Deno.Command("git", {
      args,
      cwd: folder,
      stdin: "null",
      stderr: "null",
    })
      .output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  };
  try {
    const commit = await git("rev-parse", "--short=12", "HEAD");
    if (commit === undefined) return null;
    return await git("status", "--porcelain", "--untracked-files=no") === "" ? commit : `${commit}+`;
  } catch {
    return null;
  }
}
