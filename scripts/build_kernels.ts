// Compiles the kernels of the wasm tier, src/compute/*.as.ts (AssemblyScript), into kernels_*_wasm.ts. Run it after changing one.
// Usage: deno run --allow-read --allow-write --allow-env scripts/build_kernels.ts
import asc from "assemblyscript/asc";

/** The variants of the kernels: the flags that tell them apart, and what they are made of. */
export const variants = {
  simd128: { flags: [], about: "plain 128-bit SIMD" },
  "relaxed-simd": { flags: ["--enable", "relaxed-simd"], about: "128-bit SIMD and fused multiply-add" },
} as const;

export type KernelVariant = keyof typeof variants;

export const kernelVariants: readonly KernelVariant[] = ["simd128", "relaxed-simd"];

// A minimum of one page of memory makes the code 12 % faster than a minimum of none.
const flags = [
  "-O3",
  "--noAssert",
  "--runtime",
  "stub",
  "--importMemory",
  "--sharedMemory",
  "--noExportMemory",
]
  .concat(["--enable", "simd", "--enable", "threads", "--initialMemory", "1", "--maximumMemory", "65536"]);

const sources = new URL("../src/compute/", import.meta.url);

/** Where the compiled form of a variant lies. */
export function compiledUrl(variant: KernelVariant): URL {
  return new URL(`kernels_${variant.replace("-", "_")}_wasm.ts`, sources);
}

/** The text of the compiled file for the sources as they are now; the same bytes on every machine. */
export async function buildKernels(variant: KernelVariant): Promise<string> {
  const { wasm, text } = await compile(variants[variant].flags);
  if (text.includes("(data ")) {
    throw new Error(
      "Remove strings, static arrays and throws from the kernels: they overwrite tfjs's memory",
    );
  }
  const lines = btoa(String.fromCharCode(...wasm)).match(/.{1,108}/g) ?? [];
  const name = variant === "simd128" ? "kernelsSimd128Wasm" : "kernelsRelaxedSimdWasm";
  return `// The compiled kernels of the wasm tier: kernels.as.ts as WebAssembly, in base64. Written by scripts/build_kernels.ts; do not
// edit.
// deno-fmt-ignore-file

/** ${wasm.length} bytes of WebAssembly with ${variants[variant].about}. */
export const ${name} =
${lines.map((line) => `  "${line}"`).join(" +\n")};
`;
}

async function compile(variantFlags: readonly string[]): Promise<{ wasm: Uint8Array; text: string }> {
  const outputs = new Map<string, string | Uint8Array>();
  const { error, stderr } = await asc.main(
    ["kernels.as.ts", "-o", "kernels.wasm", "-t", "kernels.wat", ...flags, ...variantFlags],
    {
      readFile: readSource,
      writeFile: (name, contents) => void outputs.set(name, contents),
      listFiles: () => [],
    },
  );
  if (error !== null) throw new Error(`AssemblyScript refuses the kernels: ${stderr}`, { cause: error });
  const wasm = outputs.get("kernels.wasm"), text = outputs.get("kernels.wat");
  if (!(wasm instanceof Uint8Array) || typeof text !== "string") {
    throw new Error("AssemblyScript wrote no module");
  }
  return { wasm, text };
}

/** A file of ours; null, as the compiler wants it, for what it looks for elsewhere. */
async function readSource(name: string): Promise<string | null> {
  return /^\w+\.as\.ts$/.test(name) ? await Deno.readTextFile(new URL(name, sources)) : null;
}

if (import.meta.main) {
  for (const variant of kernelVariants) {
    await Deno.writeTextFile(compiledUrl(variant), await buildKernels(variant));
  }
}
