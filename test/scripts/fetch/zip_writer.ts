// Writes small zip archives for tests, with every form that the reader must know: stored, deflated, zip64, programs.
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipEntry {
  path: string;
  data: Uint8Array;
  stored?: boolean;
  /** Sizes and offset as 64-bit numbers in the extra field. */
  zip64?: boolean;
  executable?: boolean;
  /** What the directory claims instead of the true checksum. */
  crc32?: number;
}

const ALL_ONES = 0xffffffff;

export function zipOf(
  entries: readonly ZipEntry[],
  options: { comment?: string; zip64End?: boolean } = {},
): Uint8Array {
  const parts: Uint8Array[] = [], directory: Uint8Array[] = [];
  let offset = 0;
  const add = (bytes: Uint8Array) => {
    parts.push(bytes);
    offset += bytes.length;
  };
  for (const entry of entries) {
    const start = offset;
    const name = new TextEncoder().encode(entry.path);
    const packed = entry.stored ? entry.data : new Uint8Array(deflateRawSync(entry.data));
    const common = [
      ...u16(entry.stored ? 0 : 8, 0, 0),
      ...u32(entry.crc32 ?? crc32(entry.data)),
      ...u32(entry.zip64 ? ALL_ONES : packed.length, entry.zip64 ? ALL_ONES : entry.data.length),
    ];
    // A local extra field of another length than the directory's, as real archives have.
    add(
      Uint8Array.from([
        ...u32(0x04034b50),
        ...u16(20, 0),
        ...common,
        ...u16(name.length, 6),
        ...name,
        ...u16(9, 2, 7),
      ]),
    );
    add(packed);
    const extra = entry.zip64
      ? [...u16(9, 2, 7), ...u16(1, 24), ...u64(entry.data.length, packed.length, start)]
      : [];
    directory.push(Uint8Array.from([
      ...u32(0x02014b50),
      ...u16((3 << 8) | 20, 20, 0),
      ...common,
      ...u16(name.length, extra.length, 0, 0, 0),
      ...u32((entry.executable ? 0o100755 : 0o100644) * 65_536, entry.zip64 ? ALL_ONES : start),
      ...name,
      ...extra,
    ]));
  }
  const directoryStart = offset;
  directory.forEach(add);
  const size = offset - directoryStart, end64 = offset;
  if (options.zip64End) {
    add(Uint8Array.from([
      ...u32(0x06064b50),
      ...u64(44),
      ...u16(45, 45),
      ...u32(0, 0),
      ...u64(entries.length, entries.length, size, directoryStart),
    ]));
    add(Uint8Array.from([...u32(0x07064b50, 0), ...u64(end64), ...u32(1)]));
  }
  const comment = new TextEncoder().encode(options.comment ?? "");
  const [count, bytes, at] = options.zip64End
    ? [0xffff, ALL_ONES, ALL_ONES]
    : [entries.length, size, directoryStart];
  add(
    Uint8Array.from([
      ...u32(0x06054b50),
      ...u16(0, 0, count, count),
      ...u32(bytes, at),
      ...u16(comment.length),
      ...comment,
    ]),
  );
  return concatenated(parts, offset);
}

function concatenated(parts: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function u16(...values: number[]): number[] {
  return values.flatMap((value) => [value & 255, (value >>> 8) & 255]);
}

function u32(...values: number[]): number[] {
  return values.flatMap((value) => [...u16(value & 0xffff), ...u16(Math.floor(value / 65_536) & 0xffff)]);
}

function u64(...values: number[]): number[] {
  return values.flatMap((value) => [...u32(value), ...u32(0)]);
}
