// What share of the processor a process got, and where the system tells nothing.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { peakMegabytes, processTime, shareGot } from "../../../scripts/bench/process_time.ts";

const at = (gotSeconds: number, waitedSeconds: number) => ({ gotSeconds, waitedSeconds });

describe("shareGot()", () => {
  it("is 1 for a process that never waited", () => assert.equal(shareGot(at(5, 1), at(7, 1)), 1));

  it("is one half for one that waited as long as it ran", () => {
    // Ran 2 seconds, waited 2 seconds.
    assert.equal(shareGot(at(5, 1), at(7, 3)), 0.5);
  });

  it("is unknown where the system does not tell, or nothing ran", () => {
    assert.equal(shareGot(undefined, at(1, 1)), undefined);
    assert.equal(shareGot(at(1, 1), at(1, 2)), undefined);
  });
});

describe("processTime()", () => {
  it("grows while this process computes", { skip: processTime(Deno.pid) === undefined }, () => {
    const before = processTime(Deno.pid);
    let sum = 0;
    for (let i = 0; i < 5e6; i++) sum += Math.sqrt(i);
    const share = shareGot(before, processTime(Deno.pid));
    assert.ok(sum > 0 && share !== undefined && share > 0 && share <= 1);
  });

  it("is unknown for a process that is not there", () => assert.equal(processTime(0), undefined));
});

describe("peakMegabytes()", () => {
  it("is that of this process, or unknown", () => {
    const peak = peakMegabytes(Deno.pid);
    assert.ok(peak === undefined || peak > 10);
    assert.equal(peakMegabytes(0), undefined);
  });
});
