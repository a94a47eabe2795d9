// A folder on disk behind the ports: reading at any place, files that are missing or become shorter, writing whole files.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "@std/testing/bdd";
import { folderFiles, folderWriter } from "../../../src/store/folder_files.ts";

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await test(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function write(folder: string, name: string, ...parts: number[][]): Promise<void> {
  const file = await folderWriter(folder).create(name);
  for (const part of parts) await file.write(Uint8Array.from(part));
  file.close();
}

describe("folderFiles()", () => {
  it("reads what folderWriter() wrote, at any place", () =>
    withFolder(async (folder) => {
      await write(folder, "a", [1, 2, 3], [], [4, 5]);
      const file = await folderFiles(folder).open("a"), into = new Uint8Array(3);
      assert.ok(file);
      assert.equal(file.size, 5);
      await file.read(2, into);
      assert.deepEqual([...into], [3, 4, 5]);
      await file.read(0, into.subarray(1));
      assert.deepEqual([...into], [3, 1, 2]);
      file.close();
    }));

  it("replaces a longer file whole", () =>
    withFolder(async (folder) => {
      await write(folder, "a", [1, 2, 3]);
      await write(folder, "a", [9]);
      assert.deepEqual([...Deno.readFileSync(join(folder, "a"))], [9]);
    }));

  it("has no file where there is none, or no folder", () =>
    withFolder(async (folder) => {
      await write(folder, "a", [1]);
      assert.equal(await folderFiles(folder).open("b"), undefined);
      assert.equal(await folderFiles(join(folder, "a")).open("b"), undefined);
      assert.equal(await folderFiles(join(folder, "none")).open("b"), undefined);
    }));

  it("names the file that is shorter than what is asked of it", () =>
    withFolder(async (folder) => {
      await write(folder, "a", [1, 2, 3]);
      const file = await folderFiles(folder).open("a");
      assert.ok(file);
      await assert.rejects(
        file.read(2, new Uint8Array(2)),
        /^SchemaError: .*a: Fetch the file again: it is cut short at byte 3$/,
      );
      file.close();
    }));
});
