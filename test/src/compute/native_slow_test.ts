// The native tier as a process: it ends cleanly, keeps quiet, repeats itself bit by bit and uses the threads it is told.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { nativeEnvironment } from "../../../src/compute/native_environment.ts";
import { nativeTestLibrary } from "./native_test_library.ts";

const library = nativeTestLibrary();
const skip = "missing" in library ? library.missing : false;

type Variant = "xla" | "eager";

/** Runs native_child.ts; fails unless it ends with 0 and prints one line. */
async function runChild(threads: number, variant: Variant): Promise<{ digest: string; shares: number[] }> {
  if ("missing" in library) throw new Error(library.missing);
  const child = fileURLToPath(new URL("./native_child.ts", import.meta.url));
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", child, String(threads), variant, library.directory],
    env: nativeEnvironment(),
  });
  const { code, signal, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  assert.deepEqual({ code, signal, stderr: decoder.decode(stderr) }, { code: 0, signal: null, stderr: "" });
  return JSON.parse(decoder.decode(stdout));
}

describe(`a process on the native tier${skip ? ` (skipped: ${skip})` : ""}`, () => {
  for (const variant of ["eager", "xla"] as const) {
    it(`gives equal bits in every process, prints nothing by itself and ends with 0 (variant "${variant}")`, {
      skip,
    }, async () => {
      const first = await runChild(2, variant), second = await runChild(2, variant);
      assert.match(first.digest, /^[0-9a-f]{64}$/);
      assert.equal(second.digest, first.digest);
    });
  }

  it("computes on one thread when told 1, and on more when told 3", { skip }, async () => {
    const busy = ({ shares }: { shares: number[] }) => shares.filter((share) => share > 0.15).length;
    assert.equal(busy(await runChild(1, "eager")), 1);
    assert.ok(busy(await runChild(3, "eager")) >= 2);
  });
});
