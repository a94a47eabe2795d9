// Data of a run before it starts: made up, from E2E-like files, one's own; and every mistake in them with file and line.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "@std/testing/bdd";
import { sha256 } from "../../src/base/canonical.ts";
import { decodeJsonLines } from "../../src/base/json_lines.ts";
import { exitCode } from "../../src/base/errors.ts";
import { memoryArtifacts } from "../../src/store/memory_artifacts.ts";
import { type DataFiles, loadData, storeData } from "../../scripts/load_data.ts";
import { resolveConfig } from "../../scripts/resolve_config.ts";
import { inTemporaryFolder } from "./irl_fixtures.ts";

const own = (...set: string[]) => resolveConfig({ hasData: true, set });
const rows = (count: number, completion = "It is number") =>
  Array.from(
    { length: count },
    (_, i) => JSON.stringify({ prompt: `Say ${i}`, completion: `${completion} ${i}.` }),
  ).join("\n");

/** Loads files with these texts. */
async function load(
  texts: { data?: string; evaluation?: string; preferences?: string },
  { config = own(), fields = {} }: { config?: ReturnType<typeof own>; fields?: DataFiles["fields"] } = {},
) {
  let loaded: Awaited<ReturnType<typeof loadData>> | undefined;
  await inTemporaryFolder(async (folder) => {
    const write = (name: string, text: string | undefined) => {
      if (text === undefined) return undefined;
      Deno.writeTextFileSync(join(folder, name), text);
      return join(folder, name);
    };
    loaded = await loadData(config, {
      data: write("mine.jsonl", texts.data),
      evaluationData: write("held.jsonl", texts.evaluation),
      preferences: write("pairs.jsonl", texts.preferences),
      fields,
    });
  });
  assert.ok(loaded);
  return loaded;
}

