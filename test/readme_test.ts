// README's commands exist, and its file names too.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";

const root = new URL("../", import.meta.url);
const readme = Deno.readTextFileSync(new URL("README.md", root));

describe("README.md", () => {
  it("names only tasks that deno.json has", () => {
    const { tasks } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", root)));
    for (const [, task] of readme.matchAll(/deno task ([a-z:]+)/g)) assert.ok(task in tasks, task);
  });

  it("names only files that are there", () => {
    for (
      const [, path] of readme.matchAll(/`((?:src|actors|events|scripts|test)\/[\w./]+\.(?:ts|json|py))`/g)
    ) {
      assert.ok(Deno.statSync(new URL(path, root)).isFile, path);
    }
  });

  it("holds no unfilled place", () => {
    assert.deepEqual([...readme.matchAll(/<!-- (?!generated: |end: )[^>]*-->/g)].map(([mark]) => mark), []);
  });
});
