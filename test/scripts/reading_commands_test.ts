// The commands that only read a run: replay, report, runs. They change nothing, and name the line of any damage.
import assert from "node:assert/strict";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { DamageError, exitCode } from "../../src/base/errors.ts";
import { Report } from "../../src/status/report.ts";
import type { LogRecord } from "../../src/store/event_log.ts";
import { openFileLog } from "../../src/store/file_log.ts";
import { runFiles } from "../../src/store/run_files.ts";
import { findRun } from "../../scripts/find_run.ts";
import { replay } from "../../scripts/replay.ts";
import { runReport } from "../../scripts/run_report.ts";
import { runLines } from "../../scripts/runs.ts";
import { fabricatedRun } from "../support/fabricated_run.ts";

const records = fabricatedRun({ run: "told" });
let runs = "";

/** Writes a run's folder; its log's file. */
function writeRun(name: string, content: readonly LogRecord[]): string {
  const { log } = openFileLog(join(runs, name), content[0].run);
  log.append(content, 0);
  log.close();
  return runFiles(join(runs, name)).log;
}

const options = (given: { print?: boolean; until?: number; head?: string } = {}) => ({
  print: false,
  json: false,
  // Fabricated runs have none.
  "no-artifacts": true,
  "runs-dir": runs,
  ...given,
});
const replayed = (run: string, given: Parameters<typeof options>[0] = {}) => replay(run, options(given), {});

beforeAll(async () => {
  runs = await Deno.makeTempDir({ prefix: "irl-read-" });
  writeRun("told", records);
});
afterAll(() => Deno.remove(runs, { recursive: true }));

describe("replay", () => {
  it("ends with the number of events, chain and commands equal", async () => {
    const { lines, report } = await replayed("told");
    assert.deepEqual(lines, [`${records.length} events, chain and commands equal`]);
    assert.deepEqual(report, {
      run: "told",
      state: "done",
      events: records.length,
      head: records.at(-1)?.hash ?? "",
      outstanding: [],
      artifacts: null,
    });
  });

  it("takes a path as well, wherever the folder lies and whatever it is called", async () => {
    Deno.renameSync(join(runs, "told"), join(runs, "moved-away"));
    try {
      assert.equal(
        (await replay(join(runs, "moved-away"), { ...options(), "runs-dir": "elsewhere" }, {})).report.run,
        "told",
      );
      assert.equal(
        (await replay("moved-away", { ...options(), "runs-dir": "elsewhere" }, { INIT_CWD: runs })).report
          .run,
        "told",
      );
    } finally {
      Deno.renameSync(join(runs, "moved-away"), join(runs, "told"));
    }
  });

  it("stops where it is told to, prints every event, and says what is to be done next", async () => {
    const { lines } = await replayed("told", { until: 3, print: true });
    assert.equal(lines.length, 6);
    assert.match(lines[2], /^ {3}3 {2}SupervisedTuned /);
    assert.deepEqual(lines.slice(3), [
      "State: tuningSupervised",
      'To do: TuneSupervised "told/0/sft/0/1"',
      "3 events, chain and commands equal",
    ]);
  });

  it("exits 4 and names the line, whichever byte of the log is changed", async () => {
    const file = writeRun("changed", fabricatedRun({ run: "changed" }));
    const bytes = Deno.readFileSync(file);
    for (let place = 0; place < bytes.length; place += 997) {
      const line = bytes.subarray(0, place).filter((byte) => byte === 10).length + 1;
      const broken = bytes.slice();
      broken[place] ^= 1;
      Deno.writeFileSync(file, broken);
      await assert.rejects(replayed("changed"), (error) => {
        assert.ok(error instanceof DamageError, `byte ${place}: ${error}`);
        // A line's end that is gone joins it with the next one.
        return error.line === line && exitCode(error) === 4;
      });
    }
  });

  it("exits 4 when the head is not the one that was kept elsewhere", async () => {
    const head = records.at(-1)?.hash ?? "";
    assert.equal((await replayed("told", { head })).lines.length, 1);
    writeRun("shorter", records.slice(0, -3));
    await assert.rejects(replayed("shorter", { head }), (error) => exitCode(error) === 4);
  });

  it("exits 2 at an event of a newer version, with the line", async () => {
    const newer = records.map((record, i) =>
      i === 4 ? { ...record, data: { ...record.data, v: 9 } } : record
    );
    writeRun("newer", newer);
    await assert.rejects(replayed("newer"), (error) => {
      assert.match(String(error), /events\.jsonl:5: Upgrade to read this log/);
      return exitCode(error) === 2;
    });
  });

  it("leaves an unfinished last line alone and says so", async () => {
    const file = writeRun("torn", fabricatedRun({ run: "torn" }));
    const whole = Deno.readTextFileSync(file);
    Deno.writeTextFileSync(file, whole + '{"v":1,"run":"torn"');
    assert.match((await replayed("torn")).lines[0], /The last line is unfinished \(19 bytes\)/);
    assert.equal(Deno.readTextFileSync(file).length, whole.length + 19);
  });
});

