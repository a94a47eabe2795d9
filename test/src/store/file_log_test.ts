// The file log keeps the contract, repairs only a torn tail, excludes a second writer, and leaves no half event on a full disk.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError, DamageError, exitCode, LockedError, WriteError } from "../../../src/base/errors.ts";
import { hasWriter, openFileLog, readFileLog } from "../../../src/store/file_log.ts";
import { type LogFile, openLogFile } from "../../../src/store/log_file.ts";
import { runFiles } from "../../../src/store/run_files.ts";
import { eventLogContract } from "./event_log_contract.ts";
import { recorded, sampleRecord, sampleRecords, spelledLine, withFolder } from "./store_fixtures.ts";

eventLogContract(
  "file",
  (body) => withFolder((folder) => body({ open: (run = "r") => openFileLog(folder, run) })),
);

const encoder = new TextEncoder();
const bytes = encoder.encode(recorded(4).map((record) => `${spelledLine(record)}\n`).join(""));

/** A file whose operations fail when the test says so. */
function failingFile(
  path: string,
  fails: { writeAfterBytes?: number; sync?: boolean; truncate?: boolean },
): LogFile {
  const file = openLogFile(path);
  return {
    ...file,
    write(part, position) {
      const room = fails.writeAfterBytes ?? Infinity;
      if (room <= 0) throw new Error("No space left on device");
      const count = file.write(part.subarray(0, Math.min(room, part.length)), position);
      if (fails.writeAfterBytes !== undefined) fails.writeAfterBytes -= count;
      return count;
    },
    sync() {
      if (fails.sync) throw new Error("Input/output error");
      file.sync();
    },
    truncate(length) {
      if (fails.truncate) throw new Error("Input/output error");
      file.truncate(length);
    },
  };
}

describe("openFileLog()", () => {
  it("openFileLog() creates missing folders above the run", () =>
    withFolder((folder) => {
      const run = join(folder, "runs", "a");
      openFileLog(run, "a").log.close();
      assert.deepEqual(Array.from(Deno.readDirSync(run), (entry) => entry.name).sort(), [
        "events.jsonl",
        "lock",
      ]);
    }));

  it("openFileLog() of a log cut at any byte keeps whole records, cuts the rest, and goes on", () =>
    withFolder((folder) => {
      const path = runFiles(folder).log;
      for (
        let length = 0;
        length <= bytes.length;
        length += length < 40 || bytes.length - length < 40 ? 1 : 23
      ) {
        Deno.writeFileSync(path, bytes.subarray(0, length));
        const { log, records, repairedBytes } = openFileLog(folder, "r");
        const whole = records.length;
        assert.equal(log.sequence, whole);
        assert.equal(Deno.statSync(path).size, readFileLog(folder).position.end, `cut at ${length}`);
        log.append(sampleRecords(4).slice(whole), whole);
        log.close();
        assert.deepEqual(Deno.readFileSync(path), bytes, `cut at ${length}, ${repairedBytes} bytes repaired`);
      }
    }));

  it("openFileLog() gives a complete last record its newline and counts nothing as repaired", () =>
    withFolder((folder) => {
      Deno.writeFileSync(runFiles(folder).log, bytes.subarray(0, bytes.length - 1));
      const { log, records, repairedBytes } = openFileLog(folder, "r");
      log.close();
      assert.deepEqual([records.length, repairedBytes], [4, 0]);
      assert.deepEqual(Deno.readFileSync(runFiles(folder).log), bytes);
    }));

  it("openFileLog() of a damaged log throws with file and line, changes nothing and frees the lock", () =>
    withFolder((folder) => {
      const path = runFiles(folder).log;
      const damaged = bytes.slice();
      damaged[bytes.length - 100] ^= 1;
      Deno.writeFileSync(path, damaged);
      for (let attempt = 0; attempt < 2; attempt++) {
        assert.throws(
          () => openFileLog(folder, "r"),
          (error) =>
            error instanceof DamageError && error.file === path && error.line === 4 && exitCode(error) === 4,
        );
      }
      assert.deepEqual(Deno.readFileSync(path), damaged);
    }));

  it("openFileLog() of a run that is open throws LockedError with the run and what to do", () =>
    withFolder((folder) => {
      const first = openFileLog(folder, "r");
      assert.throws(
        () => openFileLog(folder, "r"),
        (error) => error instanceof LockedError && /Stop the process.*"r".*lock/.test(error.message),
      );
      first.log.close();
      openFileLog(folder, "r").log.close();
    }));

  it("openFileLog() waits out a reader that looks whether there is a writer", () =>
    withFolder((folder) => {
      openFileLog(folder, "r").log.close();
      using looking = Deno.openSync(runFiles(folder).lock, { read: true });
      assert.ok(looking.tryLockSync(false));
      let numPauses = 0;
      const pause = () => {
        if (++numPauses === 2) looking.unlockSync();
      };
      openFileLog(folder, "r", { pause }).log.close();
      assert.equal(numPauses, 2);
    }));

  it("hasWriter() is true while a log is open for writing, and false when it is closed or never was", () =>
    withFolder((folder) => {
      assert.equal(hasWriter(folder), false);
      const { log } = openFileLog(folder, "r");
      assert.deepEqual([hasWriter(folder), hasWriter(folder)], [true, true]);
      log.close();
      assert.equal(hasWriter(folder), false);
      openFileLog(folder, "r").log.close();
    }));

  it("openFileLog() where no folder can be is a WriteError", () =>
    withFolder((folder) => {
      Deno.writeTextFileSync(join(folder, "file"), "");
      assert.throws(() => openFileLog(join(folder, "file", "run"), "r"), WriteError);
    }));

  it("openFileLog() of another run's folder changes nothing, not even a torn tail", () =>
    withFolder((folder) => {
      const torn = bytes.subarray(0, bytes.length - 9);
      Deno.writeFileSync(runFiles(folder).log, torn);
      assert.throws(() => openFileLog(folder, "s"), ConfigError);
      assert.deepEqual(Deno.readFileSync(runFiles(folder).log), torn);
    }));
});

