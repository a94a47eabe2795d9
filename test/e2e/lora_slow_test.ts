// The smallest preset with adapters and real steps: actors over pipes and algorithm1.ts come to the same events; a second run adapts the
// exported policy of the first; its adapter opens on the base that it names.
import assert from "node:assert/strict";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { RunEvent, STEP_ORDER } from "../../events/mod.ts";
import { exportRun, exportTable } from "../../scripts/export.ts";
import { parseCommandLine } from "../../scripts/command_line.ts";
import { openModels } from "../../scripts/open_model.ts";
import { runReport } from "../../scripts/run_report.ts";
import { openTier } from "../../src/compute/tier.ts";
import { algorithm1 } from "../../src/irl/algorithm1.ts";
import { readStoredModel } from "../../src/model/stored_model.ts";
import { openFileArtifacts } from "../../src/store/file_artifacts.ts";
import { readFileLog } from "../../src/store/file_log.ts";
import { outcomeDigest } from "../../src/store/outcome_digest.ts";
import { nativeTestLibrary } from "../src/compute/native_test_library.ts";

const script = new URL("../../scripts/irl.ts", import.meta.url);
const ADAPTERS = ["--set=lora.rank=4", "--set=lora.alpha=8", "--preset=tiny"];

const library = nativeTestLibrary();
/** Native where libtensorflow is there. */
const tierOptions = "missing" in library
  ? { name: "wasm" as const }
  : { name: "native" as const, libraryDirectory: library.directory };

describe(`irl --preset tiny --backend ${tierOptions.name} with adapters`, () => {
  let folder = "";
  beforeAll(async () => {
    folder = await Deno.makeTempDir({ prefix: "irl-lora-" });
    await irl("--run=first", "--bus=pipe");
  });
  afterAll(() => Deno.remove(folder, { recursive: true }));

  it("comes to the same events as algorithm1.ts, with policies and rewards that are adapters", async () => {
    const run = join(folder, "first"), events = eventsOf("first"), [started, loaded] = events;
    assert.ok(started.type === "RunStarted" && loaded.type === "DemonstrationsLoaded");
    const { config, tier: record, software } = started.data, artifacts = openFileArtifacts(run);
    const tier = await openTier({ ...tierOptions, threads: record.threads });
    try {
      const ports = { tier, artifacts, progress: () => {} };
      const again = await algorithm1({ config, tier: record, software, data: loaded.data }, ports);
      const { digests } = runReport(readFileLog(run).records).report;
      assert.equal(outcomeDigest(again, STEP_ORDER), digests.outcome);
    } finally {
      await tier.dispose();
    }
    const completed = events.flatMap(({ type, data }) => type === "IterationCompleted" ? [data] : []);
    for (const { iteration, policy, reward } of completed) {
      const { kind } = await readStoredModel(artifacts, policy);
      assert.equal(kind, iteration === 0 ? "whole" : "adapter");
      if (reward !== null) assert.equal((await readStoredModel(artifacts, reward)).kind, "adapter");
    }
  });

  it("adapts a model of a folder from supervised fine-tuning on; its export names that folder", async () => {
    const world = {
      environment: { INIT_CWD: folder },
      out: () => {},
      tell: () => {},
    };
    const exported = async (...args: string[]) => {
      const line = parseCommandLine(exportTable, ["--runs-dir=.", ...args]);
      assert.ok(line);
      assert.equal(await exportRun(line, world), 0);
    };
    await exported("--from=first", "--to=model");
    await irl("--run=second", "--in-process", `--model=${join(folder, "model", "policy")}`);
    await exported("--from=second", "--to=adapted", "--base=model/policy");
    const at = { runsFolder: folder, workingFolder: folder };
    const [{ policy }, adapted] = [
      await openModels({ from: "second", ...at }),
      await openModels({ model: "adapted/adapter", ...at }),
    ];
    assert.ok(policy);
    assert.deepEqual(adapted.policy?.flat, policy.flat);
  });

  async function irl(...args: string[]): Promise<void> {
    const always = [
      "--no-http",
      `--backend=${tierOptions.name}`,
      "--threads=1",
      `--runs-dir=${folder}`,
      ...ADAPTERS,
    ];
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", script.href, ...always, ...args],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  }

  function eventsOf(run: string): RunEvent[] {
    return readFileLog(join(folder, run)).records.map(({ type, id, data }) =>
      RunEvent.parse({ type, id, data })
    );
  }
});
