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

  it("refuses a file that is cut anywhere, or has bytes left over", () => {
    for (let length = 0; length < bytes.length; length++) {
      refuses(
        bytes.slice(0, length),
        /^model\.safetensors: Fetch the file again: .*(cut short|shorter than)/,
      );
    }
    refuses(bytes.slice(0, bytes.length - 1), /tensor "weight" is cut short, it needs 1 bytes more/);
    const longer = new Uint8Array(bytes.length + 3);
    longer.set(bytes);
    refuses(longer, /3 bytes follow its last tensor/);
  });

  it("refuses a header that is longer than the format allows", () => {
    const wrong = bytes.slice();
    wrong[5] = 1; // 2^40
    refuses(wrong, /its header would be 10995116\d+ bytes long, more than the format's 100000000/);
  });

  it("reads float16 and bfloat16, at any alignment", () => {
    const header = '{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},' +
      '"b":{"dtype":"BF16","shape":[2],"data_offsets":[2,6]}}';
    const file = fileOf(header, 6);
    // 1.5 as float16, 1.5 and −∞ as bfloat16.
    file.set([0x00, 0x3e, 0xc0, 0x3f, 0x80, 0xff], file.length - 6);
    const { tensors } = decodeSafetensors(file, "file");
    assert.deepEqual(Array.from(tensors.a.data), [1.5]);
    assert.deepEqual(Array.from(tensors.b.data), [1.5, -Infinity]);
  });

  it("names the tensor with another type, or one that the format does not know", () => {
    refuses(
      fileOf('{"w":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}', 8),
      /Store tensor "w" as F32, F16 or BF16: its dtype is I64/,
    );
    refuses(
      fileOf('{"w":{"dtype":"Q7","shape":[1],"data_offsets":[0,8]}}', 8),
      /tensor "w" .* dtype is "Q7"/,
    );
  });

  it("names the tensor whose place is not sound", () => {
    const one = (entry: string, numBytes = 8) => fileOf(`{"w":${entry}}`, numBytes);
    refuses(
      one('{"dtype":"F32","shape":[2],"data_offsets":[0,4]}'),
      /"w" has offsets that do not fit its shape \[2\], 4 bytes instead of 8/,
    );
    refuses(one('{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}'), /tensor "w" has no sound/);
    refuses(one('{"dtype":"F32","shape":[0.5],"data_offsets":[0,2]}'), /tensor "w" has no sound/);
    refuses(one('{"dtype":"F32","shape":[2],"data_offsets":[4,12]}'), /tensor "w" leaves a gap of 4 bytes/);
    refuses(one('{"dtype":"F32"}'), /tensor "w" has no sound dtype, shape or offsets/);
    refuses(one("null"), /tensor "w" /);
  });

  it("refuses tensors that overlap or share a name", () => {
    const place = (offsets: string) => `{"dtype":"F32","shape":[2],"data_offsets":[${offsets}]}`;
    refuses(fileOf(`{"a":${place("0,8")},"b":${place("4,12")}}`, 12), /tensor "b" overlaps another tensor/);
    refuses(
      fileOf(`{"a\\"{":${place("0,8")},"a\\"{":${place("8,16")}}`, 16),
      /tensor "a"\{" stands twice in its header/,
    );
    refuses(
      fileOf(`{"__proto__":${place("0,8")},"__proto__":${place("0,8")}}`, 8),
      /"__proto__" stands twice/,
    );
  });

  it("refuses a header that is no JSON object, and metadata that are no texts", () => {
    refuses(fileOf("{", 0), /header that is no JSON$/);
    for (const header of ["null", "[]", "3"]) refuses(fileOf(header, 0), /header that is no JSON object/);
    refuses(fileOf('{"__metadata__":{"a":1}}', 0), /its metadata must be texts by name/);
  });
});
