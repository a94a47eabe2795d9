// libtensorflow for the native tier: a folder the user names, or the two libraries of a hash-pinned wheel in the cache.
// Left out: platforms without a pinned wheel (they compute on wasm), GPU wheels.
import { join } from "node:path";
import { ConfigError } from "../../src/base/errors.ts";
import { libraryFiles } from "../../src/compute/native_library.ts";
import { fetchWheel } from "./wheel.ts";

const VERSION = "2.21.0";

/** What is fetched where. Any Python tag would do, as no Python code is used; one is pinned with its hash. */
const WHEELS: Record<string, { platformTag: string; sha256: string; wheelBytes: number } | undefined> = {
  "linux-x86_64": {
    platformTag: "manylinux_2_27_x86_64",
    sha256: "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
    wheelBytes: 273_829_956,
  },
};

/** A folder with both libraries, and which one it is, for people. */
export interface TensorflowLibrary {
  directory: string;
  source: string;
}

/** The folder of the libraries: `TF_LIB_DIR` if set, else the cache, else undefined. */
export function findTensorflow(
  environment: Record<string, string | undefined>,
  cacheDirectory: string,
): TensorflowLibrary | undefined {
  const named = environment.TF_LIB_DIR;
  if (named !== undefined && named !== "") {
    const missing = libraryFiles.filter((file) => !isFile(join(named, file)));
    if (missing.length === 0) return { directory: named, source: "libtensorflow from TF_LIB_DIR" };
    throw new ConfigError(
      `Point TF_LIB_DIR to a folder with ${libraryFiles.join(" and ")}: "${named}" lacks ${
        missing.join(" and ")
      }`,
    );
  }
  const directory = cacheFolder(cacheDirectory);
  return libraryFiles.every((file) => isFile(join(directory, file))) ? inCache(directory) : undefined;
}

/** Why nothing can be fetched for this platform, or undefined when it can. */
export function whyNoTensorflow(platform = currentPlatform()): string | undefined {
  return WHEELS[platform] === undefined ? `no libtensorflow is pinned for ${platform}` : undefined;
}

/** Fetches the libraries into the cache, unless they are there. */
export async function fetchTensorflow(
  cacheDirectory: string,
  log: (line: string) => void,
): Promise<TensorflowLibrary> {
  const wheel = WHEELS[currentPlatform()];
  if (wheel === undefined) {
    throw new ConfigError(`Use the tier "wasm" or set TF_LIB_DIR: ${whyNoTensorflow()}`);
  }
  const directory = await fetchWheel({
    ...wheel,
    name: "tensorflow-cpu",
    version: VERSION,
    pythonVersion: "3.11",
    abi: "cp311",
    members: (path) => libraryFiles.find((file) => path === `tensorflow/${file}`),
    into: cacheFolder(cacheDirectory),
    log,
  });
  return inCache(directory);
}

function inCache(directory: string): TensorflowLibrary {
  return { directory, source: `libtensorflow ${VERSION} from the cache` };
}

function cacheFolder(cacheDirectory: string): string {
  return join(cacheDirectory, `tensorflow-cpu-${VERSION}-${currentPlatform()}`);
}

function currentPlatform(): string {
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
