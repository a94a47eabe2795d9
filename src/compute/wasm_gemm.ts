// The compiled matrix product kernel (gemm.as.ts), started on the heap of tfjs-backend-wasm.
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { gemmWasmBase64 } from "./gemm_wasm.ts";
import { startModule } from "./wasm_module.ts";

/** One operand: where it starts in bytes, and its distances in floats from one matrix, row and column to the next. */
export interface Operand {
  offset: number;
  batchStride: number;
  rowStride: number;
  columnStride: number;
}

/** `out`[batch, rows, columns] = `a`[batch, rows, depth] times `b`[batch, depth, columns]. */
export type Gemm = (
  a: Operand,
  b: Operand,
  product: { batch: number; rows: number; columns: number; depth: number; out: number },
) => void;

/** Starts the kernel; its scratch space is a buffer of the backend and ends with it. */
export function gemmOnHeap(backend: BackendWasm): Gemm {
  const exported = startModule(backend, gemmWasmBase64), bgemm = exported("bgemm");
  const scratch = backend.getMemoryOffset(backend.write(null, [exported("scratch_floats")()], "float32"));
  return (a, b, { batch, rows, columns, depth, out }) => {
    bgemm(
      batch,
      a.batchStride,
      b.batchStride,
      rows * columns,
      rows,
      columns,
      depth,
      a.offset,
      a.rowStride,
      a.columnStride,
      b.offset,
      b.rowStride,
      b.columnStride,
      out,
      columns,
      scratch,
    );
  };
}
