// Vectors of four floats for the kernels, in AssemblyScript: fused or plain multiply-add, exp, erf, log, sums over lanes.
// The variant "relaxed-simd" rounds a·b + c once, the variant "simd128" twice.

// @ts-ignore: decorator
@inline
export function at(base: usize, index: i32): usize {
  return base + ((<usize>index) << 2);
}

/** sum + x·y */
// @ts-ignore: decorator
@inline
export function madd(sum: v128, x: v128, y: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(x, y, sum);
  return f32x4.add(sum, f32x4.mul(x, y));
}

/** Sum of the lanes, pair by pair. */
// @ts-ignore: decorator
@inline
export function total(x: v128): f32 {
  return (f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1)) +
    (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

/** The sums of the lanes of four vectors. */
// @ts-ignore: decorator
@inline
export function totals(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

// @ts-ignore: decorator
@inline
export function largest(x: v128): f32 {
  return max(
    max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

// Constants of the functions below, in memory: V8 builds a vector constant in five instructions each time it is used, and
// loads one in one. The table of a thread is filled once.
const EXP: usize = 0, ERF: usize = 48, BELOW: usize = 104;
export const TABLE_FLOATS: i32 = 36;

/** Writes the table. */
export function fillTable(table: usize): void {
  let to = table;
  // EXP: limit, rounding, log2 e, ln 2 in two parts (the first of few bits, so that n times it is exact), polynomial.
  to = put(to, -87.3, 12582912, 1.4426950408889634, -0.693359375);
  to = put(to, 2.12194440e-4, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3);
  to = put(to, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1);
  // ERF: numerator, denominator; limit.
  to = put(to, 2.030489895332721e-6, 0.00028743690927512944, 0.003875539405271411, 0.05308184027671814);
  to = put(to, 0.19295932352542877, 1.128378987312317, 3.802459468715824e-5, 0.0011894878698512912);
  to = put(to, 0.015186825767159462, 0.11516129225492477, 0.5043373703956604, 1);
  to = put(to, -3.925, 3.925, 0.23164189, -0.7265760135);
  // BELOW starts in the row above: p, polynomial; factors of the exponent and of the density.
  to = put(to, 0.5307027145, 0.710706871, -0.142248368, 0.127414796);
  put(to, -0.5, 0.3989422804014327, 1, 0);
}

function put(to: usize, a: f32, b: f32, c: f32, d: f32): usize {
  v128.store(to, f32x4(a, b, c, d));
  return to + 16;
}

// @ts-ignore: decorator
@inline
function constant(table: usize, index: usize): v128 {
  return v128.load_splat<f32>(table + (index << 2));
}

/**
 * e^x = 2^n e^r with |r| ≤ ln 2 / 2, for x ≤ 0; relative error 1e-7. Below −87.3 it is 0; NaN stays NaN.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128, table: usize): v128 {
  const t = table + EXP, held = f32x4.pmax(x, constant(t, 0));
  // Adding 1.5 · 2²³ rounds to a whole number n and leaves it in the low bits.
  const shifted = madd(constant(t, 1), held, constant(t, 2)), n = f32x4.sub(shifted, constant(t, 1));
  const r = madd(madd(held, n, constant(t, 3)), n, constant(t, 4));
  let p = madd(constant(t, 6), constant(t, 5), r);
  p = madd(constant(t, 7), p, r);
  p = madd(constant(t, 8), p, r);
  p = madd(constant(t, 9), p, r);
  p = madd(constant(t, 10), p, r);
  p = f32x4.add(madd(r, p, f32x4.mul(r, r)), constant(t, 11));
  // The bits of 1 are those of the exponent's zero.
  const scale = i32x4.add(i32x4.shl(shifted, 23), constant(t, 11));
  return v128.andnot(f32x4.mul(p, scale), f32x4.lt(x, constant(t, 0)));
}

/** e^x of one number, by the same steps. */
// @ts-ignore: decorator
@inline
export function exp1(x: f32, table: usize): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x), table), 0);
}

/**
 * erf(x) = x P(x²) / Q(x²) on |x| ≤ 3.925, where float32 reaches 1; P and Q of degree 5 were fitted by reweighted least
 * squares. Largest error 3.8e-7. NaN stays NaN.
 */
// @ts-ignore: decorator
@inline
export function erf4(input: v128, table: usize): v128 {
  const c = table + ERF, one = constant(c, 11);
  const x = f32x4.pmin(f32x4.pmax(input, constant(c, 12)), constant(c, 13)), t = f32x4.mul(x, x);
  let p = madd(constant(c, 1), constant(c, 0), t);
  p = madd(constant(c, 2), p, t);
  p = madd(constant(c, 3), p, t);
  p = madd(constant(c, 4), p, t);
  p = madd(constant(c, 5), p, t);
  let q = madd(constant(c, 7), constant(c, 6), t);
  q = madd(constant(c, 8), q, t);
  q = madd(constant(c, 9), q, t);
  q = madd(constant(c, 10), q, t);
  q = madd(one, q, t);
  const y = f32x4.div(f32x4.mul(x, p), q);
  return f32x4.pmin(f32x4.pmax(y, f32x4.neg(one)), one);
}

/** e^(−x²/2), of which both Φ and φ are made. */
// @ts-ignore: decorator
@inline
export function bell4(x: v128, table: usize): v128 {
  return exp4(f32x4.mul(f32x4.mul(x, x), constant(table + BELOW, 6)), table);
}

/**
 * Φ(x), the share of a normal distribution that lies below x: half of erfc as a polynomial in 1 / (1 + p|x|/√2) times the bell
 * (Abramowitz and Stegun 7.1.26); largest error 1.5e-7.
 */
// @ts-ignore: decorator
@inline
export function below4(x: v128, bell: v128, table: usize): v128 {
  const c = table + BELOW, one = constant(c, 8), size = f32x4.abs(x);
  const t = f32x4.div(one, madd(one, size, constant(c, 0)));
  let p = madd(constant(c, 1), t, constant(c, 2));
  p = madd(constant(c, 3), p, t);
  p = madd(constant(c, 4), p, t);
  p = madd(constant(c, 5), p, t);
  const tail = f32x4.mul(f32x4.mul(p, t), bell);
  return v128.bitselect(f32x4.sub(one, tail), tail, f32x4.ge(x, f32x4.splat(0)));
}

/** Φ(x) + x φ(x) */
// @ts-ignore: decorator
@inline
export function slope4(x: v128, table: usize): v128 {
  const bell = bell4(x, table);
  return madd(below4(x, bell, table), x, f32x4.mul(bell, constant(table + BELOW, 7)));
}

/** ln x of a positive normal number: 2 artanh((m − 1)/(m + 1)) + e ln 2 with √½ ≤ m < √2; to 1e-12. */
export function ln(x: f64): f64 {
  const bits = reinterpret<u64>(x);
  let exponent = <i32>(bits >> 52) - 1023;
  let m = reinterpret<f64>((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent++;
  }
  const s = (m - 1) / (m + 1), t = s * s;
  let sum: f64 = 0;
  for (let k = 19; k >= 1; k -= 2) sum = sum * t + 1 / <f64>k;
  return 2 * s * sum + <f64>exponent * 0.6931471805599453;
}
