// libtensorflow for the native tier: a folder the user names, or the two libraries of a hash-pinned wheel in the cache.
// Left out: platforms without a pinned wheel, which compute on wasm; fetching the build for GPUs (tensorflow_gpu.ts).
import { join } from "node:path";
import { ConfigError } from "../../src/base/errors.ts";
import { libraryFiles } from "../../src/compute/native_library.ts";
import { gpuCacheFolder, missingGpuParts } from "./tensorflow_gpu.ts";
import { TENSORFLOW_VERSION, TENSORFLOW_WHEELS } from "./tensorflow_wheels.ts";
import { fetchWheel } from "./wheel.ts";

/** A folder with both libraries, and which one it is, for people. */
export interface TensorflowLibrary {
  directory: string;
  source: string;
  /** Whether it may find a GPU; it tells when it is opened. */
  mayUseGpu: boolean;
}

/** The folder of the libraries: `TF_LIB_DIR` if set, else the cache with the build for GPUs first, else undefined. */
export function findTensorflow(
  environment: Record<string, string | undefined>,
  cacheDirectory: string,
): TensorflowLibrary | undefined {
  const named = environment.TF_LIB_DIR;
  if (named !== undefined && named !== "") {
    const missing = libraryFiles.filter((file) => !isFile(join(named, file)));
    if (missing.length === 0) {
      return { directory: named, source: "libtensorflow from TF_LIB_DIR", mayUseGpu: true };
    }
    throw new ConfigError(
      `Point TF_LIB_DIR to a folder with ${libraryFiles.join(" and ")}: "${named}" lacks ${
        missing.join(" and ")
      }`,
    );
  }
  if (missingGpuParts(cacheDirectory).length === 0) {
    return {
      directory: join(gpuCacheFolder(cacheDirectory), "tensorflow"),
      source: `libtensorflow ${TENSORFLOW_VERSION} for GPUs from the cache`,
      mayUseGpu: true,
    };
  }
  const directory = cacheFolder(cacheDirectory);
  return libraryFiles.every((file) => isFile(join(directory, file))) ? inCache(directory) : undefined;
}

/** Why nothing can be fetched for this platform, or undefined when it can. */
export function whyNoTensorflow(platform = currentPlatform()): string | undefined {
  return TENSORFLOW_WHEELS[platform] === undefined ? `no libtensorflow is pinned for ${platform}` : undefined;
}

/** Fetches the libraries into the cache, unless they are there. */
export async function fetchTensorflow(
  cacheDirectory: string,
  log: (line: string) => void,
): Promise<TensorflowLibrary> {
  const wheel = TENSORFLOW_WHEELS[currentPlatform()];
  if (wheel === undefined) {
    throw new ConfigError(`Use the tier "wasm" or set TF_LIB_DIR: ${whyNoTensorflow()}`);
  }
  const directory = await fetchWheel({
    ...wheel,
    members: (path) => libraryFiles.find((file) => path === `tensorflow/${file}`),
    into: cacheFolder(cacheDirectory),
    log,
  });
  return { ...inCache(directory), source: `libtensorflow ${TENSORFLOW_VERSION}, just fetched` };
}

function inCache(directory: string): TensorflowLibrary {
  return { directory, source: `libtensorflow ${TENSORFLOW_VERSION} from the cache`, mayUseGpu: false };
}

function cacheFolder(cacheDirectory: string): string {
  return join(cacheDirectory, `tensorflow-cpu-${TENSORFLOW_VERSION}-${currentPlatform()}`);
}

/** Operating system and architecture. */
export function currentPlatform(): string {
  return `${Deno.build.os}-${Deno.build.arch}`;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}
