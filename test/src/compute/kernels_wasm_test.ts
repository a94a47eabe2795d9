// The compiled kernels alone, on a memory of their own: values of the matrix product, strides, and for every job that nothing is
// written outside its results and that cutting it changes no bit.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bits,
  defaultVariant,
  type Job,
  openKernels,
  type WasmVariant,
} from "../../../src/compute/wasm_kernels.ts";
import { runProduct } from "../../../src/compute/wasm_product.ts";

const GUARD = 12345.5;
const variants: WasmVariant[] = defaultVariant() === "simd128" ? ["simd128"] : ["simd128", "relaxed-simd"];

interface Bench {
  floats: Float32Array;
  kernels: ReturnType<typeof openKernels>;
  /** First float that the kernels do not use. */
  free: number;
}

function openBench(variant: WasmVariant): Bench {
  const memory = new WebAssembly.Memory({ initial: 400, maximum: 400, shared: true });
  let next = 16;
  const allocate = (bytes: number) => {
    const start = next;
    next += Math.ceil(bytes / 16) * 16;
    return start;
  };
  const kernels = openKernels({ memory, variant, threads: 1, allocate });
  return { floats: new Float32Array(memory.buffer), kernels, free: next / 4 };
}

interface Product {
  batch: number;
  rows: number;
  columns: number;
  depth: number;
  transposeA: boolean;
  transposeB: boolean;
  /** Unused floats at the end of each row of a and b. */
  gap: number;
  sharedB: boolean;
  hasBias: boolean;
}

/** Runs the kernel on made-up numbers and compares every float of the memory behind the kernels' own space. */
function checkProduct({ floats, kernels, free }: Bench, product: Product): void {
  const { batch, rows, columns, depth, transposeA, transposeB, gap, sharedB, hasBias } = product;
  const lineA = (transposeA ? rows : depth) + gap, lineB = (transposeB ? depth : columns) + gap;
  const sizeA = lineA * (transposeA ? depth : rows), sizeB = lineB * (transposeB ? columns : depth);
  const numB = sharedB ? 1 : batch, a = free + 4, b = a + batch * sizeA + 4, bias = b + numB * sizeB + 4;
  const out = bias + columns + 4, end = out + batch * rows * columns;
  floats.fill(GUARD, free, end + 4);
  for (let i = 0; i < batch * sizeA; i++) floats[a + i] = (i * 5 + (i >> 3)) % 13 - 6;
  for (let i = 0; i < numB * sizeB; i++) floats[b + i] = (i * 7 + (i >> 2)) % 11 - 5;
  for (let i = 0; i < columns; i++) floats[bias + i] = i % 5 - 2;
  const wanted = floats.slice(free, end + 4);
  const strideB = sharedB ? 0 : sizeB;
  const [rowA, columnA] = transposeA ? [1, lineA] : [lineA, 1],
    [rowB, columnB] = transposeB ? [1, lineB] : [lineB, 1];
  for (let pair = 0; pair < batch; pair++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = hasBias ? floats[bias + j] : 0;
        for (let k = 0; k < depth; k++) {
          sum += floats[a + pair * sizeA + i * rowA + k * columnA] *
            floats[b + pair * strideB + k * rowB + j * columnB];
        }
        wanted[out - free + (pair * rows + i) * columns + j] = sum;
      }
    }
  }
  runProduct(kernels, {
    a: { offset: 4 * a, batchStride: sizeA, rowStride: rowA, columnStride: columnA },
    b: { offset: 4 * b, batchStride: strideB, rowStride: rowB, columnStride: columnB },
    ...{ batch, rows, columns, depth },
    out: 4 * out,
    ...(hasBias ? { bias: 4 * bias } : {}),
  });
  // Small whole numbers: sums are exact, whatever their order.
  assert.deepEqual(floats.slice(free, end + 4), wanted);
}

/** A job with sizes that fill no vector, panel or block: floats of each input and output, then its other arguments. */
interface JobCase {
  job: Job;
  items: number;
  inputs: number[];
  outputs: number[];
  /** From the addresses of inputs and outputs. */
  args: (at: number[]) => number[];
}

