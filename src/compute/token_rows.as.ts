// Rows of logits for WebAssembly SIMD, in AssemblyScript: log-probabilities of given tokens, their gradient, and drawing.
import { pointer, scratch, table, whole } from "./thread_pool.as";
import { at, exp1, exp4, largest, ln, total } from "./vector_math.as";

const LEAST_LOGARITHM: f32 = -69.07755279; // ln 1e-30

// The largest of a row.
function largestOf(x: usize, count: i32): f32 {
  const vectors = count & ~3;
  let most = f32x4.splat(-Infinity);
  for (let i = 0; i < vectors; i += 4) most = f32x4.max(v128.load(at(x, i)), most);
  let result = largest(most);
  for (let i = vectors; i < count; i++) result = max(result, load<f32>(at(x, i)));
  return result;
}

/** Writes e^(x − from) to `out`, if it is not 0, and returns their sum. */
export function exponentials(x: usize, count: i32, from: f32, out: usize): f32 {
  const vectors = count & ~3, froms = f32x4.splat(from), t = table;
  let sum = f32x4.splat(0);
  for (let i = 0; i < vectors; i += 4) {
    const e = exp4(f32x4.sub(v128.load(at(x, i)), froms), t);
    sum = f32x4.add(sum, e);
    if (out != 0) v128.store(at(out, i), e);
  }
  let rest = total(sum);
  for (let i = vectors; i < count; i++) {
    const e = exp1(load<f32>(at(x, i)) - from, t);
    rest += e;
    if (out != 0) store<f32>(at(out, i), e);
  }
  return rest;
}

/** Job: rows of log-probabilities. Arguments: logits, labels, out, log-sum of each row, vocabulary. */
export function logProbabilityItems(begin: i32, end: i32): void {
  const vocabulary = whole(4);
  for (let row = begin; row < end; row++) {
    const logits = at(pointer(0), row * vocabulary), label = load<i32>(at(pointer(1), row));
    const most = largestOf(logits, vocabulary);
    const logSum = most + <f32>ln(<f64>exponentials(logits, vocabulary, most, 0));
    store<f32>(at(pointer(2), row), max(load<f32>(at(logits, label)) - logSum, LEAST_LOGARITHM));
    store<f32>(at(pointer(3), row), logSum);
  }
}

/** Job: rows of (onehot(label) − softmax) · dy. Arguments: logits, labels, log-sums, dy, dx, vocabulary. */
export function logProbabilityGradientItems(begin: i32, end: i32): void {
  const vocabulary = whole(5), vectors = vocabulary & ~3, t = table;
  for (let row = begin; row < end; row++) {
    const logits = at(pointer(0), row * vocabulary), dx = at(pointer(4), row * vocabulary);
    const label = load<i32>(at(pointer(1), row)), logSum = load<f32>(at(pointer(2), row));
    const up = load<f32>(at(pointer(3), row)), sums = f32x4.splat(logSum), ups = f32x4.splat(-up);
    for (let i = 0; i < vectors; i += 4) {
      v128.store(at(dx, i), f32x4.mul(exp4(f32x4.sub(v128.load(at(logits, i)), sums), t), ups));
    }
    for (let i = vectors; i < vocabulary; i++) {
      store<f32>(at(dx, i), exp1(load<f32>(at(logits, i)) - logSum, t) * -up);
    }
    const place = at(dx, label);
    store<f32>(place, load<f32>(place) + up);
  }
}

/**
 * Job: rows of drawn tokens: the first whose cumulated probability exceeds u. Arguments: logits, uniform numbers, tokens out,
 * their log-probabilities out, vocabulary.
 */
export function drawItems(begin: i32, end: i32): void {
  const vocabulary = whole(4);
  for (let row = begin; row < end; row++) {
    const logits = at(pointer(0), row * vocabulary), most = largestOf(logits, vocabulary);
    exponentials(logits, vocabulary, most, scratch);
    let sum: f64 = 0;
    for (let i = 0; i < vocabulary; i++) sum += <f64>load<f32>(at(scratch, i));
    const threshold = <f64>load<f32>(at(pointer(1), row)) * sum;
    let token = 0, cumulated = <f64>load<f32>(scratch);
    while (cumulated <= threshold && token + 1 < vocabulary) cumulated += <f64>load<f32>(at(scratch, ++token));
    store<i32>(at(pointer(2), row), token);
    store<f32>(at(pointer(3), row), <f32>(<f64>(load<f32>(at(logits, token)) - most) - ln(sum)));
  }
}
