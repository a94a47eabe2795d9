// Artifact files keep the contract, are verified when read, and unfinished ones are cleared away.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { DamageError, exitCode, WriteError } from "../../../src/base/errors.ts";
import { openFileArtifacts, readFileArtifacts } from "../../../src/store/file_artifacts.ts";
import { artifactStoreContract } from "./artifact_store_contract.ts";
import { withFolder } from "./store_fixtures.ts";

artifactStoreContract("files", (body) => withFolder((folder) => body(openFileArtifacts(folder))));

const content = new TextEncoder().encode("some weights");

function pathOf(folder: string, digest: string): string {
  const hex = digest.slice("sha256:".length);
  return join(folder, "artifacts", "sha256", hex.slice(0, 2), hex.slice(2));
}

describe("openFileArtifacts()", () => {
  it("put() writes artifacts/sha256/ab/cdef… and leaves nothing beside it", () =>
    withFolder(async (folder) => {
      const digest = await openFileArtifacts(folder).put(content);
      assert.deepEqual(Deno.readFileSync(pathOf(folder, digest)), content);
      assert.deepEqual([...Deno.readDirSync(join(folder, "artifacts", "unfinished"))], []);
    }));

  it("put() does not rewrite sound content", () =>
    withFolder(async (folder) => {
      const store = openFileArtifacts(folder);
      const path = pathOf(folder, await store.put(content));
      Deno.utimeSync(path, 1000, 1000);
      await store.put(content);
      assert.equal(Deno.statSync(path).mtime?.getTime(), 1_000_000);
    }));

  it("get() names the file that was changed, cut, emptied or removed", () =>
    withFolder(async (folder) => {
      const store = openFileArtifacts(folder);
      const digest = await store.put(content);
      const path = pathOf(folder, digest);
      const changed = content.slice();
      changed[3] ^= 1;
      for (const bytes of [changed, content.subarray(0, 5), new Uint8Array(), Uint8Array.of(...content, 0)]) {
        Deno.writeFileSync(path, bytes);
        await assert.rejects(store.get(digest), (error) =>
          error instanceof DamageError && error.file === path && exitCode(error) === 4);
      }
      Deno.removeSync(path);
      await assert.rejects(store.get(digest), (error) =>
        error instanceof DamageError && error.file === path && /missing/.test(error.message));
    }));

  it("put() replaces damaged content by the right one", () =>
    withFolder(async (folder) => {
      const store = openFileArtifacts(folder);
      const digest = await store.put(content);
      for (const bytes of [content.map((byte) => byte ^ 1), content.subarray(1)]) {
        Deno.writeFileSync(pathOf(folder, digest), bytes);
        assert.equal(await store.put(content), digest);
        assert.deepEqual(await store.get(digest), content);
      }
    }));

  it("openFileArtifacts() removes unfinished files once no process writes", () =>
    withFolder(async (folder) => {
      const unfinished = join(folder, "artifacts", "unfinished");
      await openFileArtifacts(folder).put(content);
      Deno.writeTextFileSync(join(unfinished, "half"), "half");
      {
        using writer = Deno.openSync(join(folder, "artifacts", "lock"), { write: true });
        writer.lockSync(false);
        openFileArtifacts(folder);
        assert.equal([...Deno.readDirSync(unfinished)].length, 1, "its writer may be alive");
      }
      openFileArtifacts(folder);
      assert.equal([...Deno.readDirSync(unfinished)].length, 0);
    }));

  it("openFileArtifacts() beside writers disturbs none of them", () =>
    withFolder(async (folder) => {
      const store = openFileArtifacts(folder);
      const puts = Array.from({ length: 40 }, (_, i) => store.put(new Uint8Array(2000).fill(i)));
      for (let i = 0; i < 20; i++) {
        openFileArtifacts(folder);
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      for (const digest of await Promise.all(puts)) assert.equal((await store.get(digest)).length, 2000);
    }));

  it("put() where nothing can be written is a WriteError", () =>
    withFolder(async (folder) => {
      Deno.writeTextFileSync(join(folder, "artifacts"), "not a folder");
      const store = openFileArtifacts(folder);
      await assert.rejects(store.put(content), (error) =>
        error instanceof WriteError && /Free the disk/.test(error.message));
    }));
});

describe("readFileArtifacts()", () => {
  it("readFileArtifacts() reads and changes nothing, leftovers included", () =>
    withFolder(async (folder) => {
      const digest = await openFileArtifacts(folder).put(content);
      const leftover = join(folder, "artifacts", "unfinished", "dead");
      Deno.writeTextFileSync(leftover, "half");
      const reader = readFileArtifacts(folder);
      assert.deepEqual(await reader.get(digest), content);
      assert.equal(Deno.readTextFileSync(leftover), "half");
      assert.equal(await readFileArtifacts(join(folder, "absent")).has(digest), false);
    }));
});
