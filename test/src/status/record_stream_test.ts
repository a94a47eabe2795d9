// Server-sent events of a run: what a client gets at first, later, after a reconnect and at the end.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { fabricatedRun } from "../../support/fabricated_run.ts";
import { MemorySource, testApp } from "./memory_source.ts";

const records = fabricatedRun();

/** Reads a stream until `count` events (or comments) came, and lets it go. */
async function received(response: Response, count: number): Promise<string[]> {
  assert.ok(response.body !== null);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.split("\n\n").length <= count) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
  }
  await reader.cancel();
  return text.split("\n\n").slice(0, count);
}

function idsOf(messages: readonly string[]): number[] {
  return messages.map((message) => Number(/^id: (\d+)$/m.exec(message)?.[1]));
}

describe("streamRecords()", () => {
  it("sends what is recorded, then what comes", async () => {
    const source = new MemorySource({ "tiny-1": records.slice(0, 3) });
    const { app } = testApp(source);
    const response = await app.request("/api/runs/tiny-1/stream");
    assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
    const reading = received(response, 5);
    await new Promise((resolve) => setTimeout(resolve, 5));
    source.append("tiny-1", records[3]);
    source.append("tiny-1", records[4]);
    const messages = await reading;
    assert.deepEqual(idsOf(messages), [1, 2, 3, 4, 5]);
    const data = messages[4].split("\n").find((line) => line.startsWith("data: ")) ?? "";
    assert.deepEqual(JSON.parse(data.slice(6)), records[4]);
  });

  it("goes on after Last-Event-ID, or after the asked number at the first connection", async () => {
    const { app } = testApp(new MemorySource({ "tiny-1": records }));
    const again = await app.request("/api/runs/tiny-1/stream?after=2", { headers: { "last-event-id": "7" } });
    assert.deepEqual(idsOf(await received(again, 2)), [8, 9]);
    assert.deepEqual(idsOf(await received(await app.request("/api/runs/tiny-1/stream?after=2"), 2)), [3, 4]);
    const nonsense = await app.request("/api/runs/tiny-1/stream", { headers: { "last-event-id": "x" } });
    assert.deepEqual(idsOf(await received(nonsense, 1)), [1]);
  });

  it("stops following when the client leaves", async () => {
    const source = new MemorySource({ "tiny-1": records });
    const { app } = testApp(source);
    await received(await app.request("/api/runs/tiny-1/stream"), 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(source.followers.size, 0);
  });

  it("sends a comment when nothing happens", async () => {
    const { app } = testApp(new MemorySource({ "tiny-1": records }), { heartbeatMs: 2 });
    const response = await app.request(`/api/runs/tiny-1/stream?after=${records.length}`);
    assert.deepEqual(await received(response, 1), [": still here"]);
  });

  it("takes only so many clients, and another one when one has left", async () => {
    const { app } = testApp(new MemorySource({ "tiny-1": records }), { maxStreams: 2 });
    const open = () => app.request("/api/runs/tiny-1/stream");
    const first = await open(), second = await open(), third = await open();
    assert.equal(third.status, 503);
    assert.equal(third.headers.get("content-type"), "application/problem+json");
    assert.equal(third.headers.get("retry-after"), "30");
    await first.body?.cancel();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const fourth = await open();
    assert.equal(fourth.status, 200);
    await second.body?.cancel();
    await fourth.body?.cancel();
  });

  it("tells a failure without its message, and ends", async () => {
    const source = new MemorySource({ "tiny-1": records.slice(0, 2) });
    const { app, errors } = testApp(source);
    const response = await app.request("/api/runs/tiny-1/stream?after=2");
    source.failures.set("tiny-1", new Error("cannot read /home/somebody/runs"));
    const reading = response.text();
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const onChange of source.followers) onChange();
    assert.equal(await reading, 'event: problem\ndata: {"title":"The stream failed"}\n\n');
    assert.equal(errors.length, 1);
  });

  it("ends with the server", async () => {
    const stopping = new AbortController();
    const { app } = testApp(new MemorySource({ "tiny-1": records }), { signal: stopping.signal });
    const reading = (await app.request(`/api/runs/tiny-1/stream?after=${records.length}`)).text();
    await new Promise((resolve) => setTimeout(resolve, 5));
    stopping.abort();
    assert.equal(await reading, "");
  });
});
