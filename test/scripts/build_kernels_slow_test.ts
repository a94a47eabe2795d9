// The committed kernels of the wasm tier are what their sources compile to.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { buildKernel, compiledUrl } from "../../scripts/build_kernels.ts";

describe("buildKernel()", () => {
  for (const name of ["gemm", "erf"] as const) {
    it(`gives the committed bytes of ${name}`, async () => {
      assert.equal(await buildKernel(name), await Deno.readTextFile(compiledUrl(name)));
    });
  }
});
