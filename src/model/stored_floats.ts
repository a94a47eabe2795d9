// Floating-point numbers as files store them: float32, float16 and bfloat16, little-endian, from and to float32.
// Widening is exact, NaN payloads and subnormals included; narrowing rounds to the nearest, ties to even (IEEE 754).

export const FLOAT_TYPES = ["F32", "F16", "BF16"] as const;
export type FloatType = typeof FLOAT_TYPES[number];

export function isFloatType(type: string): type is FloatType {
  return FLOAT_TYPES.some((known) => known === type);
}

/** Bytes of one number. */
export function floatBytes(type: FloatType): number {
  return type === "F32" ? 4 : 2;
}

/** Stored numbers as float32: `bytes`, at any alignment, fill `into`. */
export function widenFloats(bytes: Uint8Array, type: FloatType, into: Float32Array): void {
  if (bytes.length !== into.length * floatBytes(type)) {
    throw new RangeError(`widenFloats: ${bytes.length} bytes are not ${into.length} numbers of type ${type}`);
  }
  if (type === "F32") {
    new Uint8Array(into.buffer, into.byteOffset, into.byteLength).set(bytes);
    return;
  }
  // Written as bits: a float assignment may change a NaN's payload.
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length);
  const widen = type === "BF16" ? (half: number) => half << 16 : float16Bits;
  for (let i = 0; i < bits.length; i++) bits[i] = widen(bytes[2 * i] | bytes[2 * i + 1] << 8);
}

/** The numbers as bytes of a file; a finite number beyond the type's range becomes infinite. */
export function narrowFloats(values: Float32Array, type: FloatType): Uint8Array {
  if (type === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const narrow = type === "BF16" ? toBfloat16 : toFloat16, bytes = new Uint8Array(2 * values.length);
  for (let i = 0; i < bits.length; i++) {
    const half = narrow(bits[i]);
    bytes[2 * i] = half & 0xff;
    bytes[2 * i + 1] = half >>> 8;
  }
  return bytes;
}

/** Rounds every number in place to one that the type can hold. */
export function roundFloats(values: Float32Array, type: FloatType): void {
  widenFloats(narrowFloats(values, type), type, values);
}

/** Bits of a float16 as those of the equal float32. */
function float16Bits(half: number): number {
  const sign = (half & 0x8000) << 16, exponent = half >>> 10 & 0x1f, fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f80_0000 | fraction << 13;
  if (exponent > 0) return sign | (exponent + 112) << 23 | fraction << 13;
  if (fraction === 0) return sign;
  // A subnormal: fraction · 2^−24, whose highest set bit becomes the implicit one.
  const highest = 31 - Math.clz32(fraction);
  return sign | (highest + 103) << 23 | (fraction << (23 - highest) & 0x7f_ffff);
}

function toBfloat16(bits: number): number {
  if ((bits & 0x7fff_ffff) > 0x7f80_0000) return bits >>> 16 | 0x40;
  return (bits + 0x7fff + (bits >>> 16 & 1)) >>> 16;
}

function toFloat16(bits: number): number {
  const sign = bits >>> 16 & 0x8000, size = bits & 0x7fff_ffff;
  if (size > 0x7f80_0000) return sign | 0x7e00;
  // From 65520 on, halfway between the largest float16 and 2^16, the nearest is infinity.
  if (size >= 0x477f_f000) return sign | 0x7c00;
  if (size >= 0x3880_0000) {
    const rebased = size - 0x3800_0000;
    return sign | (rebased + 0xfff + (rebased >>> 13 & 1)) >>> 13;
  }
  const exponent = size >>> 23;
  // Below 2^−25, half of the smallest subnormal.
  if (exponent < 102) return sign;
  const fraction = size & 0x7f_ffff | 0x80_0000, shift = 126 - exponent;
  const kept = fraction >>> shift, rest = fraction & (1 << shift) - 1, half = 1 << shift - 1;
  return sign | kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0);
}
