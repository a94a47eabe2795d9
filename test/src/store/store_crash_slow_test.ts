// Real processes, killed the hard way, and real full disks: nothing acknowledged is lost, no half event stays.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { LockedError } from "../../../src/base/errors.ts";
import { openFileArtifacts } from "../../../src/store/file_artifacts.ts";
import { openFileLog, readFileLog } from "../../../src/store/file_log.ts";
import { childArguments, killAfterLines, withFolder } from "./store_fixtures.ts";

describe("a killed writer", () => {
  it("append() loses nothing that it acknowledged, over rounds of SIGKILL", () =>
    withFolder(async (folder) => {
      let acknowledged = 0;
      for (let round = 0; round < 6; round++) {
        const lines = await killAfterLines(5 + 40 * round, "append", folder);
        acknowledged = Number(lines.at(-1));
        const { log, records } = openFileLog(folder, "r");
        log.close();
        assert.ok(records.length >= acknowledged, `round ${round}: ${records.length} of ${acknowledged}`);
        // Beyond it there is at most one call that was written and not yet printed, and one that was being written.
        assert.ok(records.length <= acknowledged + 6, `round ${round}: ${records.length} of ${acknowledged}`);
        assert.deepEqual(records.map((record) => record.data.i), records.map((_, i) => i));
      }
      assert.ok(acknowledged > 100);
    }));

  it("put() loses no artifact that it acknowledged and leaves no rest, over rounds of SIGKILL", () =>
    withFolder(async (folder) => {
      for (let round = 0; round < 4; round++) {
        const digests = await killAfterLines(3 + 10 * round, "put", folder);
        const store = openFileArtifacts(folder);
        for (const digest of digests) assert.equal((await store.get(digest)).length, 60_000);
        assert.deepEqual([...Deno.readDirSync(join(folder, "artifacts", "unfinished"))], []);
      }
    }));

  it("openFileLog() while another process writes throws LockedError, and opens once that one is dead", () =>
    withFolder(async (folder) => {
      const holder = new Deno.Command(Deno.execPath(), {
        args: childArguments("hold", folder),
        stdout: "piped",
      })
        .spawn();
      const reader = holder.stdout.getReader();
      await reader.read();
      assert.throws(() => openFileLog(folder, "r"), LockedError);
      holder.kill("SIGKILL");
      await holder.status;
      await reader.cancel();
      openFileLog(folder, "r").log.close();
    }));
});

describe("a full disk", () => {
  it("append() on a full file system leaves whole records only and says what to do", async (context) => {
    await withFolder(async (folder) => {
      const small = join(folder, "small"), copy = join(folder, "copy");
      Deno.mkdirSync(small);
      Deno.mkdirSync(copy);
      // A namespace of its own lets an ordinary user mount 256 KB; it is gone with the shell, so the log is copied out.
      const script = `mount -t tmpfs -o size=256k none "${small}" && echo mounted || exit 1
        "$@" && cp "${small}/r/events.jsonl" "${copy}"`;
      const command = [
        "sh",
        "-c",
        script,
        "sh",
        Deno.execPath(),
        ...childArguments("fill", join(small, "r")),
      ];
      const { code, stdout } = await new Deno.Command("unshare", { args: ["-Urm", ...command] }).output()
        .catch(() => ({ code: 1, stdout: new Uint8Array() }));
      const [mounted, result] = new TextDecoder().decode(stdout).split("\n");
      if (mounted !== "mounted") return context.skip("needs unshare and the right to mount a small tmpfs");
      assert.equal(code, 0);
      const { acknowledged, message } = JSON.parse(result);
      assert.ok(acknowledged > 100, `${acknowledged} records fitted`);
      assert.match(message, /^Free the disk .*events\.jsonl.*No space left/);
      const { records, tornBytes } = readFileLog(copy);
      assert.deepEqual([records.length, tornBytes], [acknowledged, 0]);
    });
  });
});
