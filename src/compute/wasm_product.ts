// A matrix product as a job of the kernels: its arguments, and how it is cut for several threads.
import type { Kernels } from "./wasm_kernels.ts";

/** One operand: where it starts in bytes, and its distances in floats from one matrix, row and column to the next. */
export interface Operand {
  offset: number;
  batchStride: number;
  rowStride: number;
  columnStride: number;
}

/** `out`[batch, rows, columns] = `a`[batch, rows, depth] times `b`[batch, depth, columns], plus `bias`[columns]. */
export interface Product {
  a: Operand;
  b: Operand;
  batch: number;
  rows: number;
  columns: number;
  depth: number;
  /** Address in bytes. */
  out: number;
  /** Address in bytes. */
  bias?: number;
}

/** Products whole, or parts of their rows or columns: the numbers of gemm.as.ts. */
const CUTS = ["products", "rows", "columns"] as const;
const TILE_ROWS = 4, TILE_COLUMNS = 8;
const FLOPS_PER_NANOSECOND = 30;

export function runProduct(kernels: Kernels, product: Product): void {
  const { a, b, batch, rows, columns, depth, out, bias = 0 } = product;
  const cut = batch >= 8 ? "products" : rows >= columns ? "rows" : "columns";
  const items = cut === "products"
    ? batch
    : cut === "rows"
    ? Math.ceil(rows / TILE_ROWS)
    : Math.ceil(columns / TILE_COLUMNS);
  const nanoseconds = 2 * batch * rows * columns * depth / FLOPS_PER_NANOSECOND / items;
  kernels.run("product", { items, nanoseconds }, [
    ...[batch, a.batchStride, b.batchStride, rows * columns, rows, columns, depth],
    ...[a.offset, a.rowStride, a.columnStride, b.offset, b.rowStride, b.columnStride],
    ...[out, bias, CUTS.indexOf(cut)],
  ]);
}
