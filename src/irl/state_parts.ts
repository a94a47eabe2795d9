// A saved state of several artifacts under one digest: a small artifact that names the others.
import { DamageError } from "../base/errors.ts";
import { encodeJsonLines } from "../base/json_lines.ts";
import type { Digest } from "../base/ports.ts";
import { statePartSchema } from "../data/policy_state_rows.ts";
import { storedRows } from "../data/stored_rows.ts";
import type { StepPorts } from "./step_ports.ts";

export async function saveStateParts<Name extends string>(
  { artifacts }: Pick<StepPorts, "artifacts">,
  parts: Record<Name, Digest>,
): Promise<Digest> {
  return await artifacts.put(
    encodeJsonLines(Object.entries(parts).map(([part, digest]) => ({ part, digest }))),
  );
}

/** Digest of each named part, null where nothing is saved yet. Throws DamageError when one is missing. */
export async function readStateParts<Name extends string>(
  { artifacts }: Pick<StepPorts, "artifacts">,
  saved: Digest | null,
  names: readonly Name[],
): Promise<(name: Name) => Digest | null> {
  if (saved === null) return () => null;
  const rows = storedRows(await artifacts.get(saved), statePartSchema);
  const digests = new Map(rows.map(({ part, digest }) => [part, digest]));
  const lacking = names.find((name) => !digests.has(name));
  if (lacking !== undefined) throw new DamageError(`names no "${lacking}"`, { file: saved });
  return (name) => digests.get(name) ?? null;
}
