// A joined projection of queries, keys and values taken apart into heads, queries and keys rotated by their positions
// (rotary.ts), and the way back; and heads put side by side. For WebAssembly, in AssemblyScript.
import { pointer, whole } from "./thread_pool.as";
import { at } from "./vector_math.as";

// @ts-ignore: decorator
@inline
function copy(from: usize, to: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) v128.store(at(to, i), v128.load(at(from, i)));
  for (; i < count; i++) store<f32>(at(to, i), load<f32>(at(from, i)));
}

/** out = x · cos + (x R) · sin; the features from `rotated` on are copied. `sign` −1 turns back, as gradients do. */
// @ts-ignore: decorator
@inline
function turn(x: usize, out: usize, cos: usize, sin: usize, rotated: i32, size: i32, sign: f32): void {
  const half = rotated >> 1;
  for (let i = 0; i < half; i++) {
    const a = load<f32>(at(x, i)), b = load<f32>(at(x, i + half));
    const c = load<f32>(at(cos, i)), s = load<f32>(at(sin, i)) * sign;
    store<f32>(at(out, i), a * c - b * s);
    store<f32>(at(out, i + half), b * c + a * s);
  }
  copy(at(x, rotated), at(out, rotated), size - rotated);
}

/**
 * Job: rows of a joined projection [batch · time, heads, query | key | value, size] to heads [batch, heads, time, size].
 * Arguments: joined; queries, keys, values; cosines, sines [table rows, size]; time, heads, size, rotated, table rows.
 */
export function splitItems(begin: i32, end: i32): void {
  const time = whole(6), heads = whole(7), size = whole(8), rotated = whole(9), tableRows = whole(10);
  for (let row = begin; row < end; row++) {
    const place = row % tableRows * size, cos = at(pointer(4), place), sin = at(pointer(5), place);
    let x = at(pointer(0), row * heads * 3 * size), to = (row / time * heads * time + row % time) * size;
    for (let head = 0; head < heads; head++) {
      turn(x, at(pointer(1), to), cos, sin, rotated, size, 1);
      turn(at(x, size), at(pointer(2), to), cos, sin, rotated, size, 1);
      copy(at(x, 2 * size), at(pointer(3), to), size);
      x = at(x, 3 * size);
      to += time * size;
    }
  }
}

/** Job: the way back, for gradients; the arguments are those of `splitItems`. */
export function joinItems(begin: i32, end: i32): void {
  const time = whole(6), heads = whole(7), size = whole(8), rotated = whole(9), tableRows = whole(10);
  for (let row = begin; row < end; row++) {
    const place = row % tableRows * size, cos = at(pointer(4), place), sin = at(pointer(5), place);
    let x = at(pointer(0), row * heads * 3 * size), from = (row / time * heads * time + row % time) * size;
    for (let head = 0; head < heads; head++) {
      turn(at(pointer(1), from), x, cos, sin, rotated, size, -1);
      turn(at(pointer(2), from), at(x, size), cos, sin, rotated, size, -1);
      copy(at(pointer(3), from), at(x, 2 * size), size);
      x = at(x, 3 * size);
      from += time * size;
    }
  }
}

/** Job: pairs (i, j) of x [i, j, k, size] → [i, k, j, size]. Arguments: x, out, numbers of j and k, size. */
export function swapItems(begin: i32, end: i32): void {
  const numJ = whole(2), numK = whole(3), size = whole(4);
  for (let item = begin; item < end; item++) {
    const i = item / numJ, j = item % numJ;
    for (let k = 0; k < numK; k++) {
      copy(at(pointer(0), (item * numK + k) * size), at(pointer(1), ((i * numK + k) * numJ + j) * size), size);
    }
  }
}

/** Job: runs of floats to places in longer ones. Arguments: x, out, floats to copy, floats from run to run of x and of out, where they start in out's. */
export function placeItems(begin: i32, end: i32): void {
  const count = whole(2), step = whole(3), outStep = whole(4), first = whole(5);
  for (let item = begin; item < end; item++) {
    copy(at(pointer(0), item * step), at(pointer(1), item * outStep + first), count);
  }
}
