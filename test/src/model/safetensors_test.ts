// The safetensors format: round trip, bytes by hand, every refusal.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { SchemaError } from "../../../src/base/errors.ts";
import { decodeSafetensors, encodeSafetensors } from "../../../src/model/safetensors.ts";

const TENSORS = {
  weight: { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 1e-30, 3e38) },
  bias: { shape: [], data: Float32Array.of(7) },
};

/** A file with the given header text and number of data bytes. */
function fileOf(header: string, dataBytes: number): Uint8Array {
  const head = new TextEncoder().encode(header), bytes = new Uint8Array(8 + head.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true);
  bytes.set(head, 8);
  return bytes;
}

function refuses(bytes: Uint8Array, message: RegExp): void {
  assert.throws(
    () => decodeSafetensors(bytes, "model.safetensors"),
    (error) => error instanceof SchemaError && message.test(error.message),
  );
}

describe("encodeSafetensors()", () => {
  it("is undone by decodeSafetensors(), bit by bit, with the metadata", () => {
    const data = Float32Array.of(NaN, -0, Infinity, 1 / 3);
    const bytes = encodeSafetensors({ ...TENSORS, odd: { shape: [4], data } }, { step: "3", "né": "ü" });
    const { tensors, metadata } = decodeSafetensors(bytes, "file");
    assert.deepEqual(tensors, { ...TENSORS, odd: { shape: [4], data } });
    assert.ok(Object.is(tensors.odd.data[1], -0));
    assert.deepEqual(metadata, { step: "3", "né": "ü" });
  });

  it("writes the format by hand: length, header, tensors by name", () => {
    const bytes = encodeSafetensors({
      b: { shape: [1], data: Float32Array.of(2) },
      a: { shape: [1], data: Float32Array.of(1) },
    });
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    assert.equal(length % 8, 0);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))), {
      a: { dtype: "F32", shape: [1], data_offsets: [0, 4] },
      b: { dtype: "F32", shape: [1], data_offsets: [4, 8] },
    });
    assert.deepEqual(Array.from(new Float32Array(bytes.slice(8 + length).buffer)), [1, 2]);
  });

  it("gives equal bytes for equal tensors, in any order of names", () => {
    const { weight, bias } = TENSORS;
    assert.deepEqual(encodeSafetensors({ weight, bias }), encodeSafetensors({ bias, weight }));
  });
});

describe("decodeSafetensors()", () => {
  const bytes = encodeSafetensors(TENSORS);

  it("refuses a file that is cut anywhere", () => {
    for (const length of [0, 7, 8, 20, bytes.length - 4, bytes.length - 1]) {
      refuses(bytes.slice(0, length), /^model\.safetensors: .*(cut short|shorter than)/);
    }
  });

  it("names the tensor that is cut short or of another type", () => {
    refuses(bytes.slice(0, bytes.length - 1), /tensor "weight" is cut short/);
    refuses(
      fileOf('{"w":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}', 2),
      /tensor "w" has dtype BF16; this version reads F32/,
    );
    refuses(
      fileOf('{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', 8),
      /"w" .* do not fit its shape \[2\]/,
    );
    refuses(fileOf('{"w":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}', 8), /"w" /);
    refuses(fileOf('{"w":{"dtype":"F32"}}', 8), /tensor "w" has no shape or offsets/);
    refuses(fileOf('{"w":null}', 8), /tensor "w" /);
  });

  it("refuses a header that is no JSON object", () => {
    refuses(fileOf("{", 0), /header that is no JSON$/);
    for (const header of ["null", "[]", "3"]) refuses(fileOf(header, 0), /header that is no JSON object/);
  });
});
