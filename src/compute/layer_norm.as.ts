// Layer norm and its gradient for WebAssembly SIMD, in AssemblyScript; and sums over rows, which gradients of biases are.
// Sums over rows go by blocks of 64 rows, whose sums are added in double precision, so cutting the work changes nothing.
import { pointer, real, whole } from "./thread_pool.as";
import { at, madd, total } from "./vector_math.as";

export const BLOCK: i32 = 64; // rows of a partial sum

/** Job: rows of y = (x − mean) / deviation · scale + shift. Arguments: x, scale, shift, y, mean, inverse, width, epsilon. */
export function normItems(begin: i32, end: i32): void {
  const scale = pointer(1), shift = pointer(2), width = whole(6), epsilon = real(7);
  const vectors = width & ~3;
  for (let row = begin; row < end; row++) {
    const x = at(pointer(0), row * width), y = at(pointer(3), row * width);
    let sum = f32x4.splat(0);
    for (let i = 0; i < vectors; i += 4) sum = f32x4.add(sum, v128.load(at(x, i)));
    let rest = total(sum);
    for (let i = vectors; i < width; i++) rest += load<f32>(at(x, i));
    const mean = rest / <f32>width, means = f32x4.splat(mean);
    let squares = f32x4.splat(0);
    for (let i = 0; i < vectors; i += 4) {
      const d = f32x4.sub(v128.load(at(x, i)), means);
      squares = madd(squares, d, d);
    }
    rest = total(squares);
    for (let i = vectors; i < width; i++) {
      const d = load<f32>(at(x, i)) - mean;
      rest += d * d;
    }
    const inverse = <f32>1 / sqrt<f32>(rest / <f32>width + epsilon), inverses = f32x4.splat(inverse);
    store<f32>(at(pointer(4), row), mean);
    store<f32>(at(pointer(5), row), inverse);
    for (let i = 0; i < vectors; i += 4) {
      const normal = f32x4.mul(f32x4.sub(v128.load(at(x, i)), means), inverses);
      v128.store(at(y, i), madd(v128.load(at(shift, i)), normal, v128.load(at(scale, i))));
    }
    for (let i = vectors; i < width; i++) {
      const normal = (load<f32>(at(x, i)) - mean) * inverse;
      store<f32>(at(y, i), normal * load<f32>(at(scale, i)) + load<f32>(at(shift, i)));
    }
  }
}

/**
 * Job: blocks of 64 rows of the gradient. Arguments: x, scale, mean, inverse, dy, dx, partial, rows, width. Row b of
 * `partial`, 2 · width floats, gets the sums over block b of dy · normal (of scale) and of dy (of shift).
 */
export function normGradientItems(begin: i32, end: i32): void {
  const rows = whole(7), width = whole(8);
  for (let block = begin; block < end; block++) {
    const sums = at(pointer(6), block * 2 * width);
    memory.fill(sums, 0, (<usize>width) << 3);
    const last = min((block + 1) * BLOCK, rows);
    for (let row = block * BLOCK; row < last; row++) normGradientRow(row, width, sums);
  }
}

function normGradientRow(row: i32, width: i32, sums: usize): void {
  const x = at(pointer(0), row * width), dy = at(pointer(4), row * width), dx = at(pointer(5), row * width);
  const scale = pointer(1), ofShift = at(sums, width), vectors = width & ~3;
  const mean = load<f32>(at(pointer(2), row)), inverse = load<f32>(at(pointer(3), row));
  const means = f32x4.splat(mean), inverses = f32x4.splat(inverse);
  let sum = f32x4.splat(0), along = f32x4.splat(0);
  for (let i = 0; i < vectors; i += 4) {
    const up = v128.load(at(dy, i)), normal = f32x4.mul(f32x4.sub(v128.load(at(x, i)), means), inverses);
    const scaled = f32x4.mul(up, v128.load(at(scale, i)));
    sum = f32x4.add(sum, scaled);
    along = madd(along, scaled, normal);
    v128.store(at(sums, i), madd(v128.load(at(sums, i)), up, normal));
    v128.store(at(ofShift, i), f32x4.add(v128.load(at(ofShift, i)), up));
  }
  let a = total(sum), b = total(along);
  for (let i = vectors; i < width; i++) {
    const up = load<f32>(at(dy, i)), normal = (load<f32>(at(x, i)) - mean) * inverse;
    const scaled = up * load<f32>(at(scale, i));
    a += scaled;
    b += scaled * normal;
    store<f32>(at(sums, i), load<f32>(at(sums, i)) + up * normal);
    store<f32>(at(ofShift, i), load<f32>(at(ofShift, i)) + up);
  }
  a /= <f32>width;
  b /= <f32>width;
  const as = f32x4.splat(a), bs = f32x4.splat(b);
  for (let i = 0; i < vectors; i += 4) {
    const normal = f32x4.mul(f32x4.sub(v128.load(at(x, i)), means), inverses);
    const scaled = f32x4.mul(v128.load(at(dy, i)), v128.load(at(scale, i)));
    const across = f32x4.sub(f32x4.sub(scaled, as), f32x4.mul(normal, bs));
    v128.store(at(dx, i), f32x4.mul(across, inverses));
  }
  for (let i = vectors; i < width; i++) {
    const normal = (load<f32>(at(x, i)) - mean) * inverse;
    store<f32>(at(dx, i), (load<f32>(at(dy, i)) * load<f32>(at(scale, i)) - a - normal * b) * inverse);
  }
}

/** Job: blocks of 64 rows of sums over rows. Arguments: x, partial, rows, width. */
export function sumItems(begin: i32, end: i32): void {
  const rows = whole(2), width = whole(3), vectors = width & ~3;
  for (let block = begin; block < end; block++) {
    const sums = at(pointer(1), block * width), last = min((block + 1) * BLOCK, rows);
    memory.fill(sums, 0, (<usize>width) << 2);
    for (let row = block * BLOCK; row < last; row++) {
      const x = at(pointer(0), row * width);
      for (let i = 0; i < vectors; i += 4) {
        v128.store(at(sums, i), f32x4.add(v128.load(at(sums, i)), v128.load(at(x, i))));
      }
      for (let i = vectors; i < width; i++) store<f32>(at(sums, i), load<f32>(at(sums, i)) + load<f32>(at(x, i)));
    }
  }
}

/** out[i] = Σ_block partial[block, i], `stride` floats from block to block. Too little work for several threads. */
export function addPartials(partial: usize, numBlocks: i32, stride: i32, width: i32, out: usize): void {
  for (let i = 0; i < width; i++) {
    let sum: f64 = 0;
    for (let block = 0; block < numBlocks; block++) sum += <f64>load<f32>(at(partial, block * stride + i));
    store<f32>(at(out, i), <f32>sum);
  }
}
