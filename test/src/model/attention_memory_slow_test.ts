// What XLA lays out for attention and its gradients must grow with the length, not with its square: the blocks come one after the other.
// Only what hides later tokens is as large as one matrix, for all rows and heads together.
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, it } from "@std/testing/bdd";
import { nativeEnvironment } from "../../../src/compute/native_environment.ts";
import { nativeTestLibrary } from "../compute/native_test_library.ts";

const library = nativeTestLibrary();
const program = fileURLToPath(new URL("../../support/attention_program.ts", import.meta.url));
const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));

/** Bytes of all buffers of the compiled program, as the compiler reports them. */
async function programBytes(time: number, libraryDirectory: string): Promise<number> {
  const folder = await Deno.makeTempDir();
  try {
    const inherited = { ...Deno.env.toObject(), XLA_FLAGS: `--xla_dump_to=${folder} --xla_dump_hlo_as_text` };
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--quiet", `--config=${config}`, program, `${time}`, libraryDirectory],
      env: nativeEnvironment({ libraryDirectory, inherited }),
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const reports = [...Deno.readDirSync(folder)].filter(({ name }) => name.includes("memory-usage-report"));
    const bytes = reports.map(({ name }) =>
      Number(/Total bytes used: (\d+)/.exec(Deno.readTextFileSync(join(folder, name)))?.[1])
    );
    return Math.max(...bytes);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

describe("compiled attention", () => {
  const skip = "missing" in library ? library.missing : false;

  it("takes about twice the memory for twice the tokens", { skip }, async () => {
    const { directory } = library as { directory: string };
    const short = await programBytes(1024, directory), long = await programBytes(2048, directory);
    // The matrix of 8 rows, one head and 2,048 tokens by itself.
    const matrix = 4 * 8 * 2048 ** 2;
    assert.ok(long < matrix, `${long} bytes, the matrix has ${matrix}`);
    assert.ok(long / short < 2.4, `${short} bytes for 1,024 tokens, ${long} for 2,048`);
  });
});
