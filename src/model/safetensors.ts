// The safetensors file format: 8 bytes header length, JSON header, tensor bytes. float32 only; deterministic bytes.
// https://github.com/huggingface/safetensors: offsets are relative to the end of the header, tensors without gaps.
import { SchemaError } from "../base/errors.ts";

export interface StoredTensor {
  shape: number[];
  data: Float32Array;
}

export function encodeSafetensors(
  tensors: Record<string, StoredTensor>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const names = Object.keys(tensors).sort();
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  let offset = 0;
  for (const name of names) {
    const { shape, data } = tensors[name];
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = JSON.stringify(header);
  // Padded with spaces to a multiple of 8, as the format recommends, so that tensors are aligned.
  const head = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8, " "));
  const bytes = new Uint8Array(8 + head.length + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true);
  bytes.set(head, 8);
  let at = 8 + head.length;
  for (const name of names) {
    const { data } = tensors[name];
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

export function decodeSafetensors(
  bytes: Uint8Array,
  file: string,
): { tensors: Record<string, StoredTensor>; metadata: Record<string, string> } {
  const fail = (message: string, cause?: unknown): never => {
    throw new SchemaError(message, { file, cause });
  };
  if (bytes.length < 8) fail("is no safetensors file: shorter than its length field");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > bytes.length - 8) {
    fail(`is cut short: its header needs ${length} bytes, ${bytes.length - 8} are there`);
  }
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + length)));
  } catch (cause) {
    return fail("has a header that is no JSON", cause);
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    return fail("has a header that is no JSON object");
  }
  const tensors: Record<string, StoredTensor> = {};
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") {
      metadata = Object.fromEntries(
        Object.entries(Object(entry)).map(([key, value]) => [key, String(value)]),
      );
      continue;
    }
    const { dtype, shape, data_offsets: offsets } = Object(entry);
    if (dtype !== "F32") fail(`tensor "${name}" has dtype ${dtype}; this version reads F32`);
    if (!Array.isArray(shape) || !Array.isArray(offsets)) fail(`tensor "${name}" has no shape or offsets`);
    const [start, end] = offsets, size = shape.reduce((a: number, b: number) => a * b, 1);
    if (!(start >= 0) || end - start !== 4 * size || 8 + length + end > bytes.length) {
      fail(`tensor "${name}" is cut short or has offsets that do not fit its shape [${shape}]`);
    }
    // Copied, so that the data is aligned and does not hold the file.
    const data = bytes.slice(8 + length + start, 8 + length + end);
    tensors[name] = { shape, data: new Float32Array(data.buffer) };
  }
  return { tensors, metadata };
}
