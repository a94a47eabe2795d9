// The contract of every event log: one suite, run by each implementation.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  ConfigError,
  ReplayMismatchError,
  SequenceConflictError,
  WriteError,
} from "../../../src/base/errors.ts";
import type { LogRecord, OpenedLog } from "../../../src/store/event_log.ts";
import { emptyHead } from "../../../src/store/log_codec.ts";
import { openMemoryLog } from "../../../src/store/memory_log.ts";
import { commandsDigest, sampleRecord, sampleRecords, spelledLine } from "./store_fixtures.ts";

/** One log's place: the same one at every `open`. */
export interface LogPlace {
  open(run?: string): OpenedLog;
}

export function eventLogContract(
  name: string,
  withPlace: (body: (place: LogPlace) => void) => Promise<void>,
): void {
  describe(`event log contract: ${name}`, () => {
    it("open() of a new log is empty, with a head of zeros", () =>
      withPlace((place) => {
        const { log, records, repairedBytes } = place.open();
        assert.deepEqual([log.run, log.sequence, log.head, records.length, repairedBytes], [
          "r",
          0,
          emptyHead,
          0,
          0,
        ]);
        log.close();
      }));

    it("append() numbers from 1 and chains each record to the one before", () =>
      withPlace((place) => {
        const { log } = place.open();
        const first = log.append([sampleRecord(0)], 0);
        const all = [...first, ...log.append([sampleRecord(1), sampleRecord(2)], 1)];
        assert.deepEqual(all.map((record) => record.seq), [1, 2, 3]);
        assert.deepEqual(all.map((record) => record.prev), [emptyHead, all[0].hash, all[1].hash]);
        for (const record of all) assert.ok(spelledLine(record).endsWith(`"hash":"${record.hash}"}`));
        assert.deepEqual([log.sequence, log.head], [3, all[2].hash]);
        log.close();
      }));

    it("append() returns what a reader will see, cut off from the caller's objects", () =>
      withPlace((place) => {
        const { log } = place.open();
        const data = { v: 1, zero: -0, absent: undefined, list: [1] };
        const [record] = log.append([{ ...sampleRecord(0), data }], 0);
        data.list.push(2);
        assert.deepEqual(record.data, { v: 1, zero: 0, list: [1] });
        log.close();
        const opened = place.open();
        assert.deepEqual(opened.records, [record]);
        opened.log.close();
      }));

    it("open() again goes on where the log was", () =>
      withPlace((place) => {
        const { log } = place.open();
        const before = log.append(sampleRecords(5), 0);
        log.close();
        const again = place.open();
        assert.deepEqual(again.records, before);
        assert.equal(again.log.head, before[4].hash);
        const [next] = again.log.append([sampleRecord(5)], 5);
        assert.deepEqual([next.seq, next.prev], [6, before[4].hash]);
        again.log.close();
      }));

    it("open() as another run refuses with both names", () =>
      withPlace((place) => {
        const { log } = place.open();
        log.append([sampleRecord(0)], 0);
        log.close();
        assert.throws(() => place.open("other"), (error) =>
          error instanceof ConfigError && /"r"/.test(error.message) && /"other"/.test(error.message));
      }));

    it("open() checks the run's name", () =>
      withPlace((place) => {
        for (const name of ["", "..", "a/b", "A", "-a", "a".repeat(65)]) {
          assert.throws(() => place.open(name), ConfigError, name);
        }
      }));

    it("append() at a wrong sequence throws SequenceConflictError and writes nothing", () =>
      withPlace((place) => {
        const { log } = place.open();
        log.append([sampleRecord(0)], 0);
        for (const wrong of [0, 2, -1]) {
          assert.throws(
            () => log.append([sampleRecord(1)], wrong),
            (error) =>
              error instanceof SequenceConflictError && error.expected === wrong && error.actual === 1,
          );
        }
        assert.equal(log.sequence, 1);
        log.close();
      }));

    it("append() leaves out a known id with equal type and data, whatever its time and meta", () =>
      withPlace((place) => {
        const { log } = place.open();
        log.append(sampleRecords(2), 0);
        const late = { ...sampleRecord(0), at: "2030-01-01T00:00:00.000Z", meta: { attempt: 2 } };
        assert.deepEqual(log.append([late], 2), []);
        assert.deepEqual(
          log.append([late, sampleRecord(2), sampleRecord(2)], 2).map((record) => record.seq),
          [3],
        );
        log.close();
        const again = place.open();
        assert.deepEqual(again.log.append([late], 3), []);
        assert.equal(again.records.length, 3);
        again.log.close();
      }));

    it("append() refuses a known id with other data and names both sequences", () =>
      withPlace((place) => {
        const { log } = place.open();
        log.append(sampleRecords(3), 0);
        const names = (known: number, next: number) => (error: unknown) =>
          error instanceof ReplayMismatchError && error.sequence === known &&
          error.message.includes(`Event ${known}:`) && error.message.includes(`event ${next} `);
        const changed = { ...sampleRecord(1), data: { v: 1, i: 99 } };
        assert.throws(() => log.append([sampleRecord(3), changed], 3), names(2, 5));
        assert.throws(() => log.append([{ ...sampleRecord(1), type: "OtherThing" }], 3), names(2, 4));
        const twice = { ...sampleRecord(3), data: { v: 2 } };
        assert.throws(() => log.append([sampleRecord(3), twice], 3), names(4, 5));
        assert.equal(log.sequence, 3, "nothing of a refused call is kept");
        log.close();
      }));

    it("append() of nothing writes nothing", () =>
      withPlace((place) => {
        const { log } = place.open();
        assert.deepEqual(log.append([], 0), []);
        assert.equal(log.head, emptyHead);
        log.close();
      }));

    it("append() refuses what could not be read back, and stays usable", () =>
      withPlace((place) => {
        const { log } = place.open();
        const good = sampleRecord(0);
        const deep = JSON.parse(`${"[".repeat(200)}${"]".repeat(200)}`);
        assert.throws(() => log.append([{ ...good, data: { v: 1, loss: NaN } }], 0), RangeError);
        assert.throws(() => log.append([{ ...good, data: { v: 1, deep } }], 0), RangeError);
        assert.throws(() => log.append([{ ...good, data: { v: 0 } }], 0), TypeError);
        assert.throws(() => log.append([{ ...good, data: { v: 1, work: () => 1 } }], 0), TypeError);
        assert.throws(() => log.append([{ ...good, id: "" }], 0), TypeError);
        assert.throws(() => log.append([{ ...good, at: "yesterday" }], 0), TypeError);
        assert.throws(() => log.append([{ ...good, commands: commandsDigest.toUpperCase() }], 0), TypeError);
        assert.equal(log.append([good], 0).length, 1);
        log.close();
      }));

    it("append() takes a line of 64 KB and refuses a longer one with its size", () =>
      withPlace((place) => {
        const { log } = place.open();
        const withText = (length: number) => ({
          ...sampleRecord(0),
          data: { v: 1, text: "x".repeat(length) },
        });
        const line = (record: LogRecord) => spelledLine(record).length + 1;
        const empty = line(openMemoryLog("r").log.append([withText(0)], 0)[0]);
        const room = 65_536 - empty;
        assert.throws(() => log.append([withText(room + 1)], 0), /artifacts.*65537 bytes.*65536/);
        assert.equal(line(log.append([withText(room)], 0)[0]), 65_536);
        log.close();
        const again = place.open();
        assert.equal(again.records.length, 1);
        again.log.close();
      }));

    it("append() after close() throws WriteError; close() twice is harmless", () =>
      withPlace((place) => {
        const { log } = place.open();
        log.close();
        log.close();
        assert.throws(() => log.append([sampleRecord(0)], 0), WriteError);
      }));
  });
}
