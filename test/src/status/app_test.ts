// The status server as a function of requests: what it answers, and what it must not. No port is opened.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { DamageError } from "../../../src/base/errors.ts";
import { Report } from "../../../src/status/report.ts";
import { fabricatedRun } from "../../support/fabricated_run.ts";
import { MemorySource, testApp } from "./memory_source.ts";

const records = fabricatedRun();
const { app } = testApp(new MemorySource({ "tiny-1": records, "tiny-2": records.slice(0, 5), "new": [] }));

async function statusOf(path: string, init?: RequestInit): Promise<number> {
  const response = await app.request(path, init);
  await response.body?.cancel();
  return response.status;
}

async function problemOf(response: Response): Promise<{ status: number; title: string; detail?: string }> {
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  return await response.json();
}

describe("createStatusApp()", () => {
  it("lists runs with state and iteration, the newest activity first", async () => {
    const { runs } = await (await app.request("/api/runs")).json();
    assert.deepEqual(runs.map((entry: { run: string; state: string }) => [entry.run, entry.state]), [
      ["tiny-1", "done"],
      ["tiny-2", "completingIteration"],
      ["new", "idle"],
    ]);
    const { preset, seed, iteration, iterations, events } = runs[0];
    assert.deepEqual([preset, seed, iteration, iterations, events], ["tiny", 1, 2, 2, records.length]);
  });

  it("lists a run in the middle of its work as stopped where no process writes it", async () => {
    const source = new MemorySource({ "tiny-1": records, "tiny-2": records.slice(0, 5) });
    for (const name of source.runs.keys()) source.abandoned.add(name);
    const { app } = testApp(source);
    const { runs } = await (await app.request("/api/runs")).json();
    assert.deepEqual(runs.map(({ state }: { state: string }) => state), ["done", "stopped"]);
    const resume = runs.map((run: { resume?: string }) => run.resume?.replace(/ [^ ]+$/, ""));
    assert.deepEqual(resume, [undefined, "deno task irl --resume"]);
    assert.match(await (await app.request("/")).text(), /data-state="stopped"/);
    assert.match(await (await app.request("/runs/tiny-2")).text(), /deno task irl --resume tiny-2/);
  });

  it("answers a run with its report", async () => {
    const report = Report.parse(await (await app.request("/api/runs/tiny-1")).json());
    assert.equal(report.digests.outcome, "ab".repeat(32));
    assert.equal(report.iterations.length, 2);
  });

  it("answers 404 for no run and for one without a record", async () => {
    assert.equal((await problemOf(await app.request("/api/runs/nobody"))).status, 404);
    assert.match((await problemOf(await app.request("/api/runs/new"))).title, /recorded nothing yet/);
  });

  it("answers events in pages, exactly as recorded", async () => {
    const first = await (await app.request("/api/runs/tiny-1/events?limit=4")).json();
    assert.deepEqual(first, { run: "tiny-1", events: records.slice(0, 4), next: 4 });
    const rest = await (await app.request("/api/runs/tiny-1/events?after=4&limit=1000")).json();
    assert.deepEqual(rest, { run: "tiny-1", events: records.slice(4), next: null });
    const beyond = await (await app.request("/api/runs/tiny-1/events?after=999")).json();
    assert.deepEqual(beyond, { run: "tiny-1", events: [], next: null });
  });

  it("refuses numbers that are none", async () => {
    for (
      const query of ["after=-1", "after=x", "limit=0", "limit=1001", "limit=1.5", "after=1e3", "after="]
    ) {
      assert.equal(await statusOf(`/api/runs/tiny-1/events?${query}`), 400, query);
    }
  });

  it("refuses names that are no run names", async () => {
    const names = [
      "..%2f..%2fetc",
      "ABC",
      "a".repeat(65),
      "%00",
      "a.b",
      "-a",
      "%D0%B0bc",
      "__proto__",
    ];
    for (const name of names) {
      for (const path of [`/api/runs/${name}`, `/api/runs/${name}/stream`, `/runs/${name}`]) {
        assert.equal(await statusOf(path), 400, path);
      }
    }
  });

  it("answers unknown paths and assets with a problem", async () => {
    for (
      const path of [
        "/nope",
        "/api",
        "/assets/..%2fapp.ts",
        "/assets/__proto__",
        "/api/runs/%2e%2e",
        "/api/runs/tiny-1/nope",
      ]
    ) {
      assert.equal((await problemOf(await app.request(path))).status, 404, path);
    }
  });

  it("is read-only, and takes no large body", async () => {
    for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
      const response = await app.request("/api/runs/tiny-1", { method, body: "{}" });
      assert.equal((await problemOf(response)).status, 405, method);
      assert.equal(response.headers.get("allow"), "GET, HEAD");
    }
    assert.equal(await statusOf("/api/runs", { method: "POST", body: "x".repeat(20_000) }), 413);
    assert.equal(await statusOf("/api/runs", { method: "HEAD" }), 200);
  });

  it("lives without its runs, and is ready only with them", async () => {
    const source = new MemorySource({});
    source.names = () => Promise.reject(new Error("no access to /home/somebody/runs"));
    const blind = testApp(source).app;
    assert.deepEqual(await (await blind.request("/livez")).json(), { status: "ok" });
    const response = await blind.request("/readyz");
    assert.equal(response.status, 503);
    assert.doesNotMatch(await response.text(), /home/);
    assert.equal(await statusOf("/readyz"), 200);
  });

  it("never tells a path or a stack when something fails inside", async () => {
    const source = new MemorySource({ "tiny-1": records });
    source.failures.set("broken", new Error("cannot read /home/somebody/runs/broken"));
    const { app, errors } = testApp(source);
    for (
      const path of ["/api/runs/broken", "/runs/broken", "/api/runs/broken/events", "/api/runs/broken/stream"]
    ) {
      const response = await app.request(path);
      assert.equal(response.status, 500);
      assert.doesNotMatch(await response.text(), /home|at |cannot read/, path);
    }
    assert.equal(errors.length, 4);
  });

  it("tells the line of a damaged log, and still lists the others", async () => {
    const source = new MemorySource({ "tiny-1": records });
    const file = "/home/somebody/runs/broken/events.jsonl";
    source.failures.set("broken", new DamageError("changed", { file, line: 12 }));
    const { app } = testApp(source);
    const problem = await problemOf(await app.request("/api/runs/broken"));
    assert.equal(problem.title, "The log is damaged");
    assert.match(problem.detail ?? "", /line 12$/);
    const { runs } = await (await app.request("/api/runs")).json();
    assert.deepEqual(runs[1], { run: "broken", state: "unreadable", problem: "The log is damaged" });
    assert.match(await (await app.request("/")).text(), /unreadable/);
  });

  it("allows the page its own nonce and nothing from elsewhere, without HSTS", async () => {
    const response = await app.request("/runs/tiny-1"), text = await response.text();
    const policy = response.headers.get("content-security-policy") ?? "";
    const nonce = /script-src 'nonce-([^']+)'/.exec(policy)?.[1];
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
    assert.ok(nonce !== undefined && text.includes(`nonce="${nonce}"`));
    assert.equal(response.headers.get("strict-transport-security"), null);
    assert.equal(response.headers.get("cache-control"), "no-store");
    const again = await app.request("/runs/tiny-1");
    await again.body?.cancel();
    assert.notEqual(again.headers.get("content-security-policy"), policy);
  });

  it("serves everything that the page asks for", async () => {
    const text = await (await app.request("/")).text();
    const addresses = [...text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, address]) => address);
    assert.equal(addresses.length, 5);
    for (const address of addresses) {
      const response = await app.request(address);
      assert.equal(response.status, 200, address);
      assert.match(response.headers.get("cache-control") ?? "", /immutable/);
      assert.ok((await response.text()).length > 1000, address);
    }
  });
});
