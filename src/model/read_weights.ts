// The weights of a Hugging Face folder as the flat vector, tensor by tensor: memory is the vector plus a small buffer.
// Reads model.safetensors or its shards. Left out: pickled weights (pytorch_model.bin), which run code when opened.
import { z } from "zod";
import { SchemaError } from "../base/errors.ts";
import type { FolderFiles, OpenFile } from "../base/ports.ts";
import { assignTensors } from "./assign_tensors.ts";
import { checkedObject } from "./checked_object.ts";
import { type ModelShape, numParameters } from "./model_shape.ts";
import { unreadableType } from "./safetensors.ts";
import {
  headerLength,
  LENGTH_BYTES,
  parseHeader,
  type SafetensorsHeader,
  type TensorPlace,
} from "./safetensors_header.ts";
import { floatBytes, type FloatType, isFloatType, widenFloats } from "./stored_floats.ts";
import { decodeText, wholeContent } from "./whole_files.ts";

export const WHOLE_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";
const PICKLED_FILES = ["pytorch_model.bin", "pytorch_model.bin.index.json"] as const;

/** Read at a time where numbers must be widened or compared. */
const BUFFER_BYTES = 1 << 19;

interface Shard {
  /** For messages. */
  file: string;
  opened: OpenFile;
}

interface StoredPlace extends TensorPlace {
  shard: Shard;
  file: string;
}

/**
 * All parameters of a model, [parameters]. F16 and BF16 are widened exactly.
 * Throws SchemaError that names file and tensor: a file that is missing, cut short or inconsistent, a tensor that is missing,
 * extra, of another shape or no float.
 */
export async function readWeights(model: ModelShape, files: FolderFiles): Promise<Float32Array> {
  const opened: OpenFile[] = [];
  const open = async (name: string): Promise<OpenFile | undefined> => {
    const file = await files.open(name);
    if (file !== undefined) opened.push(file);
    return file;
  };
  try {
    const places = await locateTensors({ folder: files.folder, open });
    const assignments = assignTensors(model, places, {
      file: `${files.folder}/${WHOLE_FILE}`,
      describedBy: "config.json",
    });
    const flat = new Float32Array(numParameters(model)), buffer = new Uint8Array(BUFFER_BYTES);
    // A copy can be compared once what it must equal is there.
    for (const use of ["fill", "compare"] as const) {
      for (const { name, entry } of assignments.filter((assignment) => assignment.use === use)) {
        const place = places.get(name);
        if (place === undefined) throw new RangeError(`readWeights: "${name}" was assigned but not located`);
        const slice = flat.subarray(entry.offset, entry.offset + entry.size);
        await (use === "fill" ? fillTensor : compareTensor)({ name, place, slice, buffer });
      }
    }
    return flat;
  } finally {
    for (const file of opened) file.close();
  }
}

type Opener = Pick<FolderFiles, "folder" | "open">;

/** Where each tensor of the folder lies. */
async function locateTensors({ folder, open }: Opener): Promise<Map<string, StoredPlace>> {
  const whole = await open(WHOLE_FILE);
  if (whole !== undefined) {
    const shard = { file: `${folder}/${WHOLE_FILE}`, opened: whole };
    return placesOf(shard, await readHeader(shard));
  }
  const index = await open(INDEX_FILE);
  if (index === undefined) throw await noWeights({ folder, open });
  return await locateInShards(await readIndex(index, `${folder}/${INDEX_FILE}`), { folder, open });
}

async function noWeights({ folder, open }: Opener): Promise<SchemaError> {
  for (const name of PICKLED_FILES) {
    if (await open(name) === undefined) continue;
    return new SchemaError(
      `Convert the weights: only ${name} is there, which this program does not open. In Python: ` +
        "AutoModelForCausalLM.from_pretrained(DIR).save_pretrained(NEW_DIR)",
      { file: folder },
    );
  }
  return new SchemaError(`Complete the folder: it has neither ${WHOLE_FILE} nor ${INDEX_FILE}`, {
    file: folder,
  });
}

