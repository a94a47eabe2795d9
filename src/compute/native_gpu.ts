// What the native tier says of the NVIDIA GPU it computes on. libtensorflow tells that there is one, its driver which.
// Not run on a GPU.
import type { TierDescription } from "./tier.ts";

/** The engine as a run records it: what its numbers depend on. `gpu` is left out where the processor computes. */
export function nativeEngine(version: string, gpu?: { tf32: boolean }): string {
  if (gpu === undefined) return `tensorflow ${version}`;
  const name = firstCudaDevice() ?? "of an unknown kind";
  return `tensorflow ${version}, GPU ${name}, TF32 ${gpu.tf32 ? "on" : "off"}`;
}

export function computesOnNvidia({ name, engine }: Pick<TierDescription, "name" | "engine">): boolean {
  return name === "native" && engine.includes(", GPU ");
}

/** Whether factors of matrix products are rounded to 10 bits. */
export function usesTf32({ name, engine }: TierDescription): boolean {
  return name === "native" && engine.endsWith(", TF32 on");
}

const NAME_BYTES = 256;
/** CUdevice_attribute. */
const CAPABILITY_MAJOR = 75, CAPABILITY_MINOR = 76;

/** E.g. "NVIDIA H100 80GB HBM3 (9.0)", with its compute capability; undefined where there is no driver or no GPU. */
export function firstCudaDevice(driver = "libcuda.so.1"): string | undefined {
  let library;
  try {
    library = Deno.dlopen(driver, {
      cuInit: { parameters: ["u32"], result: "i32" },
      cuDeviceGet: { parameters: ["buffer", "i32"], result: "i32" },
      cuDeviceGetName: { parameters: ["buffer", "i32", "i32"], result: "i32" },
      cuDeviceGetAttribute: { parameters: ["buffer", "i32", "i32"], result: "i32" },
    });
  } catch {
    return undefined; // There is no driver.
  }
  try {
    const { cuInit, cuDeviceGet, cuDeviceGetName, cuDeviceGetAttribute } = library.symbols;
    const device = new Int32Array(1), number = new Int32Array(1), name = new Uint8Array(NAME_BYTES);
    if (cuInit(0) !== 0 || cuDeviceGet(device, 0) !== 0) return undefined;
    if (cuDeviceGetName(name, NAME_BYTES, device[0]) !== 0) return undefined;
    const capability = [CAPABILITY_MAJOR, CAPABILITY_MINOR].map((attribute) =>
      cuDeviceGetAttribute(number, attribute, device[0]) === 0 ? String(number[0]) : "?"
    );
    return `${new TextDecoder().decode(name.subarray(0, name.indexOf(0)))} (${capability.join(".")})`;
  } finally {
    library.close();
  }
}
