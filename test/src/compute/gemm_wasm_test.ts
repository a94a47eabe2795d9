// The compiled matrix product kernel alone, on a memory of its own: values, strides, and nothing written outside.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import fc from "fast-check";
import { gemmWasmBase64 } from "../../../src/compute/gemm_wasm.ts";

const GUARD = 12345.5;

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
}

interface Kernel {
  floats: Float32Array;
  bgemm: (...numbers: number[]) => void;
  /** First float after the scratch space. */
  free: number;
}

function startKernel(): Kernel {
  const memory = new WebAssembly.Memory({ initial: 256 });
  const bytes = Uint8Array.from(atob(gemmWasmBase64), (character) => character.charCodeAt(0));
  const { bgemm, scratch_floats } =
    new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } })
      .exports;
  assert.ok(typeof bgemm === "function" && typeof scratch_floats === "function");
  return {
    floats: new Float32Array(memory.buffer),
    bgemm: (...numbers) => void bgemm(...numbers),
    free: Number(scratch_floats()) + 8,
  };
}

/** Runs the kernel on made-up numbers and compares every float of the memory behind the scratch space. */
function check({ floats, bgemm, free }: Kernel, product: Product): void {
  const { batch, rows, columns, depth, transposeA, transposeB, gap, sharedB } = product;
  const lineA = (transposeA ? rows : depth) + gap, lineB = (transposeB ? depth : columns) + gap;
  const sizeA = lineA * (transposeA ? depth : rows), sizeB = lineB * (transposeB ? columns : depth);
  const numB = sharedB ? 1 : batch, a = free + 4, b = a + batch * sizeA + 4, out = b + numB * sizeB + 4;
  const end = out + batch * rows * columns;
  floats.fill(GUARD, free, end + 4);
  for (let i = 0; i < batch * sizeA; i++) floats[a + i] = (i * 5 + (i >> 3)) % 13 - 6;
  for (let i = 0; i < numB * sizeB; i++) floats[b + i] = (i * 7 + (i >> 2)) % 11 - 5;
  const wanted = floats.slice(free, end + 4);
  const strideB = sharedB ? 0 : sizeB;
  const [rowA, columnA] = transposeA ? [1, lineA] : [lineA, 1],
    [rowB, columnB] = transposeB ? [1, lineB] : [lineB, 1];
  for (let pair = 0; pair < batch; pair++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = 0;
        for (let k = 0; k < depth; k++) {
          sum += floats[a + pair * sizeA + i * rowA + k * columnA] *
            floats[b + pair * strideB + k * rowB + j * columnB];
        }
        wanted[out - free + (pair * rows + i) * columns + j] = sum;
      }
    }
  }
  bgemm(
    ...[batch, sizeA, strideB, rows * columns, rows, columns, depth],
    ...[4 * a, rowA, columnA, 4 * b, rowB, columnB, 4 * out, columns, 0],
  );
  // Small whole numbers: sums are exact, whatever their order.
  assert.deepEqual(floats.slice(free, end + 4), wanted);
}

describe("bgemm()", () => {
  const kernel = startKernel();
  const size = fc.integer({ min: 1, max: 40 });

  it("equals the plain product for odd sizes, all transposes, batches and gaps, and writes nothing else", () => {
    const products: fc.Arbitrary<Product> = fc.record({
      batch: fc.integer({ min: 1, max: 3 }),
      rows: size,
      columns: size,
      depth: size,
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
      gap: fc.integer({ min: 0, max: 3 }),
      sharedB: fc.boolean(),
    });
    fc.assert(fc.property(products, (product) => check(kernel, product)), { numRuns: 150 });
  });

  it("equals the plain product where blocks of 96 rows, 256 deep and 1,024 columns end", () => {
    for (const [rows, columns, depth] of [[97, 9, 257], [95, 17, 513], [5, 1025, 33], [3, 1031, 259]]) {
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          check(kernel, { batch: 1, rows, columns, depth, transposeA, transposeB, gap: 0, sharedB: false });
        }
      }
    }
  });
});
