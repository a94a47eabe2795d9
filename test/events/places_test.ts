// Ids are places in a run, the same for every attempt.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { eventId } from "../../events/mod.ts";

describe("eventId()", () => {
  it("writes run, iteration, step, shard and chunk", () => {
    assert.equal(
      eventId("demo-1", { iteration: 2, step: "reward", shard: 0, chunk: 3 }),
      "demo-1/2/reward/0/3",
    );
  });
});
