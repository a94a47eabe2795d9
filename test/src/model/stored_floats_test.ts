// float16 and bfloat16: every value of 16 bits, hand values, rounding against its definition.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { type FloatType, narrowFloats, roundFloats, widenFloats } from "../../../src/model/stored_floats.ts";

/** All 65536 halves as the bytes of a file. */
function allHalves(): Uint8Array {
  return new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);
}

function widened(bytes: Uint8Array, type: FloatType): Float32Array {
  const into = new Float32Array(bytes.length / 2);
  widenFloats(bytes, type, into);
  return into;
}

const half = (bits: number, type: FloatType) => widened(Uint8Array.of(bits & 0xff, bits >> 8), type)[0];
const bitsOf = (value: number, type: FloatType) => {
  const bytes = narrowFloats(Float32Array.of(value), type);
  return bytes[0] | bytes[1] << 8;
};

/** A half's value by IEEE 754's definition, in float64. */
function defined(
  bits: number,
  { exponentBits, fractionBits }: { exponentBits: number; fractionBits: number },
) {
  const sign = bits >> 15 ? -1 : 1, bias = 2 ** (exponentBits - 1) - 1, top = 2 ** exponentBits - 1;
  const exponent = bits >> fractionBits & top, fraction = bits & 2 ** fractionBits - 1;
  if (exponent === top) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias - fractionBits);
  return sign * (1 + fraction / 2 ** fractionBits) * 2 ** (exponent - bias);
}

describe("widenFloats()", () => {
  it("gives every float16 and bfloat16 its value, subnormals and infinities included", () => {
    const forms = {
      F16: { exponentBits: 5, fractionBits: 10 },
      BF16: { exponentBits: 8, fractionBits: 7 },
    };
    for (const type of ["F16", "BF16"] as const) {
      widened(allHalves(), type).forEach((value, bits) => {
        const wanted = defined(bits, forms[type]);
        assert.ok(Object.is(value, wanted), `${type} ${bits.toString(16)}: ${value} instead of ${wanted}`);
      });
    }
  });

  it("keeps a NaN's payload and reads bytes at any alignment", () => {
    const bytes = new Uint8Array(3), into = new Float32Array(1);
    bytes.set([0xa1, 0x7f], 1);
    widenFloats(bytes.subarray(1), "BF16", into);
    assert.equal(new Uint32Array(into.buffer)[0], 0x7fa1_0000);
    const four = Uint8Array.of(9, 0x01, 0x00, 0xa0, 0x7f);
    widenFloats(four.subarray(1), "F32", into);
    assert.equal(new Uint32Array(into.buffer)[0], 0x7fa0_0001);
  });

  it("refuses another number of bytes", () => {
    assert.throws(
      () => widenFloats(new Uint8Array(3), "F16", new Float32Array(2)),
      /3 bytes are not 2 numbers/,
    );
  });
});

describe("narrowFloats()", () => {
  it("is undone by widenFloats() for every half that is a number", () => {
    for (const type of ["F16", "BF16"] as const) {
      const halves = allHalves(), values = widened(halves, type), again = narrowFloats(values, type);
      values.forEach((value, bits) => {
        if (Number.isNaN(value)) assert.ok(Number.isNaN(half(bitsOf(value, type), type)));
        else assert.equal(again[2 * bits] | again[2 * bits + 1] << 8, bits);
      });
    }
  });

  it("rounds ties to even, and to infinity beyond the range", () => {
    // 1 + 2^−8 lies halfway between 1 (even) and 1 + 2^−7; 1 + 3·2^−8 between 1 + 2^−7 and 1 + 2^−6 (even).
    assert.equal(half(bitsOf(1 + 2 ** -8, "BF16"), "BF16"), 1);
    assert.equal(half(bitsOf(1 + 3 * 2 ** -8, "BF16"), "BF16"), 1 + 2 ** -6);
    assert.equal(half(bitsOf(3.4e38, "BF16"), "BF16"), Infinity);
    assert.equal(half(bitsOf(1 + 2 ** -11, "F16"), "F16"), 1);
    assert.equal(half(bitsOf(1 + 3 * 2 ** -11, "F16"), "F16"), 1 + 2 ** -9);
    assert.equal(half(bitsOf(65519, "F16"), "F16"), 65504);
    assert.equal(half(bitsOf(-65520, "F16"), "F16"), -Infinity);
    // The smallest float16 is 2^−24: half of it rounds to even, which is 0, and anything more to it.
    assert.ok(Object.is(half(bitsOf(-(2 ** -25), "F16"), "F16"), -0));
    assert.equal(half(bitsOf(1.0001 * 2 ** -25, "F16"), "F16"), 2 ** -24);
    assert.equal(half(bitsOf(1.5 * 2 ** -24, "F16"), "F16"), 2 ** -23);
    // Rounded up out of the subnormals: the smallest normal number.
    assert.equal(half(bitsOf(2 ** -14 - 2 ** -26, "F16"), "F16"), 2 ** -14);
  });

  it("gives the nearest half of any float32", () => {
    fc.assert(
      fc.property(
        fc.float({ noNaN: true, noDefaultInfinity: true }),
        fc.constantFrom("F16" as const, "BF16" as const),
        (value, type) => {
          const bits = bitsOf(value, type), got = half(bits, type);
          if (!Number.isFinite(got)) return;
          const below = half(bits === 0 ? 0x8001 : bits - 1, type), above = half(bits + 1, type);
          for (const other of [below, above]) {
            if (Number.isFinite(other)) assert.ok(Math.abs(got - value) <= Math.abs(other - value));
          }
        },
      ),
      { seed: 7, numRuns: 2000 },
    );
  });
});

describe("roundFloats()", () => {
  it("leaves numbers that the type holds, and nothing else, as they were", () => {
    const values = Float32Array.of(1, 1 + 2 ** -9, -3e-39);
    roundFloats(values, "BF16");
    assert.deepEqual(Array.from(values.subarray(0, 2)), [1, 1]);
    const once = values.slice();
    roundFloats(values, "BF16");
    assert.deepEqual(values, once);
  });
});
