// Which bus a run gets, and why: contradictions refused, a missing server an error only where it was asked for.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { exitCode } from "../../src/base/errors.ts";
import { type BusWishes, isInProcess, openRunBus } from "../../scripts/choose_bus.ts";

const wishes = (given: Partial<BusWishes>): BusWishes => ({
  requested: "auto",
  run: "chosen",
  fresh: true,
  mayFetch: false,
  environment: { HOME: "/nowhere", PATH: "" },
  log: () => {},
  ...given,
});
const open = (given: Partial<BusWishes>) => openRunBus(wishes(given), () => {});

describe("openRunBus()", () => {
  it("takes pipes where it is told to", async () => {
    const { bus, reason } = await open({ requested: "pipe" });
    assert.deepEqual([bus.coordinator.kind, bus.forActors.kind, reason], ["pipe", "pipe", "pipe: as asked"]);
    await bus.close();
  });

  it("takes pipes where there is no server, and says why", async () => {
    const { bus, reason } = await open({});
    assert.equal(
      reason,
      "pipe: there is no nats-server on PATH or in the cache, deno task setup fetches one",
    );
    await bus.close();
  });

  it("exits 5 where NATS was asked for and cannot be had", async () => {
    await assert.rejects(open({ requested: "nats" }), (error) => {
      assert.match(
        String(error),
        /Choose --bus pipe, or make nats-server available: there is no nats-server/,
      );
      return exitCode(error) === 5;
    });
  });

  it("exits 5 where NATS_URL is no address", async () => {
    const environment = { NATS_URL: "http://example" };
    await assert.rejects(open({ environment }), (error) => exitCode(error) === 5);
  });
});

describe("isInProcess()", () => {
  it("is so with --in-process or --bus memory", () => {
    assert.deepEqual(
      [
        isInProcess("auto", true),
        isInProcess("memory", false),
        isInProcess("memory", true),
        isInProcess("nats", false),
      ],
      [true, true, true, false],
    );
  });

  it("refuses another bus inside one process", () => {
    assert.throws(() => isInProcess("nats", true), /Leave out --bus nats or --in-process/);
  });
});
