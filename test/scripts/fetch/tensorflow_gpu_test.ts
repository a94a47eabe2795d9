// Fetching libtensorflow for GPUs, with made-up wheels and a shell script in the place of pip.
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  fetchGpuTensorflow,
  GPU_PARTS,
  gpuCacheFolder,
  type GpuPart,
  missingGpuParts,
  wantedMember,
} from "../../../scripts/fetch/tensorflow_gpu.ts";
import { sha256 } from "../../../src/base/canonical.ts";
import { libraryFiles } from "../../../src/compute/native_library.ts";
import { zipOf } from "./zip_writer.ts";

const data = new TextEncoder().encode("x");
const wheels = {
  "tensorflow": zipOf([
    ...libraryFiles.map((file) => ({ path: `tensorflow/${file}`, data })),
    { path: "tensorflow/python/lib.so", data },
  ]),
  "nvidia/cudnn": zipOf([{ path: "nvidia/cudnn/lib/libcudnn.so.9", data }, {
    path: "nvidia/__init__.py",
    data,
  }]),
};

describe("fetchGpuTensorflow()", () => {
  let cache: string, pip: string[], parts: GpuPart[];
  beforeEach(async () => {
    cache = await Deno.makeTempDir({ prefix: "tensorflow-gpu-test-" });
    parts = [];
    for (const [folder, content] of Object.entries(wheels)) {
      const name = folder.replace("/", "-");
      const pinned = {
        name,
        version: "1.0",
        platformTag: "linux",
        sha256: sha256(content),
        wheelBytes: content.length,
      };
      parts.push({ folder, wheel: pinned });
      await Deno.writeFile(join(cache, `${name}.whl`), content);
    }
    // Copies the wheel that the requirements name, unless that is to fail.
    await Deno.writeTextFile(
      join(cache, "pip.sh"),
      `[ "$1" = --version ] && exit 0
       while [ $# -gt 0 ]; do case $1 in -d) target=$2;; -r) name=$(sed 's/==.*//' "$2");; esac; shift; done
       echo $name >> ${cache}/asked
       [ -e ${cache}/no-$name ] && { echo "ERROR: refused" >&2; exit 1; }
       cp ${cache}/$name.whl "$target/"\n`,
    );
    pip = ["sh", join(cache, "pip.sh")];
  });
  afterEach(() => Deno.remove(cache, { recursive: true }));

  const fetch = () => fetchGpuTensorflow(cache, { log: () => {}, parts, pip });
  const asked = () => Deno.readTextFileSync(join(cache, "asked")).trim().split("\n");

  it("lays the wheels out as an installer would, and takes nothing else of them", async () => {
    const directory = await fetch(), root = gpuCacheFolder(cache);
    assert.equal(directory, join(root, "tensorflow"));
    assert.deepEqual(
      [...Deno.readDirSync(directory)].map(({ name }) => name).sort(),
      [...libraryFiles].sort(),
    );
    assert.deepEqual([...Deno.readDirSync(join(root, "nvidia", "cudnn"))].map(({ name }) => name), ["lib"]);
    assert.ok(Deno.statSync(join(root, "nvidia", "cudnn", "lib", "libcudnn.so.9")).isFile);
    assert.deepEqual(missingGpuParts(cache, parts), []);
    await fetch();
    assert.deepEqual(asked(), ["tensorflow", "nvidia-cudnn"]);
  });

  it("goes on with the part that failed", async () => {
    const refusal = join(cache, "no-nvidia-cudnn");
    await Deno.writeTextFile(refusal, "");
    await assert.rejects(fetch(), /nvidia-cudnn 1\.0 could not be downloaded/);
    assert.deepEqual(missingGpuParts(cache, parts).map(({ folder }) => folder), ["nvidia/cudnn"]);
    await Deno.remove(refusal);
    await fetch();
    assert.deepEqual(asked(), ["tensorflow", "nvidia-cudnn", "nvidia-cudnn"]);
  });
});

describe("GPU_PARTS", () => {
  it("pins every wheel by hash and size, each with a folder of its own", () => {
    assert.equal(new Set(GPU_PARTS.map(({ folder }) => folder)).size, 13);
    for (const { wheel } of GPU_PARTS) {
      assert.match(wheel.sha256, /^[0-9a-f]{64}$/);
      assert.ok(wheel.wheelBytes > 1e6);
    }
  });
});

describe("wantedMember()", () => {
  it("takes libraries, programs and device functions, and leaves headers, notes and other folders", () => {
    const nvcc = (path: string) => wantedMember("nvidia/cuda_nvcc", path);
    assert.equal(nvcc("nvidia/cuda_nvcc/bin/ptxas"), "bin/ptxas");
    assert.equal(nvcc("nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc"), "nvvm/libdevice/libdevice.10.bc");
    assert.equal(nvcc("nvidia/cuda_nvcc/lib/libx.so.12.9"), "lib/libx.so.12.9");
    for (const path of ["include/crt/host.h", "lib/libx.a", "__init__.py"]) {
      assert.equal(nvcc(`nvidia/cuda_nvcc/${path}`), undefined);
    }
    assert.equal(nvcc("nvidia/cublas/lib/libcublas.so.12"), undefined);
    assert.equal(wantedMember("tensorflow", `tensorflow/${libraryFiles[0]}`), libraryFiles[0]);
    assert.equal(wantedMember("tensorflow", "tensorflow/python/a.so"), undefined);
  });
});
