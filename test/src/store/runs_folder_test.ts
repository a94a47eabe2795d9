// `<run>` is found by name and by path, and one damaged run does not hide the others.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError, DamageError } from "../../../src/base/errors.ts";
import { openFileLog } from "../../../src/store/file_log.ts";
import { runFiles } from "../../../src/store/run_files.ts";
import { listRuns, readRunId, resolveRun } from "../../../src/store/runs_folder.ts";
import { sampleRecords, withFolder } from "./store_fixtures.ts";

function makeRun(folder: string, run: string, numRecords = 2): void {
  const { log } = openFileLog(folder, run);
  log.append(sampleRecords(numRecords, run), 0);
  log.close();
}

function inRuns(body: (runsFolder: string, workingFolder: string) => void): Promise<void> {
  return withFolder((workingFolder) => body(join(workingFolder, "runs"), workingFolder));
}

describe("listRuns()", () => {
  it("listRuns() lists run folders by name, with ids, and nothing else", () =>
    inRuns((runsFolder) => {
      assert.deepEqual(listRuns(runsFolder), []);
      makeRun(join(runsFolder, "b"), "b");
      makeRun(join(runsFolder, "a-copy"), "a");
      openFileLog(join(runsFolder, "empty"), "empty").log.close();
      Deno.mkdirSync(join(runsFolder, ".hidden"));
      Deno.writeTextFileSync(join(runsFolder, "file"), "");
      assert.deepEqual(listRuns(runsFolder).map(({ name, run }) => [name, run]), [
        ["a-copy", "a"],
        ["b", "b"],
        ["empty", undefined],
      ]);
    }));

  it("listRuns() tells what is wrong with a damaged run and goes on", () =>
    inRuns((runsFolder) => {
      makeRun(join(runsFolder, "a"), "a");
      makeRun(join(runsFolder, "b"), "b");
      Deno.writeTextFileSync(runFiles(join(runsFolder, "a")).log, "nonsense\n");
      const [a, b] = listRuns(runsFolder);
      assert.ok(a.problem instanceof DamageError && a.problem.line === 1);
      assert.deepEqual([b.run, b.problem], ["b", undefined]);
    }));
});

describe("resolveRun()", () => {
  it("resolveRun() finds a run by name, and by relative and absolute path", () =>
    inRuns((runsFolder, workingFolder) => {
      const folder = join(runsFolder, "a");
      makeRun(folder, "a");
      const elsewhere = join(workingFolder, "Some Copy");
      makeRun(elsewhere, "a");
      const find = (text: string) => resolveRun(text, { runsFolder, workingFolder });
      assert.deepEqual(find("a"), { folder, run: "a" });
      assert.deepEqual(find("runs/a"), { folder, run: "a" });
      assert.deepEqual(find("./runs/a/"), { folder, run: "a" });
      assert.deepEqual(find(folder), { folder, run: "a" });
      assert.deepEqual(find("Some Copy"), { folder: elsewhere, run: "a" });
    }));

  it("resolveRun() prefers the name; `./` asks for the path", () =>
    inRuns((runsFolder, workingFolder) => {
      makeRun(join(runsFolder, "a"), "a");
      makeRun(join(workingFolder, "a"), "other");
      assert.equal(resolveRun("a", { runsFolder, workingFolder }).run, "a");
      assert.equal(resolveRun("./a", { runsFolder, workingFolder }).run, "other");
    }));

  it("resolveRun() of a run without records has no id", () =>
    inRuns((runsFolder, workingFolder) => {
      openFileLog(join(runsFolder, "a"), "a").log.close();
      Deno.writeTextFileSync(runFiles(join(runsFolder, "a")).log, '{"v":1,"run":"a","se');
      assert.equal(resolveRun("a", { runsFolder, workingFolder }).run, undefined);
      Deno.mkdirSync(join(runsFolder, "b"));
      assert.equal(resolveRun("b", { runsFolder, workingFolder }).run, undefined);
    }));

  it("resolveRun() of anything else is a ConfigError that lists runs", () =>
    inRuns((runsFolder, workingFolder) => {
      const options = { runsFolder, workingFolder };
      assert.throws(
        () => resolveRun("a", options),
        (error) => error instanceof ConfigError && /there are no runs in/.test(error.message),
      );
      for (let i = 0; i < 7; i++) makeRun(join(runsFolder, `run-${i}`), `run-${i}`);
      for (const text of ["", ".", "..", "../..", "a", "A", "%2e%2e", "a\0", "a".repeat(300), "runs", "/"]) {
        assert.throws(
          () => resolveRun(text, options),
          (error) => error instanceof ConfigError && /run-6 and 2 more/.test(error.message),
          JSON.stringify(text),
        );
      }
    }));

  it("resolveRun() of a damaged first line throws with file and line", () =>
    inRuns((runsFolder, workingFolder) => {
      makeRun(join(runsFolder, "a"), "a");
      Deno.writeTextFileSync(runFiles(join(runsFolder, "a")).log, "{}\n");
      assert.throws(() => resolveRun("a", { runsFolder, workingFolder }), DamageError);
    }));
});

describe("readRunId()", () => {
  it("readRunId() reads only the first line, which may lack its newline", () =>
    inRuns((runsFolder) => {
      const folder = join(runsFolder, "a");
      makeRun(folder, "a", 1);
      const path = runFiles(folder).log;
      const line = Deno.readTextFileSync(path);
      Deno.writeTextFileSync(path, line.trimEnd());
      assert.equal(readRunId(folder), "a");
      Deno.writeTextFileSync(path, `${line}nonsense\n`);
      assert.equal(readRunId(folder), "a");
    }));
});
