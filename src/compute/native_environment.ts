// Environment of a process that computes on the native tier. It must be set before the process starts,
// so the parent passes it on. What concerns GPUs was not run on a GPU.
import { join } from "node:path";
import { openProgramCache } from "./program_cache.ts";

export interface NativeSettings {
  /** Folder of libtensorflow; CUDA's libraries lie beside it in `nvidia`, where a package installer puts them. */
  libraryDirectory?: string;
  /** Number of the one NVIDIA GPU to use, as the driver's list counts them. @default all are seen, the first is used */
  device?: number;
  /** Whether matrix products on an NVIDIA GPU may round their factors to 10 bits: faster, other numbers. @default false */
  tf32?: boolean;
  /** Threads of the tier, and the folder in which compiled programs are kept for later processes. @default none are kept */
  programs?: { threads: number; folder: string };
  /** The parent's environment: what a user has set there stays. */
  inherited?: Readonly<Record<string, string | undefined>>;
}

export function nativeEnvironment(
  { libraryDirectory, device, tf32 = false, programs, inherited = {} }: NativeSettings = {},
): Record<string, string> {
  const nvidia = libraryDirectory === undefined ? undefined : join(libraryDirectory, "..", "nvidia");
  const libraries = nvidia === undefined ? [] : libraryFolders(nvidia);
  const flags = [
    // Where XLA finds its device functions and the assembler of its kernels.
    ...(nvidia === undefined || libraries.length === 0
      ? []
      : [`--xla_gpu_cuda_data_dir=${join(nvidia, "cuda_nvcc")}`]),
    // These products do not ask the libraries that heed the setting below.
    ...(tf32 ? [] : ["--xla_gpu_enable_triton_gemm=false"]),
  ];
  const XLA_FLAGS = withFlags(inherited.XLA_FLAGS, flags);
  const cache = libraryDirectory === undefined || programs === undefined
    ? undefined
    : openProgramCache(programs.folder, { libraryDirectory, threads: programs.threads, flags: XLA_FLAGS });
  return {
    // glibc would map and unmap every tensor above 128 KB, with a page fault for each 4 KB: half the speed.
    MALLOC_MMAP_MAX_: "0",
    MALLOC_TRIM_THRESHOLD_: "100000000000",
    MALLOC_ARENA_MAX: "1",
    // Tensors and what programs work in come from libtensorflow's own allocator, which gives the same places to the same sizes again.
    // With glibc's the heap grew from run to run, by aligned blocks that do not fit where they were freed: twice the memory, and at
    // times half the speed. What cannot be had is the system's to say, not a limit's (64 GB by default).
    TF_CPU_ALLOCATOR_USE_BFC: inherited.TF_CPU_ALLOCATOR_USE_BFC ?? "true",
    TF_CPU_BFC_MEM_LIMIT_IN_MB: inherited.TF_CPU_BFC_MEM_LIMIT_IN_MB ?? String(2 ** 24),
    // No log: libtensorflow tells about processor features, devices and loaded programs on stderr. Errors come to us as such.
    TF_CPP_MIN_LOG_LEVEL: "3",
    // A GPU's memory is taken as needed, so that several actors can share it.
    TF_FORCE_GPU_ALLOW_GROWTH: "true",
    // The GPU's libraries would use TF32 by themselves, and the numbers would differ from every other tier's.
    ...(tf32 ? {} : { NVIDIA_TF32_OVERRIDE: "0" }),
    XLA_FLAGS,
    ...(cache === undefined ? {} : {
      TF_XLA_FLAGS: withFlags(inherited.TF_XLA_FLAGS, [
        `--tf_xla_persistent_cache_directory=${cache}`,
        // What a GPU's programs depend on is not in the folder's name.
        "--tf_xla_persistent_cache_device_types=CPU",
      ]),
    }),
    ...(libraries.length === 0
      ? {}
      : { LD_LIBRARY_PATH: [...libraries, ...pathsOf(inherited.LD_LIBRARY_PATH)].join(":") }),
    // Numbered as the driver's own tool numbers them, and not by their speed.
    ...(device === undefined
      ? {}
      : { CUDA_DEVICE_ORDER: "PCI_BUS_ID", CUDA_VISIBLE_DEVICES: String(device) }),
  };
}

/** `nvidia/<library>/lib` for each library, in the order of their names; none where there is no such folder. */
function libraryFolders(nvidia: string): string[] {
  try {
    return Array.from(Deno.readDirSync(nvidia))
      .filter(({ isDirectory }) => isDirectory)
      .map(({ name }) => join(nvidia, name, "lib"))
      .sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
    throw error;
  }
}

/** A flag that the user has set is not set again. */
function withFlags(given: string | undefined, flags: readonly string[]): string {
  const names = (given ?? "").split(/\s+/).map((flag) => flag.split("=")[0]);
  const added = flags.filter((flag) => !names.includes(flag.split("=")[0]));
  return [...(given === undefined || given.trim() === "" ? [] : [given.trim()]), ...added].join(" ");
}

function pathsOf(variable: string | undefined): string[] {
  return variable === undefined || variable === "" ? [] : [variable];
}