describe("report", () => {
  it("is text for people and an object of the promised form", () => {
    const { text, report } = runReport(records);
    assert.deepEqual(Report.parse(report), report);
    assert.match(text, new RegExp(`^log +${records.at(-1)?.hash}`, "m"));
    assert.match(text, /^iteration 2 /m);
  });
});

describe("runs", () => {
  it("lists every run with where it stands, and hides none behind a damaged one", () => {
    const folder = Deno.makeTempDirSync({ dir: runs, prefix: "_list-" });
    const list = (name: string, content: readonly LogRecord[]) => {
      const { log } = openFileLog(join(folder, name), content[0]?.run ?? name);
      if (content.length > 0) log.append(content, 0);
      log.close();
    };
    list("a", records);
    list("b", records.slice(0, 3));
    list("c", []);
    list("d", records);
    Deno.truncateSync(runFiles(join(folder, "d")).log, 0);
    Deno.writeTextFileSync(runFiles(join(folder, "d")).log, "nonsense\n");
    const writer = openFileLog(join(folder, "b"), records[0].run);
    const lines = runLines(folder, { isDefaultFolder: true });
    writer.log.close();
    assert.deepEqual(lines.map(({ name, state }) => [name, state]), [
      ["a", "done"],
      ["b", "tuningSupervised"],
      ["c", "empty"],
      ["d", "unreadable"],
    ]);
    assert.ok(!JSON.stringify(lines).includes("--resume"));
  });

  it("tells a run whose process was killed from one at work, and how to go on with it", () => {
    const folder = Deno.makeTempDirSync({ dir: runs, prefix: "_stopped-" });
    const write = (name: string, content: readonly LogRecord[]) => {
      const { log } = openFileLog(join(folder, name), content[0].run);
      log.append(content, 0);
      return log;
    };
    const paused = fabricatedRun({
      run: "told",
      incidents: [{ kind: "pause", iteration: 1, command: "LearnReward", resumed: false }],
    });
    write("killed", records.slice(0, 3)).close();
    write("paused", paused).close();
    const atWork = write("at-work", records.slice(0, 3));
    const told = (isDefaultFolder: boolean) =>
      runLines(folder, { isDefaultFolder }).map((line) => [
        line.name,
        line.state,
        "resume" in line ? line.resume : undefined,
      ]);
    assert.deepEqual(told(true), [
      ["at-work", "tuningSupervised", undefined],
      ["killed", "stopped", "deno task irl --resume killed"],
      ["paused", "paused", "deno task irl --resume paused"],
    ]);
    assert.deepEqual(told(false)[1], [
      "killed",
      "stopped",
      `deno task irl --resume ${join(folder, "killed")}`,
    ]);
    atWork.close();
    assert.equal(told(true)[0][1], "stopped");
  });

  it("says which runs there are when one is named that is not", () => {
    assert.throws(
      () => findRun("tlod", { runsDir: runs, environment: {} }),
      /"tlod" is neither; runs in .*told/,
    );
  });
});
