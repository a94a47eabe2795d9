// Reads a zip archive member by member from a file: central directory with zip64 sizes, stored and deflated data, CRC-32.
// A member is streamed to disk and never held in memory. Left out: encryption, several disks, links, other methods.
import { crc32 } from "node:zlib";
import { SchemaError } from "../../src/base/errors.ts";

export interface ZipMember {
  path: string;
  method: number;
  crc32: number;
  compressedBytes: number;
  bytes: number;
  headerOffset: number;
  /** The archive marks it as a program (Unix mode). */
  executable: boolean;
}

const END = 0x06054b50,
  END64_LOCATOR = 0x07064b50,
  END64 = 0x06064b50,
  ENTRY = 0x02014b50,
  LOCAL = 0x04034b50;
const END_BYTES = 22, LOCATOR_BYTES = 20, MAX_COMMENT_BYTES = 0xffff;
const STORED = 0, DEFLATED = 8;
const CHUNK_BYTES = 1 << 18;

/** All files of the archive, in the order of its central directory; folders are left out. */
export async function readZipMembers(path: string): Promise<ZipMember[]> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  const { offset, bytes } = await findDirectory(file, { path, size });
  if (offset + bytes > size) throw damaged(path, "its directory lies beyond its end");
  const view = viewOf(await readAt(file, offset, bytes, path));
  const members: ZipMember[] = [];
  for (let at = 0; at < bytes;) {
    if (at + 46 > bytes || view.getUint32(at, true) !== ENTRY) {
      throw damaged(path, `no entry at ${offset + at}`);
    }
    const { member, next } = readEntry(view, at, path);
    if (!member.path.endsWith("/")) members.push(member);
    at = next;
  }
  return members;
}

/** Writes one member to `options.to` and flushes it to the disk; throws unless size and CRC-32 are the promised ones. */
export async function extractZipMember(
  archive: string,
  member: ZipMember,
  options: { to: string; onBytes?: (written: number) => void },
): Promise<void> {
  if (member.method !== STORED && member.method !== DEFLATED) {
    throw damaged(archive, `"${member.path}" has the unknown compression method ${member.method}`);
  }
  using file = await Deno.open(archive);
  const header = viewOf(await readAt(file, member.headerOffset, 30, archive));
  if (header.getUint32(0, true) !== LOCAL) throw damaged(archive, `"${member.path}" has no local header`);
  const start = member.headerOffset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  const raw = section(file, { start, bytes: member.compressedBytes, path: archive });
  const data = member.method === STORED ? raw : raw.pipeThrough(new DecompressionStream("deflate-raw"));
  using out = await Deno.open(options.to, {
    write: true,
    createNew: true,
    mode: member.executable ? 0o755 : 0o644,
  });
  let checksum = 0, written = 0;
  for await (const chunk of data) {
    checksum = crc32(chunk, checksum);
    written += chunk.length;
    if (written > member.bytes) break;
    for (let at = 0; at < chunk.length;) at += await out.write(chunk.subarray(at));
    options.onBytes?.(chunk.length);
  }
  if (written !== member.bytes || checksum !== member.crc32) {
    throw damaged(
      archive,
      `"${member.path}" does not have the size and checksum that its directory promises`,
    );
  }
  await out.sync();
}

async function findDirectory(file: Deno.FsFile, options: { path: string; size: number }) {
  const { path, size } = options;
  const tailBytes = Math.min(size, LOCATOR_BYTES + END_BYTES + MAX_COMMENT_BYTES);
  const tail = viewOf(await readAt(file, size - tailBytes, tailBytes, path));
  let end = tailBytes - END_BYTES;
  while (end >= 0 && tail.getUint32(end, true) !== END) end--;
  if (end < 0) throw damaged(path, "it is no zip archive, or it is cut off");
  const locator = end - LOCATOR_BYTES;
  if (locator < 0 || tail.getUint32(locator, true) !== END64_LOCATOR) {
    return { bytes: tail.getUint32(end + 12, true), offset: tail.getUint32(end + 16, true) };
  }
  const end64 = viewOf(await readAt(file, Number(tail.getBigUint64(locator + 8, true)), 56, path));
  if (end64.getUint32(0, true) !== END64) throw damaged(path, "its zip64 directory is missing");
  return { bytes: Number(end64.getBigUint64(40, true)), offset: Number(end64.getBigUint64(48, true)) };
}

function readEntry(
  view: DataView<ArrayBuffer>,
  at: number,
  path: string,
): { member: ZipMember; next: number } {
  const nameBytes = view.getUint16(at + 28, true), extraBytes = view.getUint16(at + 30, true);
  const extra = at + 46 + nameBytes;
  const next = extra + extraBytes + view.getUint16(at + 32, true);
  if (next > view.byteLength) throw damaged(path, "its directory is cut off");
  const madeOnUnix = view.getUint8(at + 5) === 3;
  const member: ZipMember = {
    path: new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + 46, nameBytes)),
    method: view.getUint16(at + 10, true),
    crc32: view.getUint32(at + 16, true),
    compressedBytes: view.getUint32(at + 20, true),
    bytes: view.getUint32(at + 24, true),
    headerOffset: view.getUint32(at + 42, true),
    executable: madeOnUnix && ((view.getUint32(at + 38, true) >>> 16) & 0o111) !== 0,
  };
  applyZip64(view, member, { from: extra, to: extra + extraBytes });
  return { member, next };
}

/** The zip64 field holds, in this order, only those numbers whose 32-bit place is all ones. */
function applyZip64(view: DataView, member: ZipMember, field: { from: number; to: number }): void {
  const TOO_BIG = 0xffffffff;
  for (let at = field.from; at + 4 <= field.to; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    let value = at + 4;
    const take = () => Number(view.getBigUint64((value += 8) - 8, true));
    if (member.bytes === TOO_BIG) member.bytes = take();
    if (member.compressedBytes === TOO_BIG) member.compressedBytes = take();
    if (member.headerOffset === TOO_BIG) member.headerOffset = take();
    return;
  }
}

/** `bytes` bytes of the file from `start` on, read as they are asked for. */
function section(
  file: Deno.FsFile,
  options: { start: number; bytes: number; path: string },
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = options.start;
  const end = options.start + options.bytes;
  return new ReadableStream({
    async pull(controller) {
      if (at >= end) return controller.close();
      const chunk = await readAt(file, at, Math.min(CHUNK_BYTES, end - at), options.path);
      at += chunk.length;
      controller.enqueue(chunk);
    },
  }, { highWaterMark: 1 });
}

async function readAt(file: Deno.FsFile, offset: number, bytes: number, path: string) {
  const buffer = new Uint8Array(bytes);
  await file.seek(offset, Deno.SeekMode.Start);
  for (let at = 0; at < bytes;) {
    const read = await file.read(buffer.subarray(at));
    if (read === null) throw damaged(path, "it is cut off");
    at += read;
  }
  return buffer;
}

function viewOf(bytes: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function damaged(path: string, what: string): SchemaError {
  return new SchemaError(`Fetch the archive again: ${what}`, { file: path });
}
