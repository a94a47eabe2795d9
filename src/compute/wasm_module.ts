// A compiled kernel module of ours on the heap of tfjs-backend-wasm: it reads and writes tensors in place.
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";

/** Starts a module on the backend's memory; `module` is WebAssembly in base64. Returns its function of a name. */
export function startModule(backend: BackendWasm, module: string): (name: string) => NumberFunction {
  const bytes = Uint8Array.from(atob(module), (character) => character.charCodeAt(0));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory: heapOf(backend) },
  });
  return (name) => {
    const found = exports[name];
    if (typeof found !== "function") throw new Error(`Build the kernels again: "${name}" is missing`);
    return (...numbers) => Number(found(...numbers));
  };
}

export type NumberFunction = (...numbers: number[]) => number;

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
