// The compiled matrix product kernel (gemm.as.ts) on the heap of tfjs-backend-wasm: it reads and writes tensors in place.
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { gemmWasmBase64 } from "./gemm_wasm.ts";

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

/** Starts the kernel on the backend's memory; its scratch space belongs to that memory and ends with it. */
export function gemmOnHeap(backend: BackendWasm): Gemm {
  const memory = heapOf(backend);
  const module = new WebAssembly.Module(bytesOfBase64(gemmWasmBase64));
  const { bgemm, scratch_floats } = new WebAssembly.Instance(module, { env: { memory } }).exports;
  if (typeof bgemm !== "function" || typeof scratch_floats !== "function") {
    throw new Error("Build gemm_wasm.ts again: the kernel lacks its exports");
  }
  const scratch = backend.getMemoryOffset(backend.write(null, [Number(scratch_floats())], "float32"));
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

/** The backend's WebAssembly memory, which its types do not show. */
function heapOf(backend: BackendWasm): WebAssembly.Memory {
  const exported: unknown = Reflect.get(backend.wasm, "asm");
  const memory: unknown = typeof exported === "object" && exported !== null
    ? Reflect.get(exported, "memory")
    : undefined;
  if (!(memory instanceof WebAssembly.Memory)) {
    throw new Error("tfjs-backend-wasm does not show its memory; version 4.22.0 does");
  }
  return memory;
}

function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