const V = 13, W = 7, ROWS = 131;
const scale = bits(0.5);
const jobCases: JobCase[] = [
  { job: "erf", items: 3, inputs: [2051], outputs: [2051], args: ([x, out]) => [x, out, 2051] },
  { job: "gelu", items: 3, inputs: [2051], outputs: [2051], args: ([x, out]) => [x, out, 2051] },
  {
    job: "gelu gradient",
    items: 3,
    inputs: [2051, 2051],
    outputs: [2051],
    args: (at) => [...at, 2051],
  },
  { job: "squares", items: 3, inputs: [2051], outputs: [3], args: (at) => [...at, 2051] },
  {
    job: "adamw",
    items: 3,
    inputs: [2051, 2051, 2051, 2051],
    outputs: [2051, 2051, 2051],
    args: (at) => [...at, 2051, ...[0.5, 0.9, 0.1, 0.99, 0.01, 1e-8, 1e-3, 1, 0.1, 0.01].map(bits)],
  },
  {
    job: "norm",
    items: ROWS,
    inputs: [ROWS * V, V, V],
    outputs: [ROWS * V, ROWS, ROWS],
    args: (at) => [...at, V, bits(1e-5)],
  },
  {
    job: "norm gradient",
    items: 3,
    inputs: [ROWS * V, V, ROWS, ROWS, ROWS * V],
    outputs: [ROWS * V, 3 * 2 * V],
    args: (at) => [...at, ROWS, V],
  },
  { job: "sum over rows", items: 3, inputs: [ROWS * V], outputs: [3 * V], args: (at) => [...at, ROWS, V] },
  {
    job: "attention",
    items: 6,
    // 2 items share a bias of 5 rows; 10 rows of queries of 7 features, 9 of 11 keys.
    inputs: [6 * 10 * W, 6 * 11 * W, 6 * 11 * W, 3 * 5 * 9],
    outputs: [6 * 10 * 9, 6 * 10 * W],
    args: (at) => [...at, 10, 9, 11, W, 5, 5 * 9, 2, scale],
  },
  {
    job: "attention",
    items: 6,
    inputs: [6 * 2 * W, 6 * 11 * W, 6 * 11 * W, 9],
    outputs: [6 * 2 * 9, 6 * 2 * W],
    args: (at) => [...at, 2, 9, 11, W, 1, 0, 2, scale],
  },
  {
    job: "attention gradient",
    items: 6,
    inputs: [6 * 10 * W, 6 * 9 * W, 6 * 9 * W, 6 * 10 * 9, 6 * 10 * W],
    outputs: [6 * 10 * W, 6 * 9 * W, 6 * 9 * W, 6 * 10 * 9],
    args: (at) => [...at.slice(0, 8), 10, 9, W, scale, at[8]],
  },
  {
    job: "split heads",
    items: 15,
    inputs: [15 * 2 * 3 * W, 5 * W, 5 * W],
    outputs: [15 * 2 * W, 15 * 2 * W, 15 * 2 * W],
    args: ([joined, cos, sin, q, k, v]) => [joined, q, k, v, cos, sin, 5, 2, W, 4, 5],
  },
  {
    job: "join heads",
    items: 15,
    inputs: [15 * 2 * W, 15 * 2 * W, 15 * 2 * W, 5 * W, 5 * W],
    outputs: [15 * 2 * 3 * W],
    args: ([q, k, v, cos, sin, joined]) => [joined, q, k, v, cos, sin, 5, 2, W, 4, 5],
  },
  { job: "swap", items: 6, inputs: [6 * 5 * W], outputs: [6 * 5 * W], args: (at) => [...at, 3, 5, W] },
  { job: "place", items: 4, inputs: [4 * W], outputs: [4 * 3 * W], args: (at) => [...at, W, W, 3 * W, W] },
];

/** Runs a job whole or cut; its outputs, after a look at everything else. */
function runCase(
  { floats, kernels, free }: Bench,
  { job, items, inputs, outputs, args }: JobCase,
): Float32Array[] {
  const sizes = [...inputs, ...outputs], at: number[] = [];
  let next = free + 4;
  for (const size of sizes) {
    at.push(next);
    next += size + 4;
  }
  floats.fill(GUARD, free, next);
  inputs.forEach((size, n) => {
    for (let i = 0; i < size; i++) floats[at[n] + i] = ((i * 7 + n * 3 + (i >> 3)) % 29 + 1) / 31;
  });
  const before = floats.slice(free, next);
  kernels.run(job, { items, nanoseconds: 1 }, args(at.map((place) => 4 * place)));
  const results = outputs.map((size, n) => {
    const start = at[inputs.length + n];
    const result = floats.slice(start, start + size);
    floats.fill(GUARD, start, start + size);
    return result;
  });
  assert.deepEqual(floats.slice(free, next), before, `${job} writes outside its results`);
  return results;
}

for (const variant of variants) {
  describe(`the kernels, variant "${variant}"`, () => {
    const bench = openBench(variant);
    const size = fc.integer({ min: 1, max: 40 });

    it("multiply matrices of odd sizes, all transposes, batches, gaps and biases, and write nothing else", () => {
      const products: fc.Arbitrary<Product> = fc.record({
        batch: fc.integer({ min: 1, max: 9 }),
        rows: size,
        columns: size,
        depth: size,
        transposeA: fc.boolean(),
        transposeB: fc.boolean(),
        gap: fc.integer({ min: 0, max: 3 }),
        sharedB: fc.boolean(),
        hasBias: fc.boolean(),
      });
      fc.assert(fc.property(products, (product) => checkProduct(bench, product)), { numRuns: 100 });
    });

    it("multiply matrices where blocks of 96 rows, 384 deep and 1,024 columns end", () => {
      for (const [rows, columns, depth] of [[97, 9, 385], [95, 17, 769], [5, 1025, 33], [3, 1031, 387]]) {
        for (const [transposeA, transposeB] of [[false, true], [true, false]]) {
          const sizes = { batch: 1, rows, columns, depth, gap: 0, sharedB: false, hasBias: true };
          checkProduct(bench, { ...sizes, transposeA, transposeB });
        }
      }
    });

    it("write nothing outside the results of any other job", () => {
      for (const jobCase of jobCases) {
        for (const result of runCase(bench, jobCase)) {
          assert.ok(result.every((value) => Number.isFinite(value)), jobCase.job);
          assert.ok(result.some((value) => value !== GUARD), jobCase.job);
        }
      }
    });
  });
}
