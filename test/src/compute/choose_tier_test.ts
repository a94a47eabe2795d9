// Which tier is chosen, and the reason that people read.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { ConfigError } from "../../../src/base/errors.ts";
import { chooseTier } from "../../../src/compute/choose_tier.ts";

const found = { directory: "/cache/tensorflow", source: "libtensorflow 2.21.0 from the cache" };
const missing = { missing: "no pip on this machine, so libtensorflow could not be fetched" };

describe("chooseTier()", () => {
  it("prefers native to wasm when the library is there", () => {
    assert.deepEqual(chooseTier({ requested: "auto", nativeLibrary: found }), {
      name: "native",
      reason: "native: libtensorflow 2.21.0 from the cache",
    });
  });

  it("falls back to wasm and says why", () => {
    assert.deepEqual(chooseTier({ requested: "auto", nativeLibrary: missing }), {
      name: "wasm",
      reason: "wasm: no pip on this machine, so libtensorflow could not be fetched",
    });
  });

  it("takes what is asked for", () => {
    for (const requested of ["native", "wasm", "cpu"] as const) {
      assert.equal(chooseTier({ requested, nativeLibrary: found }).name, requested);
    }
    assert.equal(chooseTier({ requested: "wasm", nativeLibrary: missing }).reason, "wasm: as asked");
  });

  it("throws ConfigError for native without a library, with the reason, and for webgpu", () => {
    assert.throws(
      () => chooseTier({ requested: "native", nativeLibrary: missing }),
      (error) => error instanceof ConfigError && error.message.includes(missing.missing),
    );
    assert.throws(() => chooseTier({ requested: "webgpu", nativeLibrary: found }), ConfigError);
  });
});
