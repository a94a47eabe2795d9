// Whole safetensors files in memory: named tensors as bytes, and back. Equal tensors give equal bytes.
// Files of a model's size go tensor by tensor: read_weights.ts, write_weights.ts.
import { SchemaError } from "../base/errors.ts";
import {
  formatHeader,
  headerLength,
  LENGTH_BYTES,
  parseHeader,
  type SafetensorsHeader,
  type TensorPlace,
} from "./safetensors_header.ts";
import { isFloatType, widenFloats } from "./stored_floats.ts";

export interface StoredTensor {
  shape: number[];
  data: Float32Array;
}

/** The tensors as float32, sorted by name. */
export function encodeSafetensors(
  tensors: Record<string, StoredTensor>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const named = Object.entries(tensors).sort(([a], [b]) => (a < b ? -1 : 1));
  const head = formatHeader(named.map(([name, { shape }]) => ({ name, type: "F32", shape })), metadata);
  const size = named.reduce((sum, [, { data }]) => sum + data.byteLength, head.length);
  const bytes = new Uint8Array(size);
  bytes.set(head);
  let at = head.length;
  for (const [, { data }] of named) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** The tensors of a file as float32, in memory of their own; F32, F16 and BF16 are read. Errors name file and tensor. */
export function decodeSafetensors(
  bytes: Uint8Array,
  file: string,
): { tensors: Record<string, StoredTensor>; metadata: Record<string, string> } {
  const { tensors, metadata } = readHeader(bytes, file);
  const decoded = Array.from(tensors, ([name, place]): [string, StoredTensor] => {
    const data = new Float32Array(place.shape.reduce((product, length) => product * length, 1));
    widenTensor(bytes, data, { name, place, file });
    return [name, { shape: place.shape, data }];
  });
  return { tensors: Object.fromEntries(decoded), metadata };
}

/** The header of a file in memory. */
export function readHeader(bytes: Uint8Array, file: string): SafetensorsHeader {
  const length = headerLength(bytes.subarray(0, LENGTH_BYTES), { file, fileSize: bytes.length });
  return parseHeader(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length), { file, fileSize: bytes.length });
}

/** Fills `into` with one tensor of a file in memory. */
export function widenTensor(
  bytes: Uint8Array,
  into: Float32Array,
  { name, place, file }: { name: string; place: TensorPlace; file: string },
): void {
  if (!isFloatType(place.type)) throw unreadableType(name, place, file);
  widenFloats(bytes.subarray(place.start, place.start + place.numBytes), place.type, into);
}

/** What to throw for a tensor that holds no numbers a network computes with. */
export function unreadableType(name: string, { type }: TensorPlace, file: string): SchemaError {
  return new SchemaError(`Store tensor "${name}" as F32, F16 or BF16: its dtype is ${type}`, { file });
}
