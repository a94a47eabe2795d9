// The native tier as a process: it ends cleanly, keeps quiet, repeats itself bit by bit and uses the threads it is told.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nativeEnvironment, type NativeSettings } from "../../../src/compute/native_environment.ts";
import { nativeTestLibrary } from "./native_test_library.ts";

const library = nativeTestLibrary();
const skip = "missing" in library ? library.missing : false;

type Variant = "xla" | "graph" | "eager" | "any";

interface ChildReport {
  variant: string;
  remark?: string;
  digest: string;
  shares: number[];
}

/** Runs native_child.ts; fails unless it ends with 0 and prints one line. */
async function runChild(
  threads: number,
  variant: Variant,
  settings: NativeSettings = {},
  environment: Record<string, string> = {},
): Promise<ChildReport> {
  if ("missing" in library) throw new Error(library.missing);
  const child = fileURLToPath(new URL("./native_child.ts", import.meta.url));
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", child, String(threads), variant, library.directory],
    env: { ...nativeEnvironment(settings), ...environment },
  });
  const { code, signal, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  assert.deepEqual({ code, signal, stderr: decoder.decode(stderr) }, { code: 0, signal: null, stderr: "" });
  return JSON.parse(decoder.decode(stdout));
}

describe(`a process on the native tier${skip ? ` (skipped: ${skip})` : ""}`, () => {
  for (const variant of ["eager", "graph", "xla"] as const) {
    it(`gives equal bits in every process, prints nothing by itself and ends with 0 (variant "${variant}")`, {
      skip,
    }, async () => {
      const first = await runChild(2, variant), second = await runChild(2, variant);
      assert.match(first.digest, /^[0-9a-f]{64}$/);
      assert.equal(second.digest, first.digest);
    });
  }

  it("runs functions as graphs, and says why, where XLA compiles nothing and nobody asked for it", {
    skip,
  }, async () => {
    const broken = { TF_XLA_FLAGS: `--tf_xla_persistent_cache_directory=${fileURLToPath(import.meta.url)}` };
    const { variant, remark, digest } = await runChild(2, "any", {}, broken);
    assert.equal(variant, "graph");
    assert.match(
      remark ?? "",
      /^XLA compiles nothing here, so functions run as graphs, slower: .*not a directory/,
    );
    assert.equal(digest, (await runChild(2, "graph")).digest);
    await assert.rejects(runChild(2, "xla", {}, broken), /not a directory/);
  });

  it(
    "gives the same bits from programs that earlier processes compiled, also where two write at once and where one is damaged",
    {
      skip,
    },
    async () => {
      if ("missing" in library) return;
      const folder = await Deno.makeTempDir({ prefix: "native-programs-test-" });
      const run = () =>
        runChild(2, "xla", { libraryDirectory: library.directory, programs: { threads: 2, folder } });
      const programs = () =>
        Array.from(Deno.readDirSync(folder), (entry) => join(folder, entry.name)).flatMap((path) =>
          Array.from(Deno.readDirSync(path), ({ name }) => join(path, name)).filter((name) =>
            name.endsWith(".pb")
          )
        );
      try {
        const { digest } = await runChild(2, "xla");
        for (const cold of await Promise.all([run(), run()])) assert.equal(cold.digest, digest);
        const kept = programs().sort();
        assert.ok(kept.length > 0, "programs are kept");
        const times = kept.map((path) => Deno.statSync(path).mtime?.getTime());
        assert.equal((await run()).digest, digest);
        assert.deepEqual(programs().sort(), kept);
        assert.deepEqual(
          kept.map((path) => Deno.statSync(path).mtime?.getTime()),
          times,
          "nothing is compiled",
        );
        const bytes = await Deno.readFile(kept[0]);
        await Deno.writeFile(kept[0], bytes.fill(0, bytes.length >> 1));
        assert.equal((await run()).digest, digest);
        assert.deepEqual(programs().sort(), kept);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  );

  it("computes on one thread when told 1, and on more when told 3", { skip }, async () => {
    const busy = ({ shares }: { shares: number[] }) => shares.filter((share) => share > 0.15).length;
    assert.equal(busy(await runChild(1, "eager")), 1);
    assert.ok(busy(await runChild(3, "eager")) >= 2);
  });
});
