// How long an actor that ended waits for its next start, and what an actor process says about itself.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { BackOff } from "../../scripts/actor_crew.ts";
import { parseHello } from "../../scripts/actor_settings.ts";

describe("BackOff", () => {
  it("doubles with every early end, up to ten seconds, and starts again after a healthy life", () => {
    const backOff = new BackOff();
    const delays = Array.from({ length: 8 }, () => backOff.delayAfter(50));
    assert.deepEqual(delays, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    assert.equal(backOff.delayAfter(60_000), 250);
    assert.equal(backOff.delayAfter(50), 500);
  });
});

describe("parseHello()", () => {
  it("knows an actor's start and refusal, and nothing else that a process may print", () => {
    const started = {
      started: { pid: 7, tier: { name: "wasm", variant: "simd128", threads: 1, engine: "tfjs" } },
    };
    assert.deepEqual(parseHello(JSON.stringify(started)), started);
    const refused = { refused: { name: "ConfigError", message: "No library" } };
    assert.deepEqual(parseHello(JSON.stringify(refused)), refused);
    for (const line of ["", "hello", "{", '{"bus":"beat"}', "[1]"]) assert.equal(parseHello(line), undefined);
  });
});
