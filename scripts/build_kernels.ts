// Compiles the kernels of the wasm tier, src/compute/*.as.ts (AssemblyScript), into *_wasm.ts. Run it after changing one.
// Usage: deno run --allow-read --allow-write --allow-env scripts/build_kernels.ts
import asc from "assemblyscript/asc";

/** The kernels and what they are, for the header of the compiled file. */
export const kernels = {
  gemm: "matrix product kernel",
  erf: "error function kernel",
} as const;

export type KernelName = keyof typeof kernels;

// A minimum of one page of memory makes the code 12 % faster than a minimum of none.
const flags = ["-O3", "--noAssert", "--runtime", "stub", "--importMemory", "--noExportMemory"]
  .concat(["--enable", "simd", "--initialMemory", "1"]);

/** Where the compiled form of a kernel lies. */
export function compiledUrl(name: KernelName): URL {
  return new URL(`../src/compute/${name}_wasm.ts`, import.meta.url);
}

/** The text of the compiled file for a kernel's source as it is now; the same bytes on every machine. */
export async function buildKernel(name: KernelName): Promise<string> {
  const source = new URL(`../src/compute/${name}.as.ts`, import.meta.url);
  const { wasm, text } = await compile(await Deno.readTextFile(source));
  if (text.includes("(data ")) {
    throw new Error(
      `Remove strings, static arrays and throws from ${name}.as.ts: they overwrite tfjs's memory`,
    );
  }
  const lines = btoa(String.fromCharCode(...wasm)).match(/.{1,108}/g) ?? [];
  return `// The compiled ${
    kernels[name]
  }: ${name}.as.ts as WebAssembly, in base64. Written by scripts/build_kernels.ts; do not edit.
// deno-fmt-ignore-file

/** ${wasm.length} bytes of WebAssembly with plain 128-bit SIMD. */
export const ${name}WasmBase64 =
${lines.map((line) => `  "${line}"`).join(" +\n")};
`;
}

async function compile(source: string): Promise<{ wasm: Uint8Array; text: string }> {
  const outputs = new Map<string, string | Uint8Array>();
  const { error, stderr } = await asc.main(
    ["kernel.ts", "-o", "kernel.wasm", "-t", "kernel.wat", ...flags],
    {
      readFile: (name) => name === "kernel.ts" ? source : null,
      writeFile: (name, contents) => void outputs.set(name, contents),
      listFiles: () => [],
    },
  );
  if (error !== null) throw new Error(`AssemblyScript refuses the kernel: ${stderr}`, { cause: error });
  const wasm = outputs.get("kernel.wasm"), text = outputs.get("kernel.wat");
  if (!(wasm instanceof Uint8Array) || typeof text !== "string") {
    throw new Error("AssemblyScript wrote no module");
  }
  return { wasm, text };
}

if (import.meta.main) {
  for (const name of ["gemm", "erf"] as const) {
    await Deno.writeTextFile(compiledUrl(name), await buildKernel(name));
  }
}
