// libtensorflow's build for NVIDIA GPUs in the cache, laid out as pip would install it: `tensorflow` beside `nvidia/<library>`.
// Each wheel's folder appears complete or not at all, so that a broken download goes on where it stopped. Not run on a GPU.
import { join } from "node:path";
import { libraryFiles } from "../../src/compute/native_library.ts";
import {
  CUDA_WHEELS,
  GPU_TENSORFLOW_WHEEL,
  type PinnedWheel,
  TENSORFLOW_VERSION,
} from "./tensorflow_wheels.ts";
import { fetchWheel } from "./wheel.ts";

export interface GpuPart {
  wheel: PinnedWheel;
  /** Where it goes, and the only folder of the wheel that is taken. */
  folder: string;
}

/** libtensorflow and what it loads when it finds a GPU. */
export const GPU_PARTS: readonly GpuPart[] = [
  { wheel: GPU_TENSORFLOW_WHEEL, folder: "tensorflow" },
  ...Object.entries(CUDA_WHEELS).map(([folder, wheel]) => ({ wheel, folder })),
];

export function gpuCacheFolder(cacheDirectory: string): string {
  return join(cacheDirectory, `tensorflow-gpu-${TENSORFLOW_VERSION}-linux-x86_64`);
}

/** The parts that the cache lacks. */
export function missingGpuParts(cacheDirectory: string, parts: readonly GpuPart[] = GPU_PARTS): GpuPart[] {
  const root = gpuCacheFolder(cacheDirectory);
  return parts.filter(({ folder }) => !isFolder(join(root, folder)));
}

/** Fetches the parts that the cache lacks; returns the folder of libtensorflow. */
export async function fetchGpuTensorflow(
  cacheDirectory: string,
  { log, parts = GPU_PARTS, pip }: {
    log: (line: string) => void;
    parts?: readonly GpuPart[];
    pip?: string[];
  },
): Promise<string> {
  const root = gpuCacheFolder(cacheDirectory);
  for (const { wheel, folder } of missingGpuParts(cacheDirectory, parts)) {
    await fetchWheel({
      ...wheel,
      members: (path) => wantedMember(folder, path),
      into: join(root, folder),
      log,
      ...(pip === undefined ? {} : { pip }),
    });
  }
  return join(root, "tensorflow");
}

/** Libraries, and the compiler's programs and data that XLA calls; undefined for the rest, and for what lies elsewhere. */
export function wantedMember(folder: string, path: string): string | undefined {
  if (!path.startsWith(`${folder}/`)) return undefined;
  const inside = path.slice(folder.length + 1);
  const isWanted = libraryFiles.some((file) => file === inside) ||
    /^lib\/[^/]+\.so[.\d]*$/.test(inside) ||
    /^(bin|nvvm\/bin|nvvm\/libdevice|nvvm\/lib64)\/[^/]+$/.test(inside);
  return isWanted ? inside : undefined;
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}
