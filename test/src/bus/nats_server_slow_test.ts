// The private nats-server: its secrets, its restart, and that it never outlives the process that started it.
// Needs a nats-server program; skipped with the reason where there is none.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { BusError } from "../../../src/base/errors.ts";
import { natsServerVersion, startNatsServer } from "../../../src/bus/nats_server.ts";
import { testNatsServer } from "./nats_test_server.ts";
import { argumentsOf, comesTrue, isAlive } from "./process_alive.ts";

const found = await testNatsServer();
const binary = "path" in found ? found.path : "";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "nats-server-test-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

describe("startNatsServer()", { skip: "skip" in found ? found.skip : false }, () => {
  it("keeps the token from other users: not in the arguments, in a file of its own user only", () =>
    inFolder(async (folder) => {
      const server = await startNatsServer({ binary, temporaryFolder: folder });
      const { pid } = server;
      assert.ok(pid);
      assert.ok(!argumentsOf(pid).includes(server.token));
      const [own] = [...Deno.readDirSync(folder)];
      assert.ok(own);
      const { mode } = Deno.statSync(join(folder, own.name, "nats.conf"));
      assert.equal((mode ?? 0) & 0o777, 0o600);
      assert.equal((Deno.statSync(join(folder, own.name)).mode ?? 0) & 0o777, 0o700);
      await server.stop();
      assert.deepEqual([...Deno.readDirSync(folder)], [], "stop() leaves nothing behind");
    }));

  it("restarts a killed server at the same address", () =>
    inFolder(async (folder) => {
      const server = await startNatsServer({ binary, temporaryFolder: folder });
      const { pid } = server;
      assert.ok(pid);
      Deno.kill(pid, "SIGKILL");
      assert.ok(await comesTrue(() => server.pid !== undefined && server.pid !== pid, 5000));
      const port = Number(new URL(server.url).port);
      assert.ok(await comesTrue(() => canConnect(port), 5000));
      await server.stop();
    }));

  it("the server is gone within 5 seconds of kill -9 to its parent, and so is its folder", () =>
    inFolder(async (folder) => {
      const module = new URL("../../../src/bus/nats_server.ts", import.meta.url).href;
      const code = `
        const { startNatsServer } = await import(${JSON.stringify(module)});
        const server = await startNatsServer(${JSON.stringify({ binary, temporaryFolder: folder })});
        console.log(server.pid);
        setInterval(() => {}, 1000);
      `;
      const parent = new Deno.Command(Deno.execPath(), { args: ["eval", code], stdout: "piped" }).spawn();
      const reader = parent.stdout.getReader();
      const { value } = await reader.read();
      const pid = Number(new TextDecoder().decode(value));
      assert.ok(pid > 0 && isAlive(pid));
      parent.kill("SIGKILL");
      await parent.status;
      await reader.cancel();
      assert.ok(await comesTrue(() => !isAlive(pid), 5000), "the server outlived its parent");
      assert.ok(await comesTrue(() => [...Deno.readDirSync(folder)].length === 0, 5000), "its folder stayed");
    }));

  it("throws BusError with the server's own last words when it does not come up", () =>
    inFolder(async (folder) => {
      const odd = join(folder, "nats-server");
      const script =
        `#!/bin/sh\n[ "$1" = --version ] && echo "nats-server: v2.99.0" || echo "no such thing" >&2\n`;
      await Deno.writeTextFile(odd, script, { mode: 0o755 });
      const starting = startNatsServer({ binary: odd, temporaryFolder: folder, readyMs: 300 });
      await assert.rejects(starting, /its last line was "no such thing"/);
      assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["nats-server"]);
    }));
});

describe("natsServerVersion()", () => {
  it("tells versions apart and refuses other programs", () =>
    inFolder(async (folder) => {
      const program = join(folder, "nats-server");
      const versionOf = async (line: string) => {
        await Deno.writeTextFile(program, `#!/bin/sh\necho "${line}"\n`, { mode: 0o755 });
        return await natsServerVersion(program);
      };
      assert.deepEqual(await versionOf("nats-server: v2.9.10"), { version: "2.9.10", supported: false });
      assert.deepEqual(await versionOf("nats-server: v2.10.0-beta.1"), {
        version: "2.10.0-beta.1",
        supported: true,
      });
      assert.deepEqual(await versionOf("nats-server: v3.0.0"), { version: "3.0.0", supported: true });
      await assert.rejects(versionOf("something else"), BusError);
      await assert.rejects(natsServerVersion(join(folder, "missing")), BusError);
      await versionOf("nats-server: v2.9.10");
      await assert.rejects(startNatsServer({ binary: program, temporaryFolder: folder }), /2\.10 or newer/);
    }));
});

async function canConnect(port: number): Promise<boolean> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => undefined);
  connection?.close();
  return connection !== undefined;
}
