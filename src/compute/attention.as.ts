// Attention and its gradient for WebAssembly SIMD, in AssemblyScript, one head at a time. Query heads that share a head of
// keys count as further rows of one head.
import { gemm, isDirect } from "./gemm.as";
import { pointer, real, whole } from "./thread_pool.as";
import { exponentials } from "./token_rows.as";
import { at, largest, madd, total, totals } from "./vector_math.as";

/**
 * Job: heads of softmax(scale · Q Kᵀ + bias) V. Arguments: queries [items, rows, size], keys and values [items, capacity,
 * size], bias [·, rows of one query head, keys], weights out [items, rows, keys], out [items, rows, size]; rows, keys,
 * capacity, size; rows of the bias; floats from one bias to the next; items that share a bias; scale.
 */
export function attentionItems(begin: i32, end: i32): void {
  const rows = whole(6), keys = whole(7), capacity = whole(8), size = whole(9);
  const biasRows = whole(10), biasStep = whole(11), shared = whole(12), scale = real(13);
  for (let item = begin; item < end; item++) {
    const k = at(pointer(1), item * capacity * size), v = at(pointer(2), item * capacity * size);
    const weights = at(pointer(4), item * rows * keys), bias = at(pointer(3), item / shared * biasStep);
    const q = at(pointer(0), item * rows * size), out = at(pointer(5), item * rows * size), few = isDirect(rows);
    if (few) for (let row = 0; row < rows; row++) scoresOf(at(q, row * size), k, keys, size, at(weights, row * keys));
    else gemm(rows, keys, size, q, size, 1, k, 1, size, weights, keys, 0, false);
    for (let row = 0; row < rows; row++) {
      softmaxRow(at(weights, row * keys), at(bias, row % biasRows * keys), keys, scale);
    }
    if (few) for (let row = 0; row < rows; row++) readOf(at(weights, row * keys), v, keys, size, at(out, row * size));
    else gemm(rows, size, keys, weights, keys, 1, v, size, 1, out, size, 0, false);
  }
}

/** out[key] = q · k[key], four keys at a time. */
function scoresOf(q: usize, k: usize, keys: i32, size: i32, out: usize): void {
  const vectors = size & ~3;
  for (let key = 0; key < keys; key += 4) {
    // Behind the last key the first of the four is taken again and its product written nowhere.
    const n = keys - key, k0 = at(k, key * size);
    const k1 = n > 1 ? at(k0, size) : k0, k2 = n > 2 ? at(k0, 2 * size) : k0, k3 = n > 3 ? at(k0, 3 * size) : k0;
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    for (let i = 0; i < vectors; i += 4) {
      const x = v128.load(at(q, i));
      s0 = madd(s0, x, v128.load(at(k0, i)));
      s1 = madd(s1, x, v128.load(at(k1, i)));
      s2 = madd(s2, x, v128.load(at(k2, i)));
      s3 = madd(s3, x, v128.load(at(k3, i)));
    }
    let sums = totals(s0, s1, s2, s3);
    for (let i = vectors; i < size; i++) {
      const x = v128.load_splat<f32>(at(q, i));
      const column = f32x4(load<f32>(at(k0, i)), load<f32>(at(k1, i)), load<f32>(at(k2, i)), load<f32>(at(k3, i)));
      sums = madd(sums, x, column);
    }
    const to = at(out, key);
    if (n >= 4) {
      v128.store(to, sums);
      continue;
    }
    store<f32>(to, f32x4.extract_lane(sums, 0));
    if (n > 1) store<f32>(to, f32x4.extract_lane(sums, 1), 4);
    if (n > 2) store<f32>(to, f32x4.extract_lane(sums, 2), 8);
  }
}

