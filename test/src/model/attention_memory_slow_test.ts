// What XLA lays out for attention and its gradients must grow with the length, not with its square: the blocks come one after the other.
// Only what hides later tokens is as large as one matrix, for all rows and heads together.
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, it } from "@std/testing/bdd";
import { configPath } from "../../../scripts/config_path.ts";
import { nativeEnvironment } from "../../../src/compute/native_environment.ts";
import type { AttentionProgram } from "../../support/attention_program.ts";
import { nativeTestLibrary } from "../compute/native_test_library.ts";

const library = nativeTestLibrary();
const program = fileURLToPath(new URL("../../support/attention_program.ts", import.meta.url));

type Case = Omit<AttentionProgram, "time" | "libraryDirectory">;

const CASES: Record<string, Case> = {
  "one text a row": { heads: [1, 1], head: 16, isShared: false },
  "wide heads": { heads: [1, 1], head: 64, isShared: false },
  "heads that share keys, several texts a row": { heads: [4, 1], head: 16, isShared: true },
};

/** Bytes of all buffers of the compiled program, as the compiler reports them. */
async function programBytes(given: AttentionProgram): Promise<number> {
  const folder = await Deno.makeTempDir();
  try {
    const inherited = { ...Deno.env.toObject(), XLA_FLAGS: `--xla_dump_to=${folder} --xla_dump_hlo_as_text` };
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--quiet", `--config=${configPath}`, program, JSON.stringify(given)],
      env: nativeEnvironment({ libraryDirectory: given.libraryDirectory, inherited }),
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const reports = [...Deno.readDirSync(folder)].filter(({ name }) => name.includes("memory-usage-report"));
    const bytes = reports.map(({ name }) =>
      Number(/Total bytes used: (\d+)/.exec(Deno.readTextFileSync(join(folder, name)))?.[1])
    );
    assert.ok(bytes.length > 0 && bytes.every(Number.isFinite), "the compiler reported no memory");
    return Math.max(...bytes);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

describe("compiled attention", () => {
  const skip = "missing" in library ? library.missing : false;

  for (const [about, given] of Object.entries(CASES)) {
    it(`takes about twice the memory for twice the tokens: ${about}`, { skip }, async () => {
      const { directory: libraryDirectory } = library as { directory: string };
      const bytesAt = (time: number) => programBytes({ ...given, time, libraryDirectory });
      const short = await bytesAt(1024), long = await bytesAt(2048);
      assert.ok(long / short < 2.4, `${short} bytes for 1,024 tokens, ${long} for 2,048`);
    });
  }
});
