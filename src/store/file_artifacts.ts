// Artifacts of a run as files `artifacts/sha256/ab/cdef…`: written beside, synced, renamed, folder synced; verified when read.
// Several processes may put and get at once. Nothing is ever deleted but unfinished writes of processes that are gone.
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { sha256 } from "../base/canonical.ts";
import { DamageError } from "../base/errors.ts";
import type { ArtifactStore, Digest } from "../base/ports.ts";
import { artifactDigest, digestHex } from "./artifact_digest.ts";
import { createFolder, syncFolder, writeFailure } from "./durable_folder.ts";
import { runFiles } from "./run_files.ts";

export type ArtifactReader = Pick<ArtifactStore, "get" | "has">;

/**
 * The artifacts of a run's folder, for reading and writing; removes what killed writers left unfinished.
 * The bytes given to `put` must not change before it resolves.
 */
export function openFileArtifacts(folder: string): ArtifactStore {
  const root = runFiles(folder).artifacts;
  removeLeftovers(root);
  const putOne = async (bytes: Uint8Array) => {
    const digest = artifactDigest(bytes);
    await put(root, { bytes, digest });
    return digest;
  };
  return { ...readFileArtifacts(folder), put: putOne };
}

/** For reading only: changes nothing in the folder. */
export function readFileArtifacts(folder: string): ArtifactReader {
  const root = runFiles(folder).artifacts;
  return {
    get: (digest) => get(root, digest),
    async has(digest) {
      return (await sizeOf(artifactPath(root, digest))) !== undefined;
    },
  };
}

export interface ArtifactFinding {
  file: string;
  /** Bytes. */
  size: number;
  /** What is wrong with it. */
  problem?: string;
}

/** Compares an artifact with its name, without ever having all of it in memory. */
export async function examineFileArtifact(folder: string, digest: Digest): Promise<ArtifactFinding> {
  const path = artifactPath(runFiles(folder).artifacts, digest), hash = createHash("sha256");
  let size = 0;
  try {
    using file = await Deno.open(path, { read: true });
    const buffer = new Uint8Array(EXAMINED_BYTES);
    for (let count = await file.read(buffer); count !== null; count = await file.read(buffer)) {
      hash.update(buffer.subarray(0, count));
      size += count;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { file: path, size, problem: MISSING };
  }
  const isSound = hash.digest("hex") === digestHex(digest);
  return { file: path, size, ...(isSound ? {} : { problem: changedText(size) }) };
}

/** In memory at a time. */
const EXAMINED_BYTES = 1 << 20;

const MISSING = "it is missing";

function changedText(size: number): string {
  return `its ${size} bytes were changed or cut, they do not match its name`;
}

function artifactPath(root: string, digest: Digest): string {
  const hex = digestHex(digest);
  return join(root, "sha256", hex.slice(0, 2), hex.slice(2));
}

function unfinishedFolder(root: string): string {
  return join(root, "unfinished");
}

async function get(root: string, digest: Digest): Promise<Uint8Array> {
  const path = artifactPath(root, digest);
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new DamageError(`Restore the artifact from a copy: ${MISSING}`, { file: path, cause });
  }
  if (sha256(bytes) === digestHex(digest)) return bytes;
  throw new DamageError(`Restore the artifact from a copy: ${changedText(bytes.length)}`, { file: path });
}

/** Leaves sound content as it is; damaged content is replaced by the right one, which is at hand here. */
async function put(root: string, { bytes, digest }: { bytes: Uint8Array; digest: Digest }): Promise<void> {
  const path = artifactPath(root, digest);
  try {
    if (!(await holds(path, { size: bytes.length, hex: digestHex(digest) }))) {
      createFolder(unfinishedFolder(root));
      createFolder(dirname(path));
      await writeBesideAndRename(root, { path, bytes });
    }
    // Also when the content was there: another process may have renamed it and not got further.
    syncFolder(dirname(path));
    syncFolder(dirname(dirname(path)));
  } catch (cause) {
    throw writeFailure(path, cause);
  }
}

async function holds(path: string, wanted: { size: number; hex: string }): Promise<boolean> {
  if ((await sizeOf(path)) !== wanted.size) return false;
  return sha256(await Deno.readFile(path)) === wanted.hex;
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Writers share the lock for as long as their file is unfinished, so that nobody takes it for a leftover. */
async function writeBesideAndRename(
  root: string,
  { path, bytes }: { path: string; bytes: Uint8Array },
): Promise<void> {
  using lock = openLock(root);
  await lock.lock(false);
  const beside = join(unfinishedFolder(root), crypto.randomUUID());
  try {
    using file = await Deno.open(beside, { createNew: true, write: true });
    await writeBytes(file, bytes);
    await file.sync();
    await Deno.rename(beside, path);
  } catch (error) {
    removeIfThere(beside);
    throw error;
  }
}

async function writeBytes(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const count = await file.write(bytes.subarray(written));
    if (count === 0) throw new Error("the file takes no more bytes");
    written += count;
  }
}

/** While any process writes, nothing is removed: the next opening will do. */
function removeLeftovers(root: string): void {
  const folder = unfinishedFolder(root);
  if (!isFolder(folder)) return;
  using lock = openLock(root);
  if (!lock.tryLockSync(true)) return;
  for (const { name } of [...Deno.readDirSync(folder)]) Deno.removeSync(join(folder, name));
}

function openLock(root: string): Deno.FsFile {
  return Deno.openSync(join(root, "lock"), { create: true, write: true });
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // The caller throws the error that matters; what stays is removed at the next opening.
  }
}
