// The tier of a run, with machines made up: which tiers open, which GPUs are found.
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { parseDevices } from "../../scripts/actor_devices.ts";
import {
  chooseCompute,
  type ComputeWishes,
  recordedCompute,
  tierLines,
} from "../../scripts/choose_compute.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { libraryFiles } from "../../src/compute/native_library.ts";
import type { TierDescription, TierOptions } from "../../src/compute/tier.ts";

const H100 = "NVIDIA H100 80GB HBM3";
const engines = {
  native: "tensorflow 2.21.0",
  webgpu: "tfjs 4.22.0, a GPU",
  wasm: "tfjs 4.22.0",
  cpu: "tfjs 4.22.0",
};
const gpuEngine = (tf32 = false) => `tensorflow 2.21.0, GPU ${H100} (9.0), TF32 ${tf32 ? "on" : "off"}`;

describe("chooseCompute()", () => {
  let library: string, probed: { options: TierOptions; device?: number }[];
  beforeEach(async () => {
    library = await Deno.makeTempDir({ prefix: "choose-compute-test-" });
    for (const file of libraryFiles) await Deno.writeTextFile(join(library, file), "");
    probed = [];
  });
  afterEach(() => Deno.remove(library, { recursive: true }));

  /** A machine on which the tiers of `broken` do not open. */
  function wishes(
    changes: Partial<ComputeWishes> & { broken?: string[]; onGpu?: boolean } = {},
  ): ComputeWishes {
    const { broken = [], onGpu = false, ...others } = changes;
    return {
      requested: "auto",
      threads: 2,
      mayFetch: false,
      environment: { HOME: library, TF_LIB_DIR: library },
      log: () => {},
      findGpus: () => Promise.resolve({ nvidiaGpus: [] }),
      probe(options, device): Promise<TierDescription> {
        probed.push({ options, device });
        const { name, threads, tf32 } = options;
        if (broken.includes(name)) return Promise.reject(new ConfigError(`${name} is broken here`));
        const engine = name === "native" && onGpu ? gpuEngine(tf32) : engines[name];
        return Promise.resolve({ name, variant: "made up", threads, engine });
      },
      ...others,
    };
  }
  const nvidia = () => Promise.resolve({ nvidiaGpus: [H100, H100] });
  const hardware = () => Promise.resolve({ nvidiaGpus: [], adapter: { name: "A GPU", isSoftware: false } });
  const withoutLibrary = () => ({ HOME: library });

  it("takes native on an NVIDIA GPU first", async () => {
    const { description, reason } = await chooseCompute(wishes({ findGpus: nvidia, onGpu: true }));
    assert.equal(description.engine, gpuEngine());
    assert.equal(reason, `native: libtensorflow from TF_LIB_DIR on ${H100}`);
    assert.equal(probed.length, 1);
  });

  it("takes native on the processor where libtensorflow does not find the GPU, and says so", async () => {
    const { description, reason } = await chooseCompute(wishes({ findGpus: nvidia }));
    assert.equal(description.engine, "tensorflow 2.21.0");
    assert.match(
      reason,
      /^native: libtensorflow from TF_LIB_DIR; native does not open \(Update the NVIDIA driver/,
    );
  });

  it("takes webgpu on hardware before the processor, and goes on where it does not open", async () => {
    assert.equal((await chooseCompute(wishes({ findGpus: hardware }))).reason, "webgpu: A GPU");
    const { description, reason } = await chooseCompute(wishes({ findGpus: hardware, broken: ["webgpu"] }));
    assert.equal(description.name, "native");
    assert.match(reason, /^native: .*; webgpu does not open \(webgpu is broken here\)$/);
  });

  it("takes wasm where nothing else opens, with every reason", async () => {
    const broken = ["webgpu", "native"];
    const { reason } = await chooseCompute(wishes({ findGpus: hardware, broken }));
    assert.match(reason, /^wasm: .*webgpu does not open \(.*\); native does not open \(/);
    const { reason: missing } = await chooseCompute(wishes({ environment: withoutLibrary() }));
    assert.match(missing, /^wasm: (there is no libtensorflow in the cache|no libtensorflow is pinned)/);
  });

  it("opens what is asked for or throws", async () => {
    for (const requested of ["native", "webgpu", "wasm", "cpu"] as const) {
      assert.equal((await chooseCompute(wishes({ requested }))).description.name, requested);
      await assert.rejects(chooseCompute(wishes({ requested, broken: [requested] })), /is broken here/);
    }
  });

  it("hands on why a tier is not the variant that one would wish for, apart from what a run records", async () => {
    const tier = { name: "cpu", variant: "made up", threads: 2, engine: engines.cpu } as const;
    const probe = () => Promise.resolve({ ...tier, remark: "nothing compiles here" });
    const compute = await chooseCompute(wishes({ requested: "cpu", probe }));
    assert.deepEqual([compute.description, compute.remark], [tier, "nothing compiles here"]);
    assert.deepEqual(tierLines(compute), [
      "Tier   cpu: as asked (cpu made up, 2 threads, tfjs 4.22.0)",
      "       nothing compiles here",
    ]);
  });

  it("opens the tier on a GPU that is named, and refuses one that is not there", async () => {
    const devices = parseDevices("generator=1");
    const compute = await chooseCompute(wishes({ findGpus: nvidia, onGpu: true, devices }));
    assert.equal(compute.description.engine, gpuEngine());
    assert.equal(probed[0].device, 1);
    await assert.rejects(
      chooseCompute(wishes({ findGpus: nvidia, onGpu: true, devices: parseDevices("2") })),
      /^ConfigError: Choose a --device from 0 to 1, as nvidia-smi numbers them: got 2$/,
    );
    await assert.rejects(
      chooseCompute(wishes({ requested: "wasm", devices })),
      /^ConfigError: Leave out --device, or make the GPU usable .*: the tier is wasm/,
    );
  });

  it("uses TF32 only where the user's environment wants it, and when it is recorded", async () => {
    const environment = { HOME: library, TF_LIB_DIR: library };
    for (const [setting, wanted] of [["0", false], ["1", true], [undefined, false]] as const) {
      const changes = { environment: { ...environment, NVIDIA_TF32_OVERRIDE: setting } };
      const { description } = await chooseCompute(wishes({ findGpus: nvidia, onGpu: true, ...changes }));
      assert.equal(description.engine, gpuEngine(wanted));
    }
    const recorded = { name: "native", variant: "made up", threads: 2, engine: gpuEngine(true) } as const;
    const { options } = await recordedCompute(recorded, wishes({ onGpu: true }));
    assert.equal(options.tf32, true);
    await assert.rejects(
      recordedCompute(recorded, wishes()),
      /^ConfigError: Go on where the tier is the recorded/,
    );
  });
});
