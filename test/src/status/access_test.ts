// Who may ask the status server: loopback names without a token, everybody else with one.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { isLoopback } from "../../../src/status/access.ts";
import { fabricatedRun } from "../../support/fabricated_run.ts";
import { MemorySource, testApp } from "./memory_source.ts";

const source = new MemorySource({ "tiny-1": fabricatedRun() });

describe("accessGuard() on loopback", () => {
  const { app } = testApp(source);
  const statusFor = async (host: string) => (await app.request("/api/runs", { headers: { host } })).status;

  it("answers to the names of this machine", async () => {
    for (
      const host of [
        "localhost",
        "localhost:8080",
        "LOCALHOST:1",
        "127.0.0.1:8080",
        "127.1.2.3",
        "[::1]:8080",
      ]
    ) {
      assert.equal(await statusFor(host), 200, host);
    }
  });

  it("answers to no other name, so that no other site can rebind its own to this machine", async () => {
    const others = [
      "evil.example",
      "127.0.0.1.evil.example",
      "localhost.evil.example:8080",
      "192.168.1.2",
      "0.0.0.0",
    ];
    for (const host of [...others, "[::1", "evil.example#127.0.0.1"]) {
      assert.equal(await statusFor(host), 421, host);
    }
    assert.equal((await app.request("/livez", { headers: { host: "evil.example" } })).status, 421);
  });
});

describe("accessGuard() with a token", () => {
  const token = "long and secret";
  const { app } = testApp(source, { access: { kind: "token", token } });
  const ask = (path: string, headers: Record<string, string> = {}) => app.request(path, { headers });

  it("answers probes alone without one", async () => {
    for (const path of ["/livez", "/readyz"]) assert.equal((await ask(path)).status, 200);
    for (
      const path of ["/", "/api/runs", "/api/runs/tiny-1/stream", "/runs/tiny-1", "/assets/page.js", "/nope"]
    ) {
      assert.equal((await ask(path)).status, 401, path);
    }
  });

  it("takes it as a bearer, and no other", async () => {
    assert.equal((await ask("/api/runs", { authorization: `Bearer ${token}` })).status, 200);
    assert.equal(
      (await ask("/api/runs", { authorization: `bearer ${token}`, host: "box.example" })).status,
      200,
    );
    const wrong = [`Bearer ${token}x`, `Bearer ${token.slice(1)}`, "Bearer ", `Basic ${token}`, token];
    for (const authorization of wrong) {
      const response = await ask("/api/runs", { authorization });
      assert.equal(response.status, 401, authorization);
      assert.equal(response.headers.get("content-type"), "application/problem+json");
      assert.match(response.headers.get("www-authenticate") ?? "", /^Bearer/);
    }
  });

  it("changes it into a cookie that scripts cannot read and that is not the token", async () => {
    const response = await ask(`/?token=${encodeURIComponent(token)}`);
    assert.equal(response.status, 303);
    assert.equal(response.headers.get("location"), "/");
    const cookie = response.headers.get("set-cookie") ?? "";
    assert.match(cookie, /HttpOnly/);
    assert.match(cookie, /SameSite=Lax/);
    assert.doesNotMatch(decodeURIComponent(cookie), /long and secret/);
    const session = cookie.split(";")[0];
    assert.equal((await ask("/", { cookie: session })).status, 200);
    assert.equal((await ask("/api/runs", { cookie: session })).status, 200);
    assert.equal((await ask("/api/runs", { cookie: `${session}0` })).status, 401);
  });

  it("takes the token in the address of the page alone", async () => {
    assert.equal((await ask(`/api/runs?token=${encodeURIComponent(token)}`)).status, 401);
    const wrong = await ask("/?token=wrong");
    assert.equal(wrong.status, 401);
    assert.equal(wrong.headers.get("set-cookie"), null);
    assert.match(await wrong.text(), /Token needed/);
  });

  it("takes no cookie of a server with another token", async () => {
    const other = testApp(source, { access: { kind: "token", token: "another" } }).app;
    const cookie = (await other.request("/?token=another")).headers.get("set-cookie")?.split(";")[0] ?? "";
    assert.equal((await ask("/api/runs", { cookie })).status, 401);
  });
});

describe("isLoopback()", () => {
  it("knows this machine's addresses from others", () => {
    for (const host of ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"]) {
      assert.ok(isLoopback(host), host);
    }
    for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example", "128.0.0.1", ""]) {
      assert.ok(!isLoopback(host), host);
    }
  });
});
