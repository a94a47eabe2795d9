// A tier opened in a process of its own: what comes back besides what a run records.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { afterEach, describe, it } from "@std/testing/bdd";
import { probeTier } from "../../scripts/probe_tier.ts";
import { nativeTestLibrary } from "../src/compute/native_test_library.ts";

const library = nativeTestLibrary();
const skip = "missing" in library ? library.missing : false;

describe(`probeTier() of the native tier${skip ? ` (skipped: ${skip})` : ""}`, () => {
  const before = Deno.env.get("TF_XLA_FLAGS");
  afterEach(() =>
    before === undefined ? Deno.env.delete("TF_XLA_FLAGS") : Deno.env.set("TF_XLA_FLAGS", before)
  );

  it("hands on why functions run as graphs where XLA compiles nothing", { skip }, async () => {
    if ("missing" in library) return;
    Deno.env.set("TF_XLA_FLAGS", `--tf_xla_persistent_cache_directory=${fileURLToPath(import.meta.url)}`);
    const options = { name: "native", threads: 2, libraryDirectory: library.directory } as const;
    const { variant, remark } = await probeTier(options);
    assert.equal(variant, "graph");
    assert.match(remark ?? "", /^XLA compiles nothing here, so functions run as graphs, slower: /);
  });
});