async function locateInShards(
  index: ReadonlyMap<string, string>,
  { folder, open }: Opener,
): Promise<Map<string, StoredPlace>> {
  const places = new Map<string, StoredPlace>();
  for (const shardName of new Set(index.values())) {
    const file = `${folder}/${shardName}`, opened = await open(shardName);
    if (opened === undefined) {
      throw new SchemaError(`Fetch the file: ${INDEX_FILE} names it, and it is missing`, { file });
    }
    const shard = { file, opened }, own = placesOf(shard, await readHeader(shard));
    for (const [name, place] of own) {
      const earlier = places.get(name);
      if (earlier !== undefined) {
        throw new SchemaError(`Write the shards again: tensor "${name}" stands in ${earlier.file} too`, {
          file,
        });
      }
      places.set(name, place);
    }
    for (const [name, named] of index) {
      if (named !== shardName || own.has(name)) continue;
      throw new SchemaError(
        `Fetch the file again: ${INDEX_FILE} says that it holds tensor "${name}", and it does not`,
        { file },
      );
    }
  }
  return places;
}

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** Tensor → file, from the text of the index. */
async function readIndex(index: OpenFile, file: string): Promise<Map<string, string>> {
  const parsed = checkedObject(decodeText(await wholeContent(index), file), indexSchema, file);
  const map = new Map(Object.entries(parsed.weight_map));
  for (const [tensor, name] of map) {
    // Only plain names: an index must not lead out of its folder.
    if (/^[^/\\]+\.safetensors$/.test(name)) continue;
    throw new SchemaError(
      `Give tensor "${tensor}" a .safetensors file of the same folder: it is in "${name}"`,
      {
        file,
      },
    );
  }
  return map;
}

async function readHeader({ file, opened }: Shard): Promise<SafetensorsHeader> {
  const first = new Uint8Array(Math.min(LENGTH_BYTES, opened.size));
  await opened.read(0, first);
  const json = new Uint8Array(headerLength(first, { file, fileSize: opened.size }));
  await opened.read(LENGTH_BYTES, json);
  return parseHeader(json, { file, fileSize: opened.size });
}

function placesOf(shard: Shard, { tensors }: SafetensorsHeader): Map<string, StoredPlace> {
  return new Map(Array.from(tensors, ([name, place]) => [name, { ...place, shard, file: shard.file }]));
}

/** One tensor of the folder and what it fills or must equal; `buffer` is shared by all of them. */
interface Reading {
  name: string;
  place: StoredPlace;
  slice: Float32Array;
  buffer: Uint8Array;
}

async function fillTensor(reading: Reading): Promise<void> {
  const { place, slice } = reading;
  if (place.type === "F32") {
    const bytes = new Uint8Array(slice.buffer, slice.byteOffset, slice.byteLength);
    await place.shard.opened.read(place.start, bytes);
    return;
  }
  for await (const { bytes, type, offset, count } of pieces(reading)) {
    widenFloats(bytes, type, slice.subarray(offset, offset + count));
  }
}

async function compareTensor(reading: Reading): Promise<void> {
  const { name, place, slice } = reading;
  for await (const { bytes, type, offset, count } of pieces(reading)) {
    const numbers = new Float32Array(count);
    widenFloats(bytes, type, numbers);
    const different = numbers.findIndex((value, i) => !Object.is(value, slice[offset + i]));
    if (different === -1) continue;
    throw new SchemaError(
      `Set "tie_word_embeddings" to false in config.json or drop the tensor: "${name}" is not the input embedding, though ` +
        `the model ties them (number ${offset + different})`,
      { file: place.file },
    );
  }
}

interface Piece {
  /** Valid until the next piece. */
  bytes: Uint8Array;
  type: FloatType;
  /** Numbers before it in its tensor, and in it. */
  offset: number;
  count: number;
}

/** The bytes of a stored tensor, as much at a time as the buffer takes. */
async function* pieces({ name, place, slice, buffer }: Reading): AsyncGenerator<Piece> {
  const { type } = place;
  if (!isFloatType(type)) throw unreadableType(name, place, place.file);
  const each = floatBytes(type), most = buffer.length / each;
  for (let offset = 0; offset < slice.length; offset += most) {
    const count = Math.min(most, slice.length - offset), bytes = buffer.subarray(0, each * count);
    await place.shard.opened.read(place.start + each * offset, bytes);
    yield { bytes, type, offset, count };
  }
}
