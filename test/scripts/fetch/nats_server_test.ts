// Finding a nats-server: the order of places, and which programs count. Fake programs that only tell a version.
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { findNatsServer } from "../../../scripts/fetch/nats_server.ts";
import { ConfigError } from "../../../src/base/errors.ts";

describe("findNatsServer()", () => {
  let folder: string, cache: string;
  beforeEach(async () => {
    folder = await Deno.makeTempDir({ prefix: "find-nats-test-" });
    cache = join(folder, "cache");
  });
  afterEach(() => Deno.remove(folder, { recursive: true }));

  async function program(place: string, version: string): Promise<string> {
    const path = join(folder, place, "nats-server");
    await Deno.mkdir(join(folder, place), { recursive: true });
    await Deno.writeTextFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`, { mode: 0o755 });
    return path;
  }

  it("returns undefined where there is none", async () => {
    assert.equal(await findNatsServer({}, cache), undefined);
    assert.equal(await findNatsServer({ PATH: `${folder}::/nowhere`, NATS_SERVER: "" }, cache), undefined);
  });

  it("prefers NATS_SERVER to PATH and PATH to the cache, and passes over old and foreign programs on PATH", async () => {
    const old = await program("old", "2.9.10");
    const cached = await program("cache/nats-server-2.15.1", "2.15.1");
    await program("foreign", "");
    const PATH = `${folder}/foreign:${folder}/old`;
    assert.deepEqual(await findNatsServer({ PATH }, cache), {
      path: cached,
      version: "2.15.1",
      from: "cache",
    });
    const good = await program("good", "2.10.27");
    const both = { PATH: `${PATH}:${folder}/good` };
    assert.deepEqual(await findNatsServer(both, cache), { path: good, version: "2.10.27", from: "PATH" });
    const named = await program("named", "2.12.1");
    assert.deepEqual(await findNatsServer({ ...both, NATS_SERVER: named }, cache), {
      path: named,
      version: "2.12.1",
      from: "NATS_SERVER",
    });
    await assert.rejects(findNatsServer({ ...both, NATS_SERVER: old }, cache), /2\.10 or newer.*2\.9\.10/);
  });

  it("throws ConfigError when NATS_SERVER names no such program", async () => {
    await assert.rejects(findNatsServer({ NATS_SERVER: join(folder, "missing") }, cache), ConfigError);
  });
});
