// Stored tensors against the ones that a layout wants: every one there, none left over, shapes equal. Errors name file and
// tensor, and the stored name that may be the wanted one misspelled.
import { SchemaError } from "../base/errors.ts";
import { editDistance, nearestName } from "../base/nearest_name.ts";

/** A tensor as a file's header describes it. */
export interface NamedTensor {
  shape: readonly number[];
  /** For messages. */
  file: string;
}

interface WantedTensor {
  name: string;
  shape: readonly number[];
}

export interface MatchOptions {
  /** For messages about a tensor that no file has. */
  file: string;
  /** The file that says which tensors are wanted. */
  describedBy: string;
  /** Further names of a wanted tensor. */
  otherNames?(name: string): readonly string[];
  /** Whether a tensor that is not wanted may be there. */
  mayStay?(name: string): boolean;
}

/** The stored name of every wanted tensor, in the layout's order. */
export function matchLayout<Wanted extends WantedTensor>(
  layout: readonly Wanted[],
  stored: ReadonlyMap<string, NamedTensor>,
  { file, describedBy, otherNames = () => [], mayStay = () => false }: MatchOptions,
): { name: string; entry: Wanted }[] {
  const unused = new Set(stored.keys()),
    found: { name: string; entry: Wanted }[] = [],
    missing: Wanted[] = [];
  for (const entry of layout) {
    const name = [entry.name, ...otherNames(entry.name)].find((candidate) => unused.delete(candidate));
    if (name === undefined) missing.push(entry);
    else found.push({ name, entry });
  }
  const extra = [...unused].filter((name) => !mayStay(name)), advice = `Use weights that fit ${describedBy}`;
  if (missing.length > 0) {
    const [{ name, shape }] = missing, similar = similarName(name, extra);
    const hint = similar === undefined ? "" : `; there is an unknown "${similar}"`;
    throw new SchemaError(`${advice}: tensor "${name}" [${shape}]${andMore(missing)} is missing${hint}`, {
      file,
    });
  }
  if (extra.length > 0) {
    throw new SchemaError(`${advice}: it describes no tensor "${extra[0]}"${andMore(extra)}`, {
      file: stored.get(extra[0])?.file,
    });
  }
  for (const { name, entry } of found) checkStoredShape(name, entry, { stored, describedBy });
  return found;
}

export function checkStoredShape(
  name: string,
  { shape }: WantedTensor,
  { stored, describedBy }: { stored: ReadonlyMap<string, NamedTensor>; describedBy: string },
): void {
  const tensor = stored.get(name);
  if (tensor?.shape.join() === shape.join()) return;
  throw new SchemaError(
    `Use weights that fit ${describedBy}: tensor "${name}" must be [${shape}], is [${tensor?.shape}]`,
    { file: tensor?.file },
  );
}

function andMore({ length }: { length: number }): string {
  return length > 1 ? ` (and ${length - 1} more)` : "";
}

/** A name that may be the wanted one, misspelled: no more than a third of it differs. */
function similarName(name: string, candidates: string[]): string | undefined {
  const nearest = nearestName(name, candidates);
  return nearest === undefined || editDistance(name, nearest) > name.length / 3 ? undefined : nearest;
}
