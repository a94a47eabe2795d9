// The registry of events: each has an emitter, a consumer and a golden line; and what their schemas refuse.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { irlCoordinator } from "../../actors/irl_coordinator.ts";
import { EVENT_OF_COMMAND, readEvent, RUN_EVENTS, RunEvent } from "../../events/mod.ts";

const ROOT = new URL("../../", import.meta.url);
/** Who can record an event: the coordinator's consequences, and the shell. Answers of actors are listed with their commands. */
const EMITTING_FOLDERS = ["actors", "scripts"];

async function sourcesIn(folder: URL): Promise<string[]> {
  const sources: string[] = [];
  for await (const { name, isFile, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) sources.push(...await sourcesIn(new URL(`${name}/`, folder)));
    if (isFile && name.endsWith(".ts")) sources.push(await Deno.readTextFile(new URL(name, folder)));
  }
  return sources;
}

async function goldenEvents() {
  const text = await Deno.readTextFile(new URL("test/golden/logs/every_event.jsonl", ROOT));
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

describe("RUN_EVENTS", () => {
  const types = Object.keys(RUN_EVENTS);

  it("has an emitter for every event", async () => {
    const sources = (await Promise.all(EMITTING_FOLDERS.map((name) => sourcesIn(new URL(`${name}/`, ROOT)))))
      .flat();
    const answers: string[] = Object.values(EVENT_OF_COMMAND);
    const orphans = types.filter((type) =>
      !answers.includes(type) && !sources.some((source) => emits(source, type))
    );
    assert.deepEqual(orphans, []);
  });

  it("has a consumer for every event: a state of the coordinator that takes it", () => {
    assert.deepEqual(irlCoordinator.events.toSorted(), types.toSorted());
  });

  it("has one golden line for every event, which today's schemas read unchanged", async () => {
    const golden = await goldenEvents();
    assert.deepEqual(golden.map(({ type }) => type), types);
    for (const event of golden) assert.deepEqual(readEvent(event), { value: event });
  });

  it("would notice an event that nobody emits", () => {
    assert.equal(emits('const event = { type: "RunPaused", id };', "RunPaused"), true);
    assert.equal(emits('const event = { type: "RunPaused", id };', "RunResumed"), false);
  });

  it("equals the union that is parsed", () => {
    assert.deepEqual(RunEvent.options.map(({ shape }) => shape.type.value), types);
  });
});

/** An event is emitted where its object is made, or where its type is handed to what makes it. */
function emits(source: string, type: string): boolean {
  return new RegExp(`(type: |\\()"${type}"`).test(source);
}

describe("event schemas", () => {
  it("refuse a product before the last chunk, and a last chunk without its product", async () => {
    const chunks = (await goldenEvents()).filter(({ data }) => "toStep" in data);
    assert.deepEqual(chunks.map(({ type }) => type), ["SupervisedTuned", "RewardLearned", "PolicyOptimised"]);
    for (const { type, id, data } of chunks) {
      assert.ok(data.toStep < data.numSteps, "the golden line is of a first chunk");
      const last = { type, id, data: { ...data, toStep: data.numSteps } };
      const reading = readEvent(last);
      assert.ok("problem" in reading, type);
      assert.match(reading.problem, /must be set with the last chunk, and only then/);
    }
    const [{ type, id, data }] = chunks;
    assert.ok("problem" in readEvent({ type, id, data: { ...data, policy: data.state } }));
  });

  it("refuse numbers that are not finite: such a result is a failure", () => {
    assert.equal(RUN_EVENTS.StepRetried.shape.attempt.safeParse(NaN).success, false);
    assert.equal(RUN_EVENTS.SupervisedTuned.shape.loss.safeParse(Infinity).success, false);
  });

  it("refuse unknown fields", () => {
    assert.equal(RUN_EVENTS.RunPaused.safeParse({ v: 1, reason: "interrupted", at: "noon" }).success, false);
  });
});
