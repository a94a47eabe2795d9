// The folder of compiled programs: what its name depends on, and which files stay in it. The library stands for the real one.
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { libraryFiles } from "../../../src/compute/native_library.ts";
import { openProgramCache } from "../../../src/compute/program_cache.ts";

const skip = Deno.build.os === "linux" ? false : "programs are kept on Linux only";

describe(`openProgramCache()${skip ? ` (skipped: ${skip})` : ""}`, () => {
  let root: string, libraryDirectory: string;
  beforeEach(async () => {
    root = await Deno.makeTempDir({ prefix: "program-cache-test-" });
    libraryDirectory = join(root, "library");
    await Deno.mkdir(libraryDirectory);
    await Deno.writeTextFile(join(libraryDirectory, libraryFiles[0]), "a library");
  });
  afterEach(() => Deno.remove(root, { recursive: true }));

  const open = (change: Partial<Parameters<typeof openProgramCache>[1]> = {}) =>
    openProgramCache(root, { libraryDirectory, threads: 2, flags: "", ...change });
  const opened = () => {
    const folder = open();
    assert.ok(folder !== undefined);
    return folder;
  };
  const programs = (folder: string) =>
    Array.from(Deno.readDirSync(folder), ({ name }) => name).filter((name) => name.endsWith(".pb")).sort();

  it("gives equal processes one folder, and one of its own to each library, thread count and set of flags", {
    skip,
  }, async () => {
    assert.equal(open(), open());
    const folders = [open(), open({ threads: 3 }), open({ flags: "--xla_something" })];
    await Deno.writeTextFile(join(libraryDirectory, libraryFiles[0]), "another library");
    folders.push(open());
    assert.equal(new Set(folders).size, 4);
  });

  it(
    "keeps whole programs and takes out those that have changed, are empty or are from before the system's start",
    {
      skip,
    },
    async () => {
      const folder = opened(),
        write = (name: string, text: string) => Deno.writeTextFile(join(folder, name), text);
      for (const name of ["a.pb", "b.pb", "c.pb"]) await write(name, `program ${name}`);
      await write("empty.pb", "");
      await write("old.pb", "program");
      await Deno.utime(join(folder, "old.pb"), 1, 1);
      open();
      assert.deepEqual(programs(folder), ["a.pb", "b.pb", "c.pb"]);
      await write("b.pb", "program B.pb");
      await write("c.pb", "progr");
      open();
      assert.deepEqual(programs(folder), ["a.pb"]);
      await Deno.utime(join(folder, "a.pb"), 1, 1);
      open();
      assert.deepEqual(programs(folder), ["a.pb"], "a sealed one stays, however old");
    },
  );

  it(
    "takes the oldest out when there is too much, and judges anew without readable seals",
    { skip },
    async () => {
      const folder = opened();
      await Deno.writeTextFile(join(folder, "young.pb"), "program");
      await Deno.writeTextFile(join(folder, "large.pb"), "program");
      await Deno.truncate(join(folder, "large.pb"), 600 * 2 ** 20);
      await Deno.utime(join(folder, "large.pb"), 1, 1);
      open();
      assert.deepEqual(programs(folder), ["young.pb"]);
      await Deno.writeTextFile(join(folder, "seals.json"), "{");
      open();
      assert.deepEqual(programs(folder), ["young.pb"]);
    },
  );

  it(
    "gives none where it cannot write, without a library, and below a path with a space",
    { skip },
    async () => {
      await Deno.writeTextFile(join(root, "file"), "");
      const options = { libraryDirectory, threads: 2, flags: "" };
      assert.equal(openProgramCache(join(root, "file"), options), undefined);
      assert.equal(open({ libraryDirectory: join(root, "nowhere") }), undefined);
      assert.equal(openProgramCache(join(root, "a folder"), options), undefined);
    },
  );
});
