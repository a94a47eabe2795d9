// Asks the system about a process, by /proc on Linux (small images have no `ps`) and by `ps` elsewhere.

/** A dead process that nobody has collected yet counts as gone. */
export function isAlive(pid: number): boolean {
  const state = stateOf(pid);
  return state !== "" && !state.startsWith("Z");
}

/** The command line that every user can read. */
export function argumentsOf(pid: number): string {
  if (Deno.build.os === "linux") return Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
  return ps("args=", pid);
}

/** Polls until the condition holds; false after the time. */
export async function comesTrue(condition: () => boolean | Promise<boolean>, ms: number): Promise<boolean> {
  for (const end = performance.now() + ms; performance.now() < end;) {
    if (await condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return condition();
}

function stateOf(pid: number): string {
  if (Deno.build.os !== "linux") return ps("stat=", pid);
  try {
    // `pid (name) state …`; the name may hold anything.
    return Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ").at(-1) ?? "";
  } catch {
    return "";
  }
}

function ps(column: string, pid: number): string {
  const { stdout } = new Deno.Command("ps", { args: ["-o", column, "-p", String(pid)] }).outputSync();
  return new TextDecoder().decode(stdout).trim();
}
