// Telemetry is lossy, but it never throws and never confuses a reader.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { runFiles } from "../../../src/store/run_files.ts";
import { openTelemetry, readTelemetry } from "../../../src/store/telemetry.ts";
import { withFolder } from "./store_fixtures.ts";

describe("openTelemetry()", () => {
  it("write() appends entries that readTelemetry() returns, over several writers", () =>
    withFolder((folder) => {
      for (const step of [1, 2]) {
        const telemetry = openTelemetry(folder);
        telemetry.write({ step, loss: 0.5 });
        telemetry.write({ step, text: "é\n" });
        telemetry.close();
        assert.equal(telemetry.dropped, 0);
      }
      const { entries, skipped } = readTelemetry(folder);
      assert.deepEqual(entries.map((entry) => entry.step), [1, 1, 2, 2]);
      assert.equal(skipped, 0);
    }));

  it("write() never throws, and counts what was lost", () =>
    withFolder((folder) => {
      const cycle: Record<string, unknown> = {};
      cycle.self = cycle;
      const nowhere = openTelemetry(join(folder, "absent"));
      nowhere.write({ step: 1 });
      nowhere.close();
      const telemetry = openTelemetry(folder);
      telemetry.write(cycle);
      telemetry.write({ big: 1n });
      telemetry.write({ step: 1 });
      telemetry.close();
      telemetry.close();
      telemetry.write({ step: 2 });
      assert.deepEqual([nowhere.dropped, telemetry.dropped], [1, 3]);
      assert.deepEqual(readTelemetry(folder).entries, [{ step: 1 }]);
    }));

  it("openTelemetry() begins a new line behind one that was cut off", () =>
    withFolder((folder) => {
      Deno.writeTextFileSync(runFiles(folder).telemetry, '{"step":1}\n{"ste');
      const telemetry = openTelemetry(folder);
      telemetry.write({ step: 2 });
      telemetry.close();
      const { entries, skipped } = readTelemetry(folder);
      assert.deepEqual([entries, skipped], [[{ step: 1 }, { step: 2 }], 1]);
    }));
});

describe("readTelemetry()", () => {
  it("readTelemetry() goes on from a byte, waits for a line's end, and starts over when the file was deleted", () =>
    withFolder((folder) => {
      const path = runFiles(folder).telemetry;
      assert.deepEqual(readTelemetry(folder), { entries: [], skipped: 0, end: 0 });
      Deno.writeTextFileSync(path, '{"step":1}\n{"step":2');
      const first = readTelemetry(folder);
      assert.deepEqual(first, { entries: [{ step: 1 }], skipped: 0, end: 11 });
      Deno.writeTextFileSync(path, "}\n[]\n3\n", { append: true });
      const second = readTelemetry(folder, first.end);
      assert.deepEqual(second, { entries: [{ step: 2 }], skipped: 2, end: 27 });
      Deno.writeTextFileSync(path, '{"step":1}\n');
      assert.deepEqual(readTelemetry(folder, second.end).entries, [{ step: 1 }]);
    }));
});
