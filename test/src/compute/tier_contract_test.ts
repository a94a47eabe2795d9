// The contract of compute tiers: the same cases on every tier present, each in a Worker, compared with the tier "cpu".
// Left out: webgpu, whose programs take seconds to compile on a software adapter (webgpu_slow_test.ts).
import { describe, it } from "@std/testing/bdd";
import { nativeEnvironment } from "../../../src/compute/native_environment.ts";
import { nativeTestLibrary } from "./native_test_library.ts";
import { contract } from "./tier_contract.ts";

describe('the tier "cpu"', () => contract({ name: "cpu", threads: 1 }));
describe('the tier "wasm"', () => contract({ name: "wasm", threads: 2 }));
describe('the tier "wasm", variant "simd128"', () =>
  contract({ name: "wasm", threads: 1, variant: "simd128" }));

// libtensorflow reads it when it is loaded; elsewhere the parent process sets it.
Deno.env.set("TF_CPP_MIN_LOG_LEVEL", nativeEnvironment().TF_CPP_MIN_LOG_LEVEL);

const library = nativeTestLibrary();
if ("directory" in library) {
  for (const variant of ["eager", "graph", "xla"] as const) {
    describe(`the tier "native", variant "${variant}"`, () => {
      contract({ name: "native", threads: 2, libraryDirectory: library.directory, variant });
    });
  }
} else {
  it(`the tier "native" is skipped: ${library.missing}`, { skip: library.missing }, () => {});
}
