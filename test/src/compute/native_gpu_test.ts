// What a run records of an NVIDIA GPU. Not run on a GPU.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  computesOnNvidia,
  firstCudaDevice,
  nativeEngine,
  usesTf32,
} from "../../../src/compute/native_gpu.ts";

const tier = (engine: string) => ({ name: "native", variant: "xla", threads: 2, engine }) as const;

describe("nativeEngine()", () => {
  it("is the library's version alone where the processor computes", () => {
    assert.equal(nativeEngine("2.21.0"), "tensorflow 2.21.0");
    assert.equal(computesOnNvidia(tier("tensorflow 2.21.0")), false);
  });

  it("names the GPU and whether products are rounded", () => {
    const engine = nativeEngine("2.21.0", { tf32: false });
    assert.match(engine, /^tensorflow 2\.21\.0, GPU .+, TF32 off$/);
    assert.equal(computesOnNvidia(tier(engine)), true);
    assert.equal(usesTf32(tier(engine)), false);
    assert.equal(usesTf32(tier(nativeEngine("2.21.0", { tf32: true }))), true);
  });
});

describe("firstCudaDevice()", () => {
  it("returns undefined without a driver", () => {
    assert.equal(firstCudaDevice("libno-such-driver.so.1"), undefined);
  });
});