describe("loadData()", () => {
  it("makes the made-up task from the seed alone", async () => {
    const config = (seed: number) =>
      resolveConfig({
        hasData: false,
        preset: "tiny",
        seed,
        set: ["task.demonstrations=12", "task.evaluationPrompts=3"],
      });
    const [first, again, other] = await Promise.all(
      [1, 1, 2].map((seed) => loadData(config(seed), { fields: {} })),
    );
    assert.deepEqual(first, again);
    assert.notDeepEqual(first.rows, other.rows);
    assert.deepEqual([first.rows.demonstrations.length, first.gold?.name, first.sources], [
      12,
      "made-up",
      {},
    ]);
  });

  it("splits one's own rows by prompt, counts them, and names the files by their digests", async () => {
    const data = rows(40);
    const loaded = await load({ data });
    const held = new Set(loaded.rows.evaluation.map(({ prompt }) => prompt));
    assert.equal(held.size, 4);
    assert.ok(loaded.rows.demonstrations.every(({ prompt }) => !held.has(prompt)));
    assert.equal(loaded.rows.demonstrations.length, 36);
    assert.deepEqual([loaded.sources, loaded.gold], [{ data: sha256(data) }, null]);
  });

  it("takes held-out rows and other field names from files", async () => {
    const texts = {
      data: Array.from({ length: 12 }, (_, i) => `{"question":"q ${i}","answer":"a ${i}"}`).join("\n"),
      evaluation: '{"question":"q x","answer":"a 1"}',
    };
    const loaded = await load(texts, { fields: { prompt: "question", completion: "answer" } });
    assert.equal(loaded.rows.demonstrations.length, 12);
    assert.deepEqual(loaded.rows.evaluation, [{ prompt: "q x", completions: ["a 1"] }]);
  });

  it("leaves labelled pairs out that are not whole, and says which", async () => {
    const preferences =
      '{"prompt":"p","chosen":"a","rejected":"b","subset":"s"}\n{"prompt":"p","chosen":"a","rejected":""}';
    const loaded = await load({ data: rows(20), preferences });
    assert.deepEqual(loaded.preferences, [{ prompt: "p", chosen: "a", rejected: "b", subset: "s" }]);
    assert.equal(loaded.rows.counts.droppedPreferences, 1);
    assert.match(loaded.notes[0], /1 rows without a full pair are left out \(lines 2\)/);
  });

  it("says when most words of the demonstrations are unknown to their own tokenizer, and what to do", async () => {
    const data = Array.from(
      { length: 20 },
      (_, i) => `{"prompt":"say ${i}","completion":"once${i} only${i}"}`,
    );
    const { notes } = await load({ data: data.join("\n") });
    assert.match(notes[0], /100 % of the words .* fewer than 2 times .*lower tokenizer\.minCount/);
  });

  it("keeps E2E rows without a slot error, as the configuration says", async () => {
    const clean = Array.from({ length: 9 }, (_, i) => ({
      prompt: `name[Alimentum], food[English], area[riverside], near[Place ${i}]`,
      response: `Alimentum serves English food by the riverside near Place ${i}.`,
    }));
    const wrong = { prompt: "name[Alimentum], food[French]", response: "Alimentum is by the riverside." };
    const data = [...clean, wrong].map((row) => JSON.stringify(row)).join("\n");
    const evaluation = JSON.stringify({
      prompt: "name[Cocum], food[French]",
      response: "Cocum has French food.",
    });
    const config = resolveConfig({ hasData: true, preset: "e2e", set: ["task.evaluationPrompts=1"] });
    const loaded = await load({ data, evaluation }, { config });
    assert.equal(loaded.rows.counts.droppedSlotErrors, 1);
    assert.equal(loaded.rows.demonstrations.length, 9);
    assert.equal(loaded.gold?.name, "e2e");
  });

  const mistakes: [what: string, texts: Parameters<typeof load>[0], message: RegExp][] = [
    ["a row that is no JSON", { data: `${rows(3)}\n{"prompt": ` }, /mine\.jsonl:4: .*not JSON/],
    [
      "a row without the field",
      { data: `{"prompt":"a","text":"b"}` },
      /mine\.jsonl:1: Add the field "completion".*"prompt", "text"/,
    ],
    [
      "an empty completion",
      { data: `${rows(2)}\n{"prompt":"a","completion":" "}` },
      /mine\.jsonl:3: .*"completion".*empty/,
    ],
    ["an empty file", { data: "\n" }, /mine\.jsonl: Give at least one row/],
    ["too few rows", { data: rows(3) }, /Give more demonstrations/],
    [
      "a wrong pair file",
      { data: rows(20), preferences: "{}" },
      /pairs\.jsonl: Give at least one valid pair/,
    ],
    [
      "a row longer than the context",
      { data: `${rows(20)}\n${JSON.stringify({ prompt: "p", completion: "long ".repeat(200) })}` },
      /--set model\.maxPositions=20\d.*takes up to 20\d tokens, the context has 128/,
    ],
  ];
  for (const [what, texts, message] of mistakes) {
    it(`refuses ${what}, and names the place`, async () => {
      await assert.rejects(load(texts), (error) => {
        assert.match(String(error), message);
        return exitCode(error) === 2;
      });
    });
  }

  it("refuses a missing file", async () => {
    await assert.rejects(
      loadData(own(), { data: "missing.jsonl", fields: {} }),
      /Give --data a file that can be read: "missing\.jsonl": there is no such file/,
    );
  });

  it("names the E2E data set, its licence and its home where it is missing", async () => {
    await assert.rejects(
      loadData(resolveConfig({ hasData: false, preset: "e2e" }), { fields: {} }),
      (error) => {
        for (
          const part of ["--data", "E2E NLG", "Novikova", "CC BY-SA 4.0", "github.com/tuetschek/e2e-dataset"]
        ) {
          assert.ok(String(error).includes(part), part);
        }
        return exitCode(error) === 2;
      },
    );
  });

  it("refuses a file for a task that makes its data up", async () => {
    const config = resolveConfig({ hasData: true, preset: "demo" });
    await assert.rejects(loadData(config, { data: "mine.jsonl", fields: {} }), /Choose --preset own/);
  });
});

describe("storeData()", () => {
  it("puts every list and the tokenizer, and records their digests and numbers", async () => {
    const artifacts = memoryArtifacts(), loaded = await load({ data: rows(30) });
    const event = await storeData(loaded, artifacts);
    assert.deepEqual(decodeJsonLines(await artifacts.get(event.demonstrations)), loaded.rows.demonstrations);
    assert.deepEqual(decodeJsonLines(await artifacts.get(event.prompts)), loaded.rows.prompts);
    assert.equal(new TextDecoder().decode(await artifacts.get(event.tokenizer)), loaded.tokenizer);
    assert.deepEqual([event.numDemonstrations, event.numEvaluationPrompts, event.preferences], [27, 3, null]);
  });
});
