// Number by number for WebAssembly SIMD, in AssemblyScript: the error function, GELU and its gradient, the AdamW update.
// Counts are rounded up to fours: the last vector goes through one number at a time.
import { pointer, real, table, whole } from "./thread_pool.as";
import { at, bell4, below4, erf4, madd, slope4, total } from "./vector_math.as";

/** Items of these jobs are so many numbers each. */
export const CHUNK: i32 = 1024;

// @ts-ignore: decorator
@inline
function endOf(items: i32, count: i32): i32 {
  return min(items * CHUNK, count);
}

/** Job: out = erf(x). Arguments: x, out, count. */
export function erfItems(begin: i32, end: i32): void {
  const x = pointer(0), out = pointer(1), last = endOf(end, whole(2)), t = table;
  let i = begin * CHUNK;
  for (; i + 4 <= last; i += 4) v128.store(at(out, i), erf4(v128.load(at(x, i)), t));
  for (; i < last; i++) store<f32>(at(out, i), f32x4.extract_lane(erf4(v128.load_splat<f32>(at(x, i)), t), 0));
}

/** Job: out = x Φ(x). Arguments: x, out, count. */
export function geluItems(begin: i32, end: i32): void {
  const x = pointer(0), out = pointer(1), last = endOf(end, whole(2)), t = table;
  let i = begin * CHUNK;
  for (; i + 4 <= last; i += 4) {
    const value = v128.load(at(x, i));
    v128.store(at(out, i), f32x4.mul(value, below4(value, bell4(value, t), t)));
  }
  for (; i < last; i++) {
    const value = v128.load_splat<f32>(at(x, i));
    store<f32>(at(out, i), f32x4.extract_lane(f32x4.mul(value, below4(value, bell4(value, t), t)), 0));
  }
}

/** Job: dx = dy (Φ(x) + x φ(x)). Arguments: x, dy, dx, count. */
export function geluGradientItems(begin: i32, end: i32): void {
  const x = pointer(0), dy = pointer(1), dx = pointer(2), last = endOf(end, whole(3)), t = table;
  let i = begin * CHUNK;
  for (; i + 4 <= last; i += 4) {
    v128.store(at(dx, i), f32x4.mul(v128.load(at(dy, i)), slope4(v128.load(at(x, i)), t)));
  }
  for (; i < last; i++) {
    const slope = slope4(v128.load_splat<f32>(at(x, i)), t);
    store<f32>(at(dx, i), load<f32>(at(dy, i)) * f32x4.extract_lane(slope, 0));
  }
}

/** Job: partial[item] = Σ x² over the item's numbers, in double precision at the end. Arguments: x, partial, count. */
export function squareItems(begin: i32, end: i32): void {
  const x = pointer(0);
  for (let item = begin; item < end; item++) {
    const last = endOf(item + 1, whole(2));
    let sum = f32x4.splat(0), i = item * CHUNK;
    for (; i + 4 <= last; i += 4) {
      const value = v128.load(at(x, i));
      sum = madd(sum, value, value);
    }
    let rest = total(sum);
    for (; i < last; i++) rest += load<f32>(at(x, i)) * load<f32>(at(x, i));
    store<f32>(at(pointer(1), item), rest);
  }
}

/**
 * Job: one AdamW update. Arguments: parameters, moments 1 and 2, gradient, the three new vectors, count; then the
 * gradient's factor, beta 1, 1 − beta 1, beta 2, 1 − beta 2, epsilon, rate, decay factor, correction 1, correction 2.
 */
export function adamWItems(begin: i32, end: i32): void {
  const p = pointer(0), m = pointer(1), v = pointer(2), g = pointer(3);
  const newP = pointer(4), newM = pointer(5), newV = pointer(6), last = endOf(end, whole(7));
  const factor = real(8), beta1 = real(9), rest1 = real(10), beta2 = real(11), rest2 = real(12);
  const epsilon = real(13), rate = real(14), decay = real(15), correction1 = real(16), correction2 = real(17);
  let i = begin * CHUNK;
  for (; i + 4 <= last; i += 4) {
    const clipped = f32x4.mul(v128.load(at(g, i)), f32x4.splat(factor));
    const first = f32x4.add(
      f32x4.mul(v128.load(at(m, i)), f32x4.splat(beta1)),
      f32x4.mul(clipped, f32x4.splat(rest1)),
    );
    const second = f32x4.add(
      f32x4.mul(v128.load(at(v, i)), f32x4.splat(beta2)),
      f32x4.mul(f32x4.mul(clipped, clipped), f32x4.splat(rest2)),
    );
    const root = f32x4.add(
      f32x4.sqrt(f32x4.div(second, f32x4.splat(correction2))),
      f32x4.splat(epsilon),
    );
    const direction = f32x4.div(f32x4.div(first, f32x4.splat(correction1)), root);
    v128.store(at(newM, i), first);
    v128.store(at(newV, i), second);
    v128.store(
      at(newP, i),
      f32x4.sub(f32x4.mul(v128.load(at(p, i)), f32x4.splat(decay)), f32x4.mul(direction, f32x4.splat(rate))),
    );
  }
  for (; i < last; i++) {
    const clipped = load<f32>(at(g, i)) * factor;
    const first = load<f32>(at(m, i)) * beta1 + clipped * rest1;
    const second = load<f32>(at(v, i)) * beta2 + clipped * clipped * rest2;
    const direction = first / correction1 / (sqrt<f32>(second / correction2) + epsilon);
    store<f32>(at(newM, i), first);
    store<f32>(at(newV, i), second);
    store<f32>(at(newP, i), load<f32>(at(p, i)) * decay - direction * rate);
  }
}
