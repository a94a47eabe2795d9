// What an adapter is called, and which ones are processors in disguise.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { describeAdapter } from "../../../src/compute/webgpu_adapter.ts";

const unknown = { vendor: "", architecture: "", device: "", description: "", isFallbackAdapter: false };

describe("describeAdapter()", () => {
  it("names what the driver describes, and the vendor where the description does not", () => {
    const named = { ...unknown, vendor: "4318", device: "9865", description: "NVIDIA GeForce RTX 4090" };
    assert.equal(describeAdapter(named).name, "NVIDIA GeForce RTX 4090");
    assert.equal(describeAdapter({ ...named, description: "TU102" }).name, "NVIDIA TU102");
    assert.equal(describeAdapter({ ...named, vendor: "99", description: "TU102" }).name, "TU102");
  });

  it("puts a name together where the driver describes nothing", () => {
    const apple = { ...unknown, vendor: "apple", architecture: "metal-3" };
    assert.deepEqual(describeAdapter(apple), { name: "apple metal-3", isSoftware: false });
    assert.equal(describeAdapter({ ...unknown, vendor: "4098", device: "29772" }).name, "AMD 29772");
    assert.equal(describeAdapter(unknown).name, "an adapter without a name");
  });

  it("knows software by the driver's word and by its name", () => {
    const names = ["llvmpipe (LLVM 15.0.6, 256 bits)", "SwiftShader Device", "Microsoft Basic Render Driver"];
    for (const description of names) {
      assert.deepEqual(describeAdapter({ ...unknown, vendor: "65541", device: "0", description }), {
        name: description,
        isSoftware: true,
      });
    }
    assert.equal(
      describeAdapter({ ...unknown, description: "A GPU", isFallbackAdapter: true }).isSoftware,
      true,
    );
    assert.equal(describeAdapter({ ...unknown, description: "Radeon RX 7900" }).isSoftware, false);
  });
});
