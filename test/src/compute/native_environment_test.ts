// What a process is given before it loads libtensorflow. The folders stand for those of real wheels.
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { nativeEnvironment } from "../../../src/compute/native_environment.ts";

describe("nativeEnvironment()", () => {
  let root: string, libraryDirectory: string;
  beforeEach(async () => {
    root = await Deno.makeTempDir({ prefix: "native-environment-test-" });
    libraryDirectory = join(root, "tensorflow");
    await Deno.mkdir(libraryDirectory);
  });
  afterEach(() => Deno.remove(root, { recursive: true }));

  async function cuda(...libraries: string[]): Promise<void> {
    for (const name of libraries) await Deno.mkdir(join(root, "nvidia", name, "lib"), { recursive: true });
  }

  it("has tensors come from libtensorflow's own allocator, whose limit is no machine's", () => {
    const { TF_CPU_ALLOCATOR_USE_BFC, TF_CPU_BFC_MEM_LIMIT_IN_MB } = nativeEnvironment();
    assert.equal(TF_CPU_ALLOCATOR_USE_BFC, "true");
    assert.ok(Number(TF_CPU_BFC_MEM_LIMIT_IN_MB) >= 2 ** 24);
    const inherited = { TF_CPU_ALLOCATOR_USE_BFC: "false", TF_CPU_BFC_MEM_LIMIT_IN_MB: "4096" };
    const own = nativeEnvironment({ inherited });
    assert.equal(own.TF_CPU_ALLOCATOR_USE_BFC, "false");
    assert.equal(own.TF_CPU_BFC_MEM_LIMIT_IN_MB, "4096");
  });

  it("names no library path where CUDA's libraries are not beside libtensorflow", () => {
    for (const environment of [nativeEnvironment(), nativeEnvironment({ libraryDirectory })]) {
      assert.equal(environment.LD_LIBRARY_PATH, undefined);
      assert.equal(environment.CUDA_VISIBLE_DEVICES, undefined);
      assert.ok(!environment.XLA_FLAGS.includes("cuda_data_dir"));
      assert.equal(environment.TF_FORCE_GPU_ALLOW_GROWTH, "true");
    }
  });

  it("names CUDA's libraries, and where XLA finds its assembler and device functions", async () => {
    await cuda("cudnn", "cublas", "cuda_nvcc");
    const { LD_LIBRARY_PATH, XLA_FLAGS } = nativeEnvironment({ libraryDirectory });
    const lib = (name: string) => join(root, "nvidia", name, "lib");
    assert.equal(LD_LIBRARY_PATH, [lib("cublas"), lib("cuda_nvcc"), lib("cudnn")].join(":"));
    assert.ok(XLA_FLAGS.split(" ").includes(`--xla_gpu_cuda_data_dir=${join(root, "nvidia", "cuda_nvcc")}`));
  });

  it("keeps what the user has set", async () => {
    await cuda("cublas");
    const inherited = {
      LD_LIBRARY_PATH: "/mine",
      XLA_FLAGS: "--xla_gpu_cuda_data_dir=/cuda --xla_dump_to=/x",
    };
    const { LD_LIBRARY_PATH, XLA_FLAGS } = nativeEnvironment({ libraryDirectory, inherited });
    assert.equal(LD_LIBRARY_PATH, `${join(root, "nvidia", "cublas", "lib")}:/mine`);
    assert.ok(XLA_FLAGS.startsWith("--xla_gpu_cuda_data_dir=/cuda --xla_dump_to=/x "));
    assert.equal(XLA_FLAGS.match(/cuda_data_dir/g)?.length, 1);
  });

  it("gives one GPU by the number that the driver's tool shows", () => {
    const { CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER } = nativeEnvironment({ device: 3 });
    assert.deepEqual([CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER], ["3", "PCI_BUS_ID"]);
  });

  it("turns TF32 off in every kind of product, unless it is asked for", () => {
    const off = nativeEnvironment(), on = nativeEnvironment({ tf32: true });
    assert.equal(off.NVIDIA_TF32_OVERRIDE, "0");
    assert.ok(off.XLA_FLAGS.includes("--xla_gpu_enable_triton_gemm=false"));
    assert.equal(on.NVIDIA_TF32_OVERRIDE, undefined);
    assert.ok(!on.XLA_FLAGS.includes("triton"));
  });
});