describe("append() to a file that fails", () => {
  it("append() on a disk that fills at any byte leaves no half event and closes the log", () =>
    withFolder((folder) => {
      const path = runFiles(folder).log;
      const two = sampleRecords(4).slice(2);
      const before = bytes.subarray(0, encoder.encode(recorded(2).map(spelledLine).join("\n")).length + 1);
      for (let room = 0; room < bytes.length - before.length; room += 17) {
        Deno.writeFileSync(path, before);
        const openFile = (path: string) => failingFile(path, { writeAfterBytes: room });
        const { log } = openFileLog(folder, "r", { openFile });
        assert.throws(
          () => log.append(two, 2),
          (error) =>
            error instanceof WriteError && error.message.includes(path) &&
            /No space left/.test(error.message),
        );
        assert.throws(() => log.append(two, 2), WriteError);
        assert.deepEqual([log.sequence, Deno.readFileSync(path)], [2, before], `room for ${room} bytes`);
        openFileLog(folder, "r").log.close();
      }
    }));

  it("append() whose sync fails takes its records back", () =>
    withFolder((folder) => {
      const fails = { sync: false };
      const { log } = openFileLog(folder, "r", { openFile: (path) => failingFile(path, fails) });
      log.append([sampleRecord(0)], 0);
      fails.sync = true;
      assert.throws(() => log.append([sampleRecord(1)], 1), /Input\/output error/);
      assert.equal(readFileLog(folder).records.length, 1);
    }));

  it("append() that can neither write nor cut back is repaired by the next opening", () =>
    withFolder((folder) => {
      const fails = { writeAfterBytes: bytes.length - 50, truncate: true };
      const { log } = openFileLog(folder, "r", { openFile: (path) => failingFile(path, fails) });
      assert.throws(() => log.append(sampleRecords(4), 0), WriteError);
      assert.ok(readFileLog(folder).tornBytes > 0);
      const again = openFileLog(folder, "r");
      assert.equal(again.log.append(sampleRecords(4), again.log.sequence).length, 4 - again.records.length);
      again.log.close();
      assert.deepEqual(Deno.readFileSync(runFiles(folder).log), bytes);
    }));

  it("append() goes on after short writes", () =>
    withFolder((folder) => {
      const openFile = (path: string): LogFile => {
        const file = openLogFile(path);
        return { ...file, write: (part, position) => file.write(part.subarray(0, 100), position) };
      };
      const { log } = openFileLog(folder, "r", { openFile });
      log.append(sampleRecords(4), 0);
      log.close();
      assert.deepEqual(Deno.readFileSync(runFiles(folder).log), bytes);
    }));

  it("append() syncs once per call, before it returns", () =>
    withFolder((folder) => {
      const calls: string[] = [];
      const openFile = (path: string): LogFile => {
        const file = openLogFile(path);
        return {
          ...file,
          write(part, position) {
            calls.push("write");
            return file.write(part, position);
          },
          sync() {
            calls.push("sync");
            file.sync();
          },
        };
      };
      const { log } = openFileLog(folder, "r", { openFile });
      log.append(sampleRecords(3), 0);
      log.append([sampleRecord(3), sampleRecord(0)], 3);
      log.append([sampleRecord(0)], 4);
      log.close();
      assert.deepEqual(calls, ["write", "sync", "write", "sync"]);
    }));
});

describe("readFileLog()", () => {
  it("readFileLog() needs no lock, reports a torn tail and leaves it", () =>
    withFolder((folder) => {
      const { log } = openFileLog(folder, "r");
      log.append(sampleRecords(2), 0);
      const path = runFiles(folder).log;
      Deno.writeTextFileSync(path, '{"v":1,"run":"r","se', { append: true });
      const length = Deno.statSync(path).size;
      const scan = readFileLog(folder);
      assert.deepEqual([scan.records.length, scan.tornBytes], [2, 20]);
      assert.equal(Deno.statSync(path).size, length);
      log.close();
    }));

  it("readFileLog() without a log has no records", () =>
    withFolder((folder) => assert.deepEqual(readFileLog(join(folder, "absent")).records, [])));

  it("readFileLog() from a position reads only what is new, and sees when the log became shorter", () =>
    withFolder((folder) => {
      const { log } = openFileLog(folder, "r");
      log.append(sampleRecords(2), 0);
      const { position } = readFileLog(folder);
      assert.deepEqual(readFileLog(folder, position).records, []);
      log.append([sampleRecord(2)], 2);
      log.close();
      const next = readFileLog(folder, position);
      assert.deepEqual(next.records.map((record) => record.seq), [3]);
      Deno.truncateSync(runFiles(folder).log, position.end);
      assert.throws(() => readFileLog(folder, next.position), DamageError);
    }));
});
