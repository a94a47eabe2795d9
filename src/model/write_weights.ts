// The weights of a Hugging Face folder from the flat vector, tensor by tensor, in one file or in shards with their index.
// In one file and as float32 the bytes are those of `encodeModel`.
import { ConfigError } from "../base/errors.ts";
import type { FolderWriter } from "../base/ports.ts";
import { shapeMetadata } from "./checkpoint.ts";
import { type LayoutEntry, type ModelShape, parameterLayout } from "./model_shape.ts";
import { INDEX_FILE, WHOLE_FILE } from "./read_weights.ts";
import { formatHeader } from "./safetensors_header.ts";
import { floatBytes, type FloatType, narrowFloats } from "./stored_floats.ts";
import { writeWhole } from "./whole_files.ts";

export interface WeightFileOptions {
  /** Narrower types round to the nearest, ties to even. @default "F32" */
  type?: FloatType;
  /** Bytes of tensors in one file; a larger tensor gets a file of its own. @default 5e9, as transformers */
  maxShardBytes?: number;
}

/** Numbers narrowed and written at a time. */
const PIECE = 1 << 18;

/** Writes the files and returns their names. ConfigError names a tensor with a number beyond the type's range. */
export async function writeWeights(
  writer: FolderWriter,
  { model, flat }: { model: ModelShape; flat: Float32Array },
  { type = "F32", maxShardBytes = 5e9 }: WeightFileOptions = {},
): Promise<string[]> {
  const layout = parameterLayout(model);
  const shards = shardsOf(layout, maxShardBytes / floatBytes(type));
  const names = shards.map((_, i) => shardName(i, shards.length));
  for (const [i, entries] of shards.entries()) {
    // One file holds the whole shape; a shard says only what transformers asks for.
    const { format, ...rest } = shapeMetadata(model), metadata = { format, ...(shards.length === 1 && rest) };
    await writeShard(writer, { name: names[i], entries, flat, type, metadata });
  }
  if (shards.length === 1) return names;
  await writeIndex(writer, { shards, names, type });
  return [...names, INDEX_FILE];
}

/** Tensors in their order, as many in a shard as fit. */
function shardsOf(layout: readonly LayoutEntry[], maxSize: number): LayoutEntry[][] {
  const shards: LayoutEntry[][] = [];
  let room = 0;
  for (const entry of layout) {
    if (shards.length === 0 || entry.size > room) {
      shards.push([]);
      room = maxSize;
    }
    shards[shards.length - 1].push(entry);
    room -= entry.size;
  }
  return shards;
}

function shardName(index: number, count: number): string {
  const five = (number: number) => String(number).padStart(5, "0");
  return count === 1 ? WHOLE_FILE : `model-${five(index + 1)}-of-${five(count)}.safetensors`;
}

async function writeShard(
  writer: FolderWriter,
  { name, entries, flat, type, metadata }: {
    name: string;
    entries: readonly LayoutEntry[];
    flat: Float32Array;
    type: FloatType;
    metadata: Record<string, string>;
  },
): Promise<void> {
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const file = await writer.create(name);
  try {
    await file.write(formatHeader(sorted.map(({ name, shape }) => ({ name, type, shape })), metadata));
    for (const entry of sorted) {
      for (let done = 0; done < entry.size; done += PIECE) {
        const start = entry.offset + done, end = entry.offset + Math.min(done + PIECE, entry.size);
        const numbers = flat.subarray(start, end), bytes = narrowFloats(numbers, type);
        if (type === "F16") checkRange(entry, numbers, bytes);
        await file.write(bytes);
      }
    }
  } finally {
    file.close();
  }
}

/** float16 ends at 65504; a weight that turned infinite would break the model without a word. */
function checkRange({ name }: LayoutEntry, numbers: Float32Array, bytes: Uint8Array): void {
  const over = numbers.findIndex((value, i) =>
    Number.isFinite(value) && (bytes[2 * i + 1] & 0x7f) === 0x7c && bytes[2 * i] === 0
  );
  if (over === -1) return;
  throw new ConfigError(`Write BF16 or F32: tensor "${name}" holds ${numbers[over]}, beyond float16's range`);
}

async function writeIndex(
  writer: FolderWriter,
  { shards, names, type }: { shards: readonly LayoutEntry[][]; names: readonly string[]; type: FloatType },
): Promise<void> {
  const places = shards.flatMap((entries, i) => entries.map(({ name }) => [name, names[i]] as const));
  const numParameters = shards.flat().reduce((sum, { size }) => sum + size, 0);
  const index = {
    metadata: { total_parameters: numParameters, total_size: numParameters * floatBytes(type) },
    weight_map: Object.fromEntries(places.toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
  await writeWhole(writer, INDEX_FILE, `${JSON.stringify(index, null, 2)}\n`);
}