/** out = Σ_key weights[key] v[key]; four sums at a time, so that none waits for another. */
function readOf(weights: usize, v: usize, keys: i32, size: i32, out: usize): void {
  const step: usize = (<usize>size) << 2, end = at(weights, keys), endOfFours = at(weights, keys & ~3);
  let i = 0;
  for (; i + 8 <= size; i += 8) {
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    let from = at(v, i), w = weights;
    for (; w < endOfFours; w += 16) {
      let x = v128.load_splat<f32>(w);
      a0 = madd(a0, x, v128.load(from));
      b0 = madd(b0, x, v128.load(from, 16));
      x = v128.load_splat<f32>(w, 4);
      from += step;
      a1 = madd(a1, x, v128.load(from));
      b1 = madd(b1, x, v128.load(from, 16));
      x = v128.load_splat<f32>(w, 8);
      from += step;
      a2 = madd(a2, x, v128.load(from));
      b2 = madd(b2, x, v128.load(from, 16));
      x = v128.load_splat<f32>(w, 12);
      from += step;
      a3 = madd(a3, x, v128.load(from));
      b3 = madd(b3, x, v128.load(from, 16));
      from += step;
    }
    for (; w < end; w += 4) {
      const x = v128.load_splat<f32>(w);
      a0 = madd(a0, x, v128.load(from));
      b0 = madd(b0, x, v128.load(from, 16));
      from += step;
    }
    v128.store(at(out, i), f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3)));
    v128.store(at(out, i), f32x4.add(f32x4.add(b0, b1), f32x4.add(b2, b3)), 16);
  }
  for (; i < size; i++) {
    let sum: f32 = 0, from = at(v, i);
    for (let w = weights; w < end; w += 4) {
      sum += load<f32>(w) * load<f32>(from);
      from += step;
    }
    store<f32>(at(out, i), sum);
  }
}

/** x = softmax(scale · x + bias), in place. */
function softmaxRow(x: usize, bias: usize, count: i32, scale: f32): void {
  const vectors = count & ~3, scales = f32x4.splat(scale);
  let most = f32x4.splat(-Infinity);
  for (let i = 0; i < vectors; i += 4) {
    const score = madd(v128.load(at(bias, i)), v128.load(at(x, i)), scales);
    v128.store(at(x, i), score);
    most = f32x4.max(most, score);
  }
  let top = largest(most);
  for (let i = vectors; i < count; i++) {
    const score = load<f32>(at(x, i)) * scale + load<f32>(at(bias, i));
    store<f32>(at(x, i), score);
    top = max(top, score);
  }
  const factor = <f32>1 / exponentials(x, count, top, x), factors = f32x4.splat(factor);
  for (let i = 0; i < vectors; i += 4) v128.store(at(x, i), f32x4.mul(v128.load(at(x, i)), factors));
  for (let i = vectors; i < count; i++) store<f32>(at(x, i), load<f32>(at(x, i)) * factor);
}

/**
 * Job: heads of the gradient. Arguments: queries, keys, values, weights, dOut; dQueries, dKeys, dValues out; rows, keys, size;
 * scale; room for a [rows, keys] matrix per item.
 */
export function attentionGradientItems(begin: i32, end: i32): void {
  const rows = whole(8), keys = whole(9), size = whole(10), scale = real(11);
  for (let item = begin; item < end; item++) {
    const ofQueries = item * rows * size, ofKeys = item * keys * size, few = isDirect(rows);
    const q = at(pointer(0), ofQueries), k = at(pointer(1), ofKeys), v = at(pointer(2), ofKeys);
    const weights = at(pointer(3), item * rows * keys), up = at(pointer(4), ofQueries);
    const slopes = at(pointer(12), item * rows * keys);
    gemm(keys, size, rows, weights, 1, keys, up, size, 1, at(pointer(7), ofKeys), size, 0, isDirect(keys));
    gemm(rows, keys, size, up, size, 1, v, 1, size, slopes, keys, 0, few);
    for (let row = 0; row < rows; row++) scoreSlopes(at(weights, row * keys), at(slopes, row * keys), keys, scale);
    gemm(rows, size, keys, slopes, keys, 1, k, size, 1, at(pointer(5), ofQueries), size, 0, few);
    gemm(keys, size, rows, slopes, 1, keys, q, size, 1, at(pointer(6), ofKeys), size, 0, isDirect(keys));
  }
}

/** slopes = scale · weights · (slopes − Σ weights · slopes), in place. */
function scoreSlopes(weights: usize, slopes: usize, count: i32, scale: f32): void {
  const vectors = count & ~3;
  let sum = f32x4.splat(0);
  for (let i = 0; i < vectors; i += 4) sum = madd(sum, v128.load(at(weights, i)), v128.load(at(slopes, i)));
  let mean = total(sum);
  for (let i = vectors; i < count; i++) mean += load<f32>(at(weights, i)) * load<f32>(at(slopes, i));
  const means = f32x4.splat(mean), scales = f32x4.splat(scale);
  for (let i = 0; i < vectors; i += 4) {
    const slope = f32x4.mul(v128.load(at(weights, i)), f32x4.sub(v128.load(at(slopes, i)), means));
    v128.store(at(slopes, i), f32x4.mul(slope, scales));
  }
  for (let i = vectors; i < count; i++) {
    store<f32>(at(slopes, i), load<f32>(at(weights, i)) * (load<f32>(at(slopes, i)) - mean) * scale);
  }
}
