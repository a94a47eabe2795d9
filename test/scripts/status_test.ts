// The status server over real files and a real port of this machine: following a log, addresses, errors of the command.
import assert from "node:assert/strict";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { startStatusServer, type StatusServer } from "../../scripts/status.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { openFileLog } from "../../src/store/file_log.ts";
import { runFiles } from "../../src/store/run_files.ts";
import { fabricatedRun } from "../support/fabricated_run.ts";

const records = fabricatedRun();
const newRecords = records.map(({ id, at, type, data, meta, commands }) => ({
  id,
  at,
  type,
  data,
  meta,
  commands,
}));
let folder = "";
let server: StatusServer | undefined;

beforeEach(() => {
  folder = Deno.makeTempDirSync();
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  Deno.removeSync(folder, { recursive: true });
});

function write(run: string, from: number, to: number): void {
  const { log } = openFileLog(join(folder, run), run);
  log.append(newRecords.slice(from, to), from);
  log.close();
}

function serve(options: Partial<Parameters<typeof startStatusServer>[0]> = {}): StatusServer {
  return server = startStatusServer({ runsFolder: folder, pollMs: 5, ...options });
}

async function json(
  path: string,
): Promise<{ runs: { run: string; state: string }[]; state: string; digests: { outcome: string } }> {
  return await (await fetch(new URL(path, server?.address))).json();
}

/** The ids of a stream's first events. */
async function streamed(path: string, count: number, meanwhile: () => void = () => {}): Promise<number[]> {
  const response = await fetch(new URL(path, server?.address));
  assert.ok(response.body !== null);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  meanwhile();
  while (text.split("\n\n").length <= count) text += (await reader.read()).value ?? "";
  await reader.cancel();
  return [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
}

describe("startStatusServer()", () => {
  it("reads a log on from where it was, as another process writes it", async () => {
    write("tiny-1", 0, 5);
    serve();
    assert.equal((await json("/api/runs/tiny-1")).state, "completingIteration");
    write("tiny-1", 5, records.length);
    const report = await json("/api/runs/tiny-1");
    assert.equal(report.state, "done");
    assert.match(report.digests.outcome, /^[0-9a-f]{64}$/);
  });

  it("streams what another process appends", async () => {
    write("tiny-1", 0, 3);
    serve();
    assert.deepEqual(await streamed("/api/runs/tiny-1/stream?after=2", 3, () => write("tiny-1", 3, 5)), [
      3,
      4,
      5,
    ]);
  });

  it("is told of an append by its own process without waiting", async () => {
    write("tiny-1", 0, 3);
    const { changed } = serve({ pollMs: 60_000 });
    const reading = streamed("/api/runs/tiny-1/stream?after=2", 2, () => {
      write("tiny-1", 3, 4);
      changed("tiny-1");
    });
    assert.deepEqual(await reading, [3, 4]);
  });

  it("ends while a client still reads", async () => {
    write("tiny-1", 0, 3);
    serve();
    const response = await fetch(new URL("/api/runs/tiny-1/stream", server?.address));
    const reading = response.text();
    await server?.stop();
    server = undefined;
    assert.match(await reading, /^data: /);
  });

  it("lists the folder's runs, also those that come later, or the one it is for", async () => {
    serve();
    assert.deepEqual(await json("/api/runs"), { runs: [] });
    write("tiny-1", 0, 3);
    write("tiny-2", 0, 1);
    Deno.writeTextFileSync(join(folder, "notes.txt"), "no run");
    assert.deepEqual((await json("/api/runs")).runs.map(({ run }) => run), ["tiny-1", "tiny-2"]);
    await server?.stop();
    serve({ only: "tiny-2" });
    assert.deepEqual((await json("/api/runs")).runs.map(({ run }) => run), ["tiny-2"]);
    const other = await fetch(new URL("/api/runs/tiny-1", server?.address));
    await other.body?.cancel();
    assert.equal(other.status, 404);
  });

  it("tells a run that a process writes from one whose process is gone", async () => {
    write("tiny-1", 0, 3);
    serve();
    const states = async () => (await json("/api/runs")).runs.map(({ state }) => state);
    assert.deepEqual(await states(), ["stopped"]);
    const { log } = openFileLog(join(folder, "tiny-1"), "tiny-1");
    assert.deepEqual(await states(), ["tuningSupervised"]);
    log.close();
  });

  it("serves a folder that is not there yet", async () => {
    serve({ runsFolder: join(folder, "later") });
    assert.deepEqual(await json("/api/runs"), { runs: [] });
  });

  it("answers a damaged log without its path, and reads it again when it is restored", async () => {
    write("tiny-1", 0, 5);
    serve();
    const path = runFiles(join(folder, "tiny-1")).log, good = Deno.readTextFileSync(path);
    Deno.writeTextFileSync(path, good.replace('"native"', '"wasm"'));
    const response = await fetch(new URL("/api/runs/tiny-1", server?.address));
    assert.equal(response.status, 500);
    const text = await response.text();
    assert.match(text, /line 1"/);
    assert.ok(!text.includes(folder));
    Deno.writeTextFileSync(path, good);
    assert.equal((await json("/api/runs/tiny-1")).state, "completingIteration");
  });

  it("reads a log from its start when it was exchanged for another one", async () => {
    write("tiny-1", 0, records.length);
    serve();
    assert.equal((await json("/api/runs/tiny-1")).state, "done");
    Deno.removeSync(join(folder, "tiny-1"), { recursive: true });
    write("tiny-1", 0, 2);
    assert.equal((await json("/api/runs/tiny-1")).state, "tuningSupervised");
  });

  it("refuses a port that is taken, and an open address without a token", () => {
    const { port } = serve();
    assert.throws(
      () => startStatusServer({ runsFolder: folder, port }),
      (error) => error instanceof ConfigError && error.message.includes(`${port} at "127.0.0.1" is taken`),
    );
    for (const host of ["0.0.0.0", "::", "192.168.1.2"]) {
      assert.throws(() => startStatusServer({ runsFolder: folder, host }), /Give --token to serve at/);
    }
    assert.throws(() => startStatusServer({ runsFolder: folder, token: "" }), ConfigError);
  });

  it("prints an address that opens with its token", async () => {
    write("tiny-1", 0, 3);
    const { address } = serve({ token: "long & secret" });
    const opened = await fetch(address, { redirect: "manual" });
    await opened.body?.cancel();
    assert.equal(opened.status, 303);
    const bare = await fetch(new URL("/", address));
    await bare.body?.cancel();
    assert.equal(bare.status, 401);
  });
});
