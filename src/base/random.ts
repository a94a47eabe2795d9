// Counter-based randomness: a key is a value; split it before use, use it once, record it in the event.
// Philox 4x32-10 (Salmon et al. 2011) over a 64-bit key; the same key gives the same numbers on every machine.
import { sha256 } from "./canonical.ts";

/** 16 lower-case hex digits (64 bits). */
export type RandomKey = string;

/** The root key of a run. */
export function keyFromSeed(seed: number): RandomKey {
  return sha256(`seed/${seed}`).slice(0, 16);
}

/** A new key for one purpose; distinct labels give independent keys. */
export function splitKey(key: RandomKey, ...labels: (string | number)[]): RandomKey {
  return sha256([key, ...labels].join("/")).slice(0, 16);
}

/** One Philox block: four 32-bit words of (counter, key). */
function philox(counter: number, key0: number, key1: number): [number, number, number, number] {
  let c0 = counter >>> 0, c1 = Math.floor(counter / 2 ** 32) >>> 0, c2 = 0, c3 = 0;
  let k0 = key0, k1 = key1;
  for (let round = 0; round < 10; round++) {
    const p0 = multiply(c0, M0_NUMBER), p1 = multiply(c2, M1_NUMBER);
    const next0 = (p1[0] ^ c1 ^ k0) >>> 0, next1 = p1[1];
    const next2 = (p0[0] ^ c3 ^ k1) >>> 0, next3 = p0[1];
    c0 = next0, c1 = next1, c2 = next2, c3 = next3;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

const M0_NUMBER = 0xd2511f53, M1_NUMBER = 0xcd9e8d57;

/** High and low 32-bit words of a 32 x 32 bit product, without BigInt. */
function multiply(a: number, b: number): [number, number] {
  const a0 = a & 0xffff, a1 = a >>> 16, b0 = b & 0xffff, b1 = b >>> 16;
  const low = a0 * b0, middle1 = a1 * b0, middle2 = a0 * b1, high = a1 * b1;
  const carry = (low >>> 16) + (middle1 & 0xffff) + (middle2 & 0xffff);
  const lowWord = ((carry & 0xffff) << 16 | (low & 0xffff)) >>> 0;
  return [(high + (middle1 >>> 16) + (middle2 >>> 16) + (carry >>> 16)) >>> 0, lowWord];
}

function* words(key: RandomKey): Generator<number, never> {
  const key0 = parseInt(key.slice(0, 8), 16), key1 = parseInt(key.slice(8, 16), 16);
  for (let counter = 0;; counter++) yield* philox(counter, key0, key1);
}

/** `count` uniform numbers in [0, 1) with 24 bits, exactly representable in float32. */
export function uniforms(key: RandomKey, count: number): Float32Array {
  const out = new Float32Array(count), source = words(key);
  for (let i = 0; i < count; i++) out[i] = (source.next().value >>> 8) / 0x1000000;
  return out;
}

/** `count` standard normal numbers (Box–Muller on 24-bit uniforms). */
export function normals(key: RandomKey, count: number): Float32Array {
  const u = uniforms(key, 2 * Math.ceil(count / 2)), out = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - u[i])), angle = 2 * Math.PI * u[i + 1];
    out[i] = radius * Math.cos(angle);
    if (i + 1 < count) out[i + 1] = radius * Math.sin(angle);
  }
  return out;
}

/** A permutation of 0 … count−1 (Fisher–Yates). */
export function permutation(key: RandomKey, count: number): Int32Array {
  const out = Int32Array.from({ length: count }, (_, i) => i), source = words(key);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(source.next().value / 2 ** 32 * (i + 1));
    const kept = out[i];
    out[i] = out[j];
    out[j] = kept;
  }
  return out;
}

/** The first `count` of a permutation of `items`, without replacement. */
export function sampleWithoutReplacement<T>(key: RandomKey, items: readonly T[], count: number): T[] {
  const order = permutation(key, items.length);
  return Array.from({ length: Math.min(count, items.length) }, (_, i) => items[order[i]]);
}

/** A stateful stream of uniform numbers in [0, 1) for code that draws a varying number of them (the made-up task). */
export function uniformStream(key: RandomKey): () => number {
  const source = words(key);
  return () => (source.next().value >>> 8) / 0x1000000;
}
