// The head of a safetensors file: 8 bytes of length, then JSON that says where each tensor's bytes lie. As strict as the
// format's own library: no gap, no overlap, no byte left over. https://github.com/huggingface/safetensors
import { z } from "zod";
import { SchemaError } from "../base/errors.ts";

/** One tensor's bytes in its file. */
export interface TensorPlace {
  /** The format's name of the number type: "F32", "BF16", "I64" … */
  type: string;
  shape: number[];
  /** First byte, counted from the start of the file. */
  start: number;
  numBytes: number;
}

export interface SafetensorsHeader {
  tensors: Map<string, TensorPlace>;
  metadata: Record<string, string>;
}

export interface TensorForm {
  name: string;
  type: string;
  shape: readonly number[];
}

/** Bytes before the header. */
export const LENGTH_BYTES = 8;
/** The format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

const BYTES_OF_TYPE: ReadonlyMap<string, number> = new Map([
  ...["F64", "I64", "U64", "C64"].map((type) => [type, 8] as const),
  ...["F32", "I32", "U32"].map((type) => [type, 4] as const),
  ...["F16", "BF16", "I16", "U16"].map((type) => [type, 2] as const),
  ...["I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"].map((type) => [type, 1] as const),
]);

/** Length field and header of a file that holds the tensors in this order. */
export function formatHeader(
  tensors: readonly TensorForm[],
  metadata: Record<string, string> = {},
): Uint8Array {
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [["__metadata__", metadata]] : [];
  let offset = 0;
  for (const { name, type, shape } of tensors) {
    const end = offset + tensorBytes(type, shape);
    entries.push([name, { dtype: type, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  // Padded with spaces to a multiple of 8, as the format recommends, so that tensors are aligned.
  const length = Math.ceil(json.length / 8) * 8, bytes = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, LENGTH_BYTES);
  return bytes;
}

/** Bytes of the header's JSON, from the first 8 bytes of a file of `fileSize` bytes. */
export function headerLength(
  first: Uint8Array,
  { file, fileSize }: { file: string; fileSize: number },
): number {
  if (first.length < LENGTH_BYTES) {
    throw new SchemaError("Fetch the file again: it is no safetensors file, shorter than its length field", {
      file,
    });
  }
  const length = Number(new DataView(first.buffer, first.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    throw new SchemaError(
      `Fetch the file again: its header would be ${length} bytes long, more than the format's ${MAX_HEADER_BYTES}; ` +
        "it is no safetensors file",
      { file },
    );
  }
  if (length > fileSize - LENGTH_BYTES) {
    throw new SchemaError(
      `Fetch the file again: it is cut short, its header needs ${length} bytes and ${
        fileSize - LENGTH_BYTES
      } are there`,
      { file },
    );
  }
  return length;
}

/** What the header's JSON says, checked against the file's length. Errors name file and tensor. */
export function parseHeader(
  json: Uint8Array,
  { file, fileSize }: { file: string; fileSize: number },
): SafetensorsHeader {
  const text = headerText(json, file), { __metadata__: metadata, ...entries } = headerObject(text, file);
  const places = Object.entries(entries).map(([name, entry]) => ({
    name,
    ...tensorPlace(name, entry, file),
  }));
  checkDuplicates(text, { file, numKeys: places.length + (metadata === undefined ? 0 : 1) });
  const dataStart = LENGTH_BYTES + json.length;
  checkCoverage(places, { file, numBytes: fileSize - dataStart });
  return {
    tensors: new Map(
      places.map(({ name, start, ...place }) => [name, { ...place, start: dataStart + start }]),
    ),
    metadata: metadataOf(metadata, file),
  };
}

function headerText(json: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(json);
  } catch (cause) {
    throw new SchemaError("Fetch the file again: it has a header that is no JSON", { file, cause });
  }
}

function headerObject(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SchemaError("Fetch the file again: it has a header that is no JSON", { file, cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SchemaError("Fetch the file again: it has a header that is no JSON object", { file });
  }
  return Object.fromEntries(Object.entries(value));
}

function metadataOf(value: unknown, file: string): Record<string, string> {
  const parsed = z.record(z.string(), z.string()).safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  throw new SchemaError("Write the file again: its metadata must be texts by name", { file });
}

const size = z.int().nonnegative();
const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(size),
  data_offsets: z.tuple([size, size]),
});

/** One tensor's place, counted from the end of the header. */
function tensorPlace(name: string, entry: unknown, file: string): TensorPlace {
  const parsed = entrySchema.safeParse(entry);
  if (!parsed.success) {
    throw new SchemaError(`Write the file again: tensor "${name}" has no sound dtype, shape or offsets`, {
      file,
    });
  }
  const { dtype: type, shape, data_offsets: [start, end] } = parsed.data;
  if (!BYTES_OF_TYPE.has(type)) {
    throw new SchemaError(`Store tensor "${name}" as F32, F16 or BF16: its dtype is "${type}"`, { file });
  }
  const numBytes = tensorBytes(type, shape);
  if (end - start !== numBytes) {
    throw new SchemaError(
      `Write the file again: tensor "${name}" has offsets that do not fit its shape [${shape}], ${
        end - start
      } bytes instead of ${numBytes}`,
      { file },
    );
  }
  return { type, shape, start, numBytes };
}

function tensorBytes(type: string, shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, BYTES_OF_TYPE.get(type) ?? 0);
}

/** Tensors must lie one after the other and end where the file ends. */
function checkCoverage(
  places: readonly (TensorPlace & { name: string })[],
  { file, numBytes }: { file: string; numBytes: number },
): void {
  let end = 0;
  for (const place of places.toSorted((a, b) => a.start - b.start || a.numBytes - b.numBytes)) {
    if (place.start !== end) {
      const problem = place.start < end
        ? "overlaps another tensor"
        : `leaves a gap of ${place.start - end} bytes`;
      throw new SchemaError(`Write the file again: tensor "${place.name}" ${problem}`, { file });
    }
    end += place.numBytes;
    if (end > numBytes) {
      throw new SchemaError(
        `Fetch the file again: tensor "${place.name}" is cut short, it needs ${end - numBytes} bytes more`,
        { file },
      );
    }
  }
  if (end < numBytes) {
    throw new SchemaError(`Fetch the file again: ${numBytes - end} bytes follow its last tensor`, { file });
  }
}

/** JSON.parse keeps the last of equal keys without a word; two tensors of one name are refused. */
function checkDuplicates(text: string, { file, numKeys }: { file: string; numKeys: number }): void {
  const keys = topLevelKeys(text);
  if (keys.length === numKeys) return;
  const seen = new Set<string>();
  const twice = keys.find((key) => seen.size === seen.add(key).size);
  throw new SchemaError(`Write the file again: tensor "${twice}" stands twice in its header`, { file });
}

/** Keys of the outermost object of valid JSON. */
function topLevelKeys(text: string): string[] {
  const keys: string[] = [], token = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}[\]]/g;
  let depth = 0;
  for (const [found, colon] of text.matchAll(token)) {
    if (found === "{" || found === "[") depth++;
    else if (found === "}" || found === "]") depth--;
    else if (depth === 1 && colon !== undefined) keys.push(JSON.parse(found.slice(0, -colon.length)));
  }
  return keys;
}
