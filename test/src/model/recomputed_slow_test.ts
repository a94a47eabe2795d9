// Layers that are run again for their gradients, compiled: the same numbers, and less memory, which a compiler that merges both runs
// would take back.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nativeEnvironment } from "../../../src/compute/native_environment.ts";
import { nativeTestLibrary } from "../compute/native_test_library.ts";

const library = nativeTestLibrary();
const skip = "missing" in library ? library.missing : false;

/** What recomputed_child.ts computed, and the bytes that XLA's program needs for what it makes on the way. */
async function gradientOf(recompute: boolean): Promise<{ gradient: number[]; bytes: number }> {
  if ("missing" in library) throw new Error(library.missing);
  const folder = await Deno.makeTempDir({ prefix: "recomputed-test-" });
  try {
    const child = fileURLToPath(new URL("./recomputed_child.ts", import.meta.url));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", child, String(recompute), library.directory],
      env: { ...nativeEnvironment(), XLA_FLAGS: `--xla_dump_to=${folder} --xla_dump_hlo_as_text` },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const names = Array.from(Deno.readDirSync(folder), ({ name }) => name);
    const report = names.find((name) => /loss.*memory-usage-report\.txt$/.test(name));
    assert.ok(report !== undefined, names.join(" "));
    const text = await Deno.readTextFile(join(folder, report));
    return {
      gradient: JSON.parse(new TextDecoder().decode(stdout)),
      bytes: Number(/bytes used: (\d+)/.exec(text)?.[1]),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

describe(`recomputed() compiled${skip ? ` (skipped: ${skip})` : ""}`, () => {
  it("gives the function's own gradient within 1e-5 and needs less than half the memory of eight layers", {
    skip,
  }, async () => {
    const whole = await gradientOf(false), again = await gradientOf(true);
    const most = Math.max(...whole.gradient.map(Math.abs));
    whole.gradient.forEach((value, i) => assert.ok(Math.abs(value - again.gradient[i]) <= 1e-5 * most));
    assert.ok(again.bytes < whole.bytes / 2, `${again.bytes} of ${whole.bytes}`);
  });
});
