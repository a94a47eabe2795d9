// Which tiers are chosen, in which order, and the reason that people read.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { ConfigError } from "../../../src/base/errors.ts";
import { chooseTier, tierChoices, type TierFacts } from "../../../src/compute/choose_tier.ts";

const found = { directory: "/cache/tensorflow", source: "libtensorflow 2.21.0 from the cache" };
const forGpus = {
  directory: "/cache/gpu",
  source: "libtensorflow 2.21.0 for GPUs from the cache",
  mayUseGpu: true,
};
const missing = { missing: "no pip on this machine, so libtensorflow could not be fetched" };
const nvidiaGpus = ["NVIDIA H100", "NVIDIA H100"];
const hardware = { name: "AMD Radeon RX 7900", isSoftware: false };
const software = { name: "llvmpipe", isSoftware: true };

const order = (facts: Omit<TierFacts, "requested">) =>
  tierChoices({ requested: "auto", ...facts }).map(({ name, onGpu }) => onGpu ? `${name} on a GPU` : name);

describe("tierChoices()", () => {
  it("orders native on a GPU, webgpu on hardware, native on the processor, wasm", () => {
    assert.deepEqual(order({ nativeLibrary: forGpus, nvidiaGpus, adapter: hardware }), [
      "native on a GPU",
      "webgpu on a GPU",
      "native",
      "wasm",
    ]);
    assert.deepEqual(order({ nativeLibrary: found, nvidiaGpus, adapter: hardware }), [
      "webgpu on a GPU",
      "native",
      "wasm",
    ]);
    assert.deepEqual(order({ nativeLibrary: missing }), ["wasm"]);
  });

  it("leaves out an adapter that is software, and a GPU's library without a GPU", () => {
    assert.deepEqual(order({ nativeLibrary: forGpus, adapter: software }), ["native", "wasm"]);
  });

  it("gives what is asked for alone, software or not", () => {
    for (const requested of ["native", "webgpu", "wasm", "cpu"] as const) {
      const choices = tierChoices({ requested, nativeLibrary: found, nvidiaGpus, adapter: software });
      assert.deepEqual(choices.map(({ name }) => name), [requested]);
    }
  });

  it("throws ConfigError for native without a library, with the reason", () => {
    assert.throws(
      () => tierChoices({ requested: "native", nativeLibrary: missing }),
      (error) => error instanceof ConfigError && error.message.includes(missing.missing),
    );
  });
});

describe("chooseTier()", () => {
  const reason = (facts: TierFacts) => chooseTier(facts).reason;

  it("says why it is this one", () => {
    const auto = { requested: "auto" } as const;
    assert.equal(reason({ ...auto, nativeLibrary: found }), "native: libtensorflow 2.21.0 from the cache");
    assert.equal(
      reason({ ...auto, nativeLibrary: missing }),
      "wasm: no pip on this machine, so libtensorflow could not be fetched",
    );
    assert.equal(
      reason({ ...auto, nativeLibrary: forGpus, nvidiaGpus }),
      "native: libtensorflow 2.21.0 for GPUs from the cache on NVIDIA H100",
    );
    assert.equal(reason({ ...auto, nativeLibrary: found, adapter: hardware }), "webgpu: AMD Radeon RX 7900");
    assert.equal(reason({ requested: "wasm", nativeLibrary: missing }), "wasm: as asked");
    assert.equal(
      reason({ requested: "webgpu", nativeLibrary: missing, adapter: software }),
      "webgpu: as asked, llvmpipe, which is software",
    );
  });

  it("says what would use a GPU that nothing here uses", () => {
    assert.equal(
      reason({ requested: "auto", nativeLibrary: found, nvidiaGpus }),
      "native: libtensorflow 2.21.0 from the cache; deno task setup --gpu fetches what computes on NVIDIA H100",
    );
  });
});
