// The outcome digest depends on what happened, and on nothing else.
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import assert from "node:assert/strict";
import { sha256 } from "../../../src/base/canonical.ts";
import { SchemaError } from "../../../src/base/errors.ts";
import { outcomeDigest, type OutcomeEvent } from "../../../src/store/outcome_digest.ts";

const steps = ["start", "generate", "learn", "end"];
const event = (place: string, type = "ThingHappened", data: unknown = { v: 1, place }): OutcomeEvent => ({
  id: `r/${place}`,
  type,
  data,
});
const events = [
  "0/start/0/0",
  "1/generate/0/0",
  "1/generate/2/0",
  "1/generate/10/0",
  "1/learn/0/0",
  "1/learn/0/1",
]
  .concat(["1/end/0/0", "2/generate/0/0", "10/generate/0/0"]).map((place) => event(place));

describe("outcomeDigest()", () => {
  it("outcomeDigest() is sha256 over one canonical [type,data] line per event, in order", () => {
    const two = [event("1/learn/0/0", "B", { v: 1, b: 2, a: 1 }), event("1/generate/0/0", "A", { v: 1 })];
    assert.equal(outcomeDigest(two, steps), sha256('["A",{"v":1}]\n["B",{"a":1,"b":2,"v":1}]\n'));
    assert.equal(outcomeDigest([], steps), sha256(""));
  });

  it("outcomeDigest() orders by number of iteration, given step order, shard and chunk", () => {
    const wanted = events.map((e) => `["ThingHappened",{"place":${JSON.stringify(e.id.slice(2))},"v":1}]\n`);
    assert.equal(outcomeDigest(events.toReversed(), steps), sha256(wanted.join("")));
  });

  it("outcomeDigest() does not depend on the order of the log, the run's name, tries or pauses", () => {
    const wanted = outcomeDigest(events, steps);
    const noise = ["StepFailed", "StepRetried", "StepTimedOut", "RunPaused", "RunResumed", "RunFailed"]
      .map((type, i) => ({ id: `any form ${i}`, type, data: { v: 1, i } }));
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...events, ...noise], { minLength: 15, maxLength: 15 }),
        fc.constantFrom("r", "s", "2026-x"),
        (shuffled, run) => {
          const renamed = shuffled.map((e) => ({ ...e, id: e.id.replace(/^r\//, `${run}/`) }));
          assert.equal(outcomeDigest(renamed, steps), wanted);
        },
      ),
      { numRuns: 100, seed: 1 },
    );
  });

  it("outcomeDigest() changes with any data, type, missing or additional event", () => {
    const variants = [
      events,
      events.slice(1),
      [...events, event("2/learn/0/0")],
      events.map((e, i) => i === 3 ? { ...e, type: "OtherThing" } : e),
      events.map((e, i) => i === 3 ? { ...e, data: { v: 1 } } : e),
    ];
    assert.equal(new Set(variants.map((variant) => outcomeDigest(variant, steps))).size, variants.length);
  });

  it("outcomeDigest() refuses an id of another form or with an unknown step", () => {
    for (
      const place of [
        "1/generate/0",
        "1/other/0/0",
        "01/generate/0/0",
        "1/generate/-1/0",
        "1/generate/0/0/0",
        "",
      ]
    ) {
      assert.throws(() => outcomeDigest([event(place)], steps), SchemaError, place);
    }
  });
});
