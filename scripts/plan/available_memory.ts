// How much memory processes may still take here: what the machine has left, or what the control group leaves of its limit.
import { join } from "node:path";

/** Bytes. Never throws: what a system does not tell limits nothing. */
export function availableMemory(root = "/sys/fs/cgroup"): number {
  const { available, free } = Deno.systemMemoryInfo();
  return Math.min(available > 0 ? available : free, groupMemory(root));
}

/** What the limit of this process's group leaves; Infinity where there is none. Cached file contents are given back when asked for. */
export function groupMemory(root: string): number {
  const newer = left(
    readNumber(join(root, "memory.max")),
    readNumber(join(root, "memory.current")),
    readField(join(root, "memory.stat"), "inactive_file"),
  );
  const older = left(
    readNumber(join(root, "memory", "memory.limit_in_bytes")),
    readNumber(join(root, "memory", "memory.usage_in_bytes")),
    readField(join(root, "memory", "memory.stat"), "total_inactive_file"),
  );
  return Math.min(newer, older);
}

function left(limit: number | undefined, used: number | undefined, cached = 0): number {
  return limit === undefined || used === undefined ? Infinity : Math.max(0, limit - used + cached);
}

/** Undefined for "max" and for a file that is not there. */
function readNumber(path: string): number | undefined {
  const text = readText(path)?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function readField(path: string, name: string): number | undefined {
  const match = new RegExp(`^${name} (\\d+)$`, "m").exec(readText(path) ?? "");
  return match === null ? undefined : Number(match[1]);
}

function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
