// The smallest preset with real steps: actors in one process, actors over pipes, a run that was killed, and algorithm1.ts
// must all come to the same events and the same bytes of policy and reward.
import assert from "node:assert/strict";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { RunEvent, STEP_ORDER } from "../../events/mod.ts";
import { openTier } from "../../src/compute/tier.ts";
import { algorithm1 } from "../../src/irl/algorithm1.ts";
import { openFileArtifacts } from "../../src/store/file_artifacts.ts";
import { readFileLog } from "../../src/store/file_log.ts";
import { outcomeDigest } from "../../src/store/outcome_digest.ts";
import { runReport } from "../../scripts/run_report.ts";

const script = new URL("../../scripts/irl.ts", import.meta.url);

describe("irl --preset tiny", () => {
  let runs = "";
  beforeAll(async () => {
    runs = await Deno.makeTempDir({ prefix: "irl-tiny-" });
    await irl("--preset=tiny", "--run=one-process", "--in-process");
  });
  afterAll(() => Deno.remove(runs, { recursive: true }));

  it("comes to the same events as algorithm1.ts", async () => {
    const folder = join(runs, "one-process");
    const [started, loaded] = readFileLog(folder).records.map(({ type, id, data }) =>
      RunEvent.parse({ type, id, data })
    );
    assert.ok(started.type === "RunStarted" && loaded.type === "DemonstrationsLoaded");
    const { config, tier: record, software } = started.data;
    const tier = await openTier({ name: record.name, threads: record.threads });
    try {
      const events = await algorithm1({ config, tier: record, software, data: loaded.data }, {
        tier,
        artifacts: openFileArtifacts(folder),
        progress: () => {},
      });
      assert.equal(outcomeDigest(events, STEP_ORDER), digests("one-process").outcome);
    } finally {
      await tier.dispose();
    }
  });

  it("comes to the same outcome, policy and reward over pipes", async () => {
    await irl("--preset=tiny", "--run=piped", "--bus=pipe");
    assert.deepEqual({ ...digests("piped"), log: "" }, { ...digests("one-process"), log: "" });
  });

  it("comes to the same outcome, policy and reward when it was killed and resumed", async () => {
    const killed = command("--preset=tiny", "--run=killed", "--bus=pipe").spawn();
    while (numRecords("killed") < 9) await new Promise((resolve) => setTimeout(resolve, 100));
    killed.kill("SIGKILL");
    await killed.status;
    await irl("--resume=killed", "--bus=pipe");
    assert.deepEqual({ ...digests("killed"), log: "" }, { ...digests("one-process"), log: "" });
  });

  function command(...args: string[]): Deno.Command {
    return new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        script.href,
        "--no-http",
        "--backend=wasm",
        `--runs-dir=${runs}`,
        ...args,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
  }

  async function irl(...args: string[]): Promise<void> {
    assert.equal((await command(...args).output()).code, 0, args.join(" "));
  }

  function digests(run: string) {
    return runReport(readFileLog(join(runs, run)).records).report.digests;
  }

  function numRecords(run: string): number {
    return readFileLog(join(runs, run)).records.length;
  }
});
