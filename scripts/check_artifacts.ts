// Whether every artifact that a run's events name is there and is what its name says: read piece by piece, one after the other,
// so that a run of any size is checked in little memory.
import { DamageError } from "../src/base/errors.ts";
import { statePartSchema } from "../src/data/policy_state_rows.ts";
import { storedRows } from "../src/data/stored_rows.ts";
import { eventOf, type RunRecord } from "../src/status/run_record.ts";
import { examineFileArtifact, readFileArtifacts } from "../src/store/file_artifacts.ts";

/** An artifact and the first place that names it. */
export interface NamedArtifact {
  digest: string;
  /** Sequence number of the event. */
  sequence: number;
  type: string;
  /** In the event's data, e.g. "result.raw"; a part of a saved state is one step further, e.g. "state.value". */
  field: string;
}

interface Damage {
  file: string;
  message: string;
}

/** In the order of the events, each once. */
export function namedArtifacts(records: readonly RunRecord[]): NamedArtifact[] {
  const named = new Map<string, NamedArtifact>();
  for (const record of records) {
    const { type, data } = eventOf(record);
    for (const { digest, field } of digestsIn(data)) {
      if (!named.has(digest)) named.set(digest, { digest, sequence: record.seq, type, field });
    }
  }
  return [...named.values()];
}

/** Throws one DamageError that names what is missing or damaged, each with its event and field. */
export async function checkArtifacts(
  folder: string,
  records: readonly RunRecord[],
): Promise<{ count: number; bytes: number }> {
  const waiting = namedArtifacts(records), known = new Set(waiting.map(({ digest }) => digest));
  const damages: Damage[] = [];
  let bytes = 0;
  // Parts of saved states come on at the end.
  for (const named of waiting) {
    const { file, size, problem } = await examineFileArtifact(folder, named.digest);
    bytes += size;
    if (problem !== undefined) damages.push({ file, message: damageText(named, problem) });
    else if (named.field === "state" && size <= MOST_BYTES_OF_PARTS) {
      const parts = await partsOf(named, folder);
      waiting.push(...parts.filter(({ digest }) => !known.has(digest)));
      for (const { digest } of parts) known.add(digest);
    }
  }
  if (damages.length === 0) return { count: waiting.length, bytes };
  throw damageError(damages);
}

/** Lines of one error; a folder that is gone needs no more. */
const MOST_NAMED = 20;

function damageError([{ file, message }, ...others]: readonly Damage[]): DamageError {
  const named = others.slice(0, MOST_NAMED - 1).map((other) => `${other.file}: ${other.message}`);
  const numMore = others.length - named.length;
  const more = numMore === 0 ? [] : [`${numMore} more artifacts are missing or damaged`];
  return new DamageError([message, ...named, ...more].join("\n"), { file });
}

function damageText({ sequence, type, field }: NamedArtifact, problem: string): string {
  return `Restore the artifact from a copy: ${problem}; event ${sequence}, ${type}, names it as "${field}"`;
}

/** Fields of events that hold a user's or an error's text, or digests of files that are not the run's. */
const OTHER_TEXTS: ReadonlySet<string> = new Set(["config", "sources", "samples", "message"]);

function digestsIn(value: unknown, field = ""): { digest: string; field: string }[] {
  if (typeof value === "string") {
    return /^sha256:[0-9a-f]{64}$/.test(value) ? [{ digest: value, field }] : [];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    OTHER_TEXTS.has(name) ? [] : digestsIn(inner, field === "" ? name : `${field}.${name}`)
  );
}

/** A state of several artifacts is a list of a few lines. */
const MOST_BYTES_OF_PARTS = 4096;

/** The artifacts that a saved state consists of; none where it is one artifact. */
async function partsOf(state: NamedArtifact, folder: string): Promise<NamedArtifact[]> {
  const bytes = await readFileArtifacts(folder).get(state.digest);
  try {
    return storedRows(bytes, statePartSchema).map(({ part, digest }) => ({
      ...state,
      digest,
      field: `${state.field}.${part}`,
    }));
  } catch {
    // What is no such list is a state of one artifact, which was read whole already.
    return [];
  }
}
