// Finding libtensorflow: the order of places, and what is refused. Empty files in the place of libraries.
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { findTensorflow, whyNoTensorflow } from "../../../scripts/fetch/tensorflow.ts";
import { GPU_PARTS, gpuCacheFolder } from "../../../scripts/fetch/tensorflow_gpu.ts";
import { ConfigError } from "../../../src/base/errors.ts";
import { libraryFiles } from "../../../src/compute/native_library.ts";

describe("findTensorflow()", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await Deno.makeTempDir({ prefix: "find-tensorflow-test-" });
  });
  afterEach(() => Deno.remove(folder, { recursive: true }));

  async function libraries(place: string, files: readonly string[] = libraryFiles): Promise<string> {
    const directory = join(folder, place);
    await Deno.mkdir(directory, { recursive: true });
    for (const file of files) await Deno.writeTextFile(join(directory, file), "");
    return directory;
  }
  const cached = `cache/tensorflow-cpu-2.21.0-${Deno.build.os}-${Deno.build.arch}`;

  it("returns undefined where there is none, and where the cache lacks a file", async () => {
    assert.equal(findTensorflow({}, join(folder, "cache")), undefined);
    await libraries(cached, [libraryFiles[0]]);
    assert.equal(findTensorflow({ TF_LIB_DIR: "" }, join(folder, "cache")), undefined);
  });

  it("prefers TF_LIB_DIR to the cache", async () => {
    const named = await libraries("named"), inCache = await libraries(cached);
    const cache = join(folder, "cache");
    assert.deepEqual(findTensorflow({ TF_LIB_DIR: named }, cache), {
      directory: named,
      source: "libtensorflow from TF_LIB_DIR",
      mayUseGpu: true,
    });
    assert.deepEqual(findTensorflow({}, cache), {
      directory: inCache,
      source: "libtensorflow 2.21.0 from the cache",
      mayUseGpu: false,
    });
  });

  it("prefers the build for GPUs in the cache when all of its parts are there", async () => {
    const cache = join(folder, "cache"), inCache = await libraries(cached);
    const [last, ...others] = GPU_PARTS.map(({ folder }) => join(gpuCacheFolder(cache), folder)).reverse();
    for (const part of others) await Deno.mkdir(part, { recursive: true });
    assert.equal(findTensorflow({}, cache)?.directory, inCache);
    await Deno.mkdir(last, { recursive: true });
    assert.deepEqual(findTensorflow({}, cache), {
      directory: join(gpuCacheFolder(cache), "tensorflow"),
      source: "libtensorflow 2.21.0 for GPUs from the cache",
      mayUseGpu: true,
    });
  });

  it("throws ConfigError when TF_LIB_DIR lacks a file, and names it", async () => {
    const named = await libraries("half", [libraryFiles[0]]);
    assert.throws(
      () => findTensorflow({ TF_LIB_DIR: named }, folder),
      (error) => error instanceof ConfigError && error.message.endsWith(`lacks ${libraryFiles[1]}`),
    );
  });
});

describe("whyNoTensorflow()", () => {
  it("gives a reason for platforms without a pinned wheel", () => {
    for (const pinned of ["linux-x86_64", "linux-aarch64", "darwin-aarch64"]) {
      assert.equal(whyNoTensorflow(pinned), undefined);
    }
    assert.equal(whyNoTensorflow("darwin-x86_64"), "no libtensorflow is pinned for darwin-x86_64");
  });
});
