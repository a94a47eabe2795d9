// A folder in which libtensorflow keeps compiled programs for later processes: loading one takes a sixth of compiling it, and
// the numbers are the same bits. A folder is for one processor, library and number of threads, which libtensorflow does not check;
// nor does it check that a file is whole, so that is done here, before a process may load it.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { libraryFiles } from "./native_library.ts";

export interface ProgramCacheOptions {
  libraryDirectory: string;
  threads: number;
  /** XLA's flags in the process that compiles. */
  flags: string;
}

/** What one folder may hold; the oldest programs go first. */
const MOST_BYTES = 512 * 2 ** 20;
const SEALS = "seals.json";

/** Size and digest of each file when it was first seen. */
type Seals = Record<string, string>;

/**
 * The folder below `root` for such processes, with damaged files taken out. Undefined where none can be used: another system than
 * Linux, a folder that cannot be written, or a path that libtensorflow's flags cannot hold.
 */
export function openProgramCache(root: string, options: ProgramCacheOptions): string | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    const folder = join(root, `programs-${machineKey(options)}`);
    if (/[\s'"]/.test(folder)) return undefined;
    Deno.mkdirSync(folder, { recursive: true });
    takeOutDamaged(folder);
    return folder;
  } catch (error) {
    if (isFileError(error)) return undefined;
    throw error;
  }
}

/** Names what compiled code depends on. */
function machineKey({ libraryDirectory, threads, flags }: ProgramCacheOptions): string {
  const { size, mtime } = Deno.statSync(join(libraryDirectory, libraryFiles[0]));
  const [processor] = Deno.readTextFileSync("/proc/cpuinfo").split("\n\n");
  const kind = processor.split("\n").filter((line) =>
    /^(vendor_id|cpu family|model|model name|flags|Features)\s*:/.test(line)
  );
  const parts = [Deno.build.arch, size, mtime?.getTime(), threads, flags, ...kind];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}

/**
 * Removes files that are not what they were, and those that a loss of power may have cut: from before this start of the system and
 * never looked at since. Whole ones are sealed. libtensorflow writes a file under another name and then renames it.
 */
function takeOutDamaged(folder: string): void {
  const known = readSeals(join(folder, SEALS)), seals: Seals = {};
  const started = Date.now() - 1000 * Deno.osUptime();
  let bytes = 0;
  for (const { name, size, written } of programsIn(folder)) {
    bytes += size;
    const seal = bytes > MOST_BYTES ? undefined : sealOf(join(folder, name));
    const isWhole = known[name] === undefined ? written > started && size > 0 : known[name] === seal;
    if (seal !== undefined && isWhole) seals[name] = seal;
    else removeFile(join(folder, name));
  }
  const next = join(folder, `${SEALS}-${Deno.pid}`);
  Deno.writeTextFileSync(next, JSON.stringify(seals));
  Deno.renameSync(next, join(folder, SEALS));
}

/** From the youngest to the oldest. */
function programsIn(folder: string): { name: string; size: number; written: number }[] {
  const programs: { name: string; size: number; written: number }[] = [];
  for (const { name, isFile } of Deno.readDirSync(folder)) {
    if (!isFile || !name.endsWith(".pb")) continue;
    const { size, mtime } = Deno.statSync(join(folder, name));
    programs.push({ name, size, written: mtime?.getTime() ?? 0 });
  }
  return programs.sort((a, b) => b.written - a.written || (a.name < b.name ? -1 : 1));
}

function sealOf(path: string): string {
  const bytes = Deno.readFileSync(path);
  return `${bytes.length} ${createHash("sha256").update(bytes).digest("hex")}`;
}

/** None where there are none that can be read: the files are then judged anew. */
function readSeals(path: string): Seals {
  try {
    const seals: unknown = JSON.parse(Deno.readTextFileSync(path));
    if (typeof seals !== "object" || seals === null) return {};
    return Object.fromEntries(Object.entries(seals).map(([name, seal]) => [name, String(seal)]));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return {};
    throw error;
  }
}

/** Another process may have been faster. */
function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function isFileError(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.AlreadyExists ||
    error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.FilesystemLoop ||
    error instanceof Deno.errors.NotSupported;
}
