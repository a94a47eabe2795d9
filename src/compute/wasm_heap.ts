// tfjs-backend-wasm on a memory that threads can share. The package's own threads never start outside browsers; all that its
// single-threaded binary lacks is one bit: the flag "shared" of its memory.
import { BackendWasm, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "./backend.ts";

const BINARIES = ["tfjs-backend-wasm", "tfjs-backend-wasm-simd", "tfjs-backend-wasm-threaded-simd"] as const;
const MEMORY_SECTION = 5, IS_SHARED = 2;

/** Makes the backend "wasm" the one that computes, on a shared memory. */
export async function openSharedBackend(): Promise<BackendWasm> {
  // The folder of the package's compiled files, wherever it is installed.
  const folder = new URL(".", import.meta.resolve("@tensorflow/tfjs-backend-wasm/dist/base.js"));
  const binary = withSharedMemory(await Deno.readFile(new URL("tfjs-backend-wasm-simd.wasm", folder)));
  const url = URL.createObjectURL(new Blob([binary], { type: "application/wasm" }));
  try {
    // A map must name all binaries; which one it asks for depends on what it finds out about the machine.
    setWasmPaths(Object.fromEntries(BINARIES.map((name) => [`${name}.wasm`, url])), true);
    await useBackend("wasm");
  } finally {
    URL.revokeObjectURL(url);
  }
  const backend = tf.backend();
  if (!(backend instanceof BackendWasm)) throw new Error("tfjs started another backend than wasm");
  return backend;
}

/** A copy of the module `binary` whose memory is shared. */
export function withSharedMemory(binary: Uint8Array): Uint8Array<ArrayBuffer> {
  const shared = new Uint8Array(binary);
  // Behind the header of 8 bytes: sections of a number, a length and contents.
  for (let at = 8; at < shared.length;) {
    const length = unsigned(shared, at + 1);
    if (shared[at] === MEMORY_SECTION) {
      const count = unsigned(shared, length.end), flags = count.end;
      // A shared memory has a largest size (bit 0), which this one has for its own reasons.
      if (count.value !== 1 || shared[flags] !== 1) break;
      shared[flags] |= IS_SHARED;
      return shared;
    }
    at = length.end + length.value;
  }
  throw new Error("Install tfjs-backend-wasm 4.22.0: this one's memory is declared in another way");
}

/** A whole number of WebAssembly's binary format (LEB128) and where it ends. */
function unsigned(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0, at = start;
  for (let shift = 0;; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return { value, end: at };
  }
}

/** The backend's WebAssembly memory, which its types do not show. */
export function memoryOf(backend: BackendWasm): WebAssembly.Memory {
  const exported: unknown = Reflect.get(backend.wasm, "asm");
  const memory: unknown = typeof exported === "object" && exported !== null
    ? Reflect.get(exported, "memory")
    : undefined;
  if (!(memory instanceof WebAssembly.Memory)) {
    throw new Error("tfjs-backend-wasm does not show its memory; version 4.22.0 does");
  }
  return memory;
}
