// Asking for GPUs, with a shell script in the place of the driver's tool.
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { listNvidiaGpus } from "../../scripts/find_gpus.ts";

describe("listNvidiaGpus()", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await Deno.makeTempDir({ prefix: "find-gpus-test-" });
  });
  afterEach(() => Deno.remove(folder, { recursive: true }));

  async function tool(body: string): Promise<string> {
    const path = join(folder, "nvidia-smi");
    await Deno.writeTextFile(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    return path;
  }

  it("reads what the driver lists", async () => {
    const lines = "0, NVIDIA H100 80GB HBM3, 81559, 550.54.15\n1, NVIDIA L4, 23034, 550.54.15";
    assert.deepEqual(await listNvidiaGpus(await tool(`echo "${lines}"`)), [
      { index: 0, name: "NVIDIA H100 80GB HBM3", memoryMebibytes: 81559, driver: "550.54.15" },
      { index: 1, name: "NVIDIA L4", memoryMebibytes: 23034, driver: "550.54.15" },
    ]);
  });

  it("finds none without a driver, with a broken one, and in what it cannot read", async () => {
    assert.deepEqual(await listNvidiaGpus(join(folder, "no-such-tool")), []);
    assert.deepEqual(await listNvidiaGpus(await tool("echo 'NVIDIA-SMI has failed'; exit 9")), []);
    assert.deepEqual(await listNvidiaGpus(await tool("echo 'No devices were found'")), []);
  });
});
