// The committed kernels of the wasm tier are what their sources compile to.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { buildKernels, compiledUrl, kernelVariants } from "../../scripts/build_kernels.ts";

describe("buildKernels()", () => {
  for (const variant of kernelVariants) {
    it(`gives the committed bytes of ${variant}`, async () => {
      assert.equal(await buildKernels(variant), await Deno.readTextFile(compiledUrl(variant)));
    });
  }
});
