// Replay of whole folders: every artifact that an event names is read, and what is missing or changed is named.
import assert from "node:assert/strict";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { checkArtifacts, namedArtifacts } from "../../scripts/check_artifacts.ts";
import { replay } from "../../scripts/replay.ts";
import { encodeJsonLines } from "../../src/base/json_lines.ts";
import { DamageError, exitCode } from "../../src/base/errors.ts";
import type { RunRecord } from "../../src/status/run_record.ts";
import { openFileArtifacts } from "../../src/store/file_artifacts.ts";
import { runFiles } from "../../src/store/run_files.ts";
import { fabricatedRun } from "../support/fabricated_run.ts";
import { IrlCall, QUIET, recordsOf, SMALL } from "./irl_fixtures.ts";

let runs = "";
beforeAll(async () => {
  runs = await Deno.makeTempDir({ prefix: "irl-artifacts-" });
  const args = [...SMALL, ...QUIET, "--in-process", `--runs-dir=${runs}`, "--run=whole"];
  assert.equal(await new IrlCall().run(args), 0);
});
afterAll(() => Deno.remove(runs, { recursive: true }));

const replayed = (run: string, given: { until?: number; "no-artifacts"?: boolean } = {}) =>
  replay(run, { print: false, json: false, "no-artifacts": false, "runs-dir": runs, ...given }, {});

function fileOf(run: string, digest: string): string {
  const hex = digest.replace("sha256:", "");
  return join(runFiles(join(runs, run)).artifacts, "sha256", hex.slice(0, 2), hex.slice(2));
}

/** The body finds a copy of the run in the folder "copy". */
async function withCopy(body: () => Promise<void>): Promise<void> {
  await copyFolder(join(runs, "whole"), join(runs, "copy"));
  try {
    await body();
  } finally {
    await Deno.remove(join(runs, "copy"), { recursive: true });
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}

const named = () => namedArtifacts(recordsOf(runs, "whole"));
const find = (type: string, field: string) => {
  const found = named().find((artifact) => artifact.type === type && artifact.field === field);
  assert.ok(found, `${type}.${field}`);
  return found;
};

describe("namedArtifacts()", () => {
  it("gives every digest of an artifact in a log once, with the first event and field that name it", () => {
    const records = recordsOf(runs, "whole"), all = named();
    const { config: _, ...started } = Object(records[0].data),
      texts = JSON.stringify([started, records.slice(1)]);
    const inLog = new Set(texts.match(/sha256:[0-9a-f]{64}/g));
    assert.deepEqual(new Set(all.map(({ digest }) => digest)), inLog);
    assert.equal(all.length, inLog.size);
    assert.deepEqual(
      all.filter(({ sequence }) => sequence === 2).map(({ field }) => field),
      ["demonstrations", "prompts", "evaluation", "tokenizer"],
    );
    assert.ok(find("RewardLearned", "result.raw"));
  });

  it("takes no text of a sample and no file that was read for an artifact", () => {
    const digest = `sha256:${"ab".repeat(32)}`;
    const records = fabricatedRun().map((record): RunRecord => {
      const data: Record<string, unknown> = { ...record.data };
      if (record.type === "DemonstrationsLoaded") data.sources = { data: digest };
      if (record.type === "PolicyEvaluated") data.samples = [{ prompt: digest, sft: digest, policy: digest }];
      return { ...record, data };
    });
    assert.ok(!namedArtifacts(records).some((artifact) => artifact.digest === digest));
  });
});

describe("deno task replay of artifacts", () => {
  it("reads all that the events name and says how many there are", async () => {
    const { lines, report } = await replayed("whole"), { length } = named();
    assert.match(lines.at(-2) ?? "", new RegExp(`^${length} artifacts whole, \\d+\\.\\d MB$`));
    assert.match(lines.at(-1) ?? "", /^\d+ events, chain and commands equal$/);
    assert.equal(report.artifacts, length);
    assert.equal((await replayed("whole", { until: 2 })).report.artifacts, 4);
  });

  it("exits 4 and names event, field and file of all that are missing, changed or cut", () =>
    withCopy(async () => {
      const gone = find("SupervisedTuned", "policy"), changed = find("RewardLearned", "result.reward");
      const cut = find("PolicyEvaluated", "texts");
      await Deno.remove(fileOf("copy", gone.digest));
      const bytes = await Deno.readFile(fileOf("copy", changed.digest));
      bytes[3] ^= 1;
      await Deno.writeFile(fileOf("copy", changed.digest), bytes);
      await Deno.truncate(fileOf("copy", cut.digest), 5);
      await assert.rejects(replayed("copy"), (error) => {
        assert.ok(error instanceof DamageError && exitCode(error) === 4);
        const lines = error.message.split("\n").toSorted();
        const line = ({ sequence, type, field, digest }: typeof gone, problem: string) =>
          `${fileOf("copy", digest)}: Restore the artifact from a copy: ${problem}; ` +
          `event ${sequence}, ${type}, names it as "${field}"`;
        const mismatch = "bytes were changed or cut, they do not match its name";
        assert.deepEqual(
          lines,
          [
            line(gone, "it is missing"),
            line(changed, `its ${bytes.length} ${mismatch}`),
            line(cut, `its 5 ${mismatch}`),
          ].toSorted(),
        );
        return true;
      });
      assert.equal((await replayed("copy", { until: 2 })).report.artifacts, 4);
      assert.equal((await replayed("copy", { "no-artifacts": true })).report.artifacts, null);
    }));

  it("exits 4 where a run's artifacts are gone altogether, and says what it did where the log was copied alone", () =>
    withCopy(async () => {
      const files = runFiles(join(runs, "copy"));
      await Deno.remove(files.artifacts, { recursive: true });
      await assert.rejects(replayed("copy"), (error) => {
        const lines = String(error).split("\n");
        assert.deepEqual([lines.length, lines.at(-1)], [
          21,
          `${named().length - 20} more artifacts are missing or damaged`,
        ]);
        return exitCode(error) === 4;
      });
      await Deno.remove(files.lock);
      const { lines, report } = await replayed("copy");
      assert.deepEqual(lines.slice(0, 1), ["No artifacts lie beside the log; it alone was checked"]);
      assert.equal(report.artifacts, null);
    }));

  it("follows a saved state to the artifacts that it consists of", () =>
    withCopy(async () => {
      const folder = join(runs, "copy"), artifacts = openFileArtifacts(folder);
      const value = await artifacts.put(Uint8Array.of(1, 2, 3));
      const state = await artifacts.put(encodeJsonLines([{ part: "value", digest: value }]));
      const records = recordsOf(runs, "whole").map((record): RunRecord =>
        record.type === "PolicyOptimised" ? { ...record, data: { ...record.data, state } } : record
      );
      const { count } = await checkArtifacts(folder, records);
      assert.equal(count, namedArtifacts(records).length + 1);
      await Deno.remove(fileOf("copy", value));
      await assert.rejects(checkArtifacts(folder, records), /PolicyOptimised, names it as "state\.value"$/);
    }));
});
