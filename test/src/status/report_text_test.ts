// The report for a terminal: what it says, how wide it is.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { iterationLines, reportText } from "../../../src/status/report_text.ts";
import { fabricatedRun } from "../../support/fabricated_run.ts";

const records = fabricatedRun();
const widest = (lines: readonly string[]) => Math.max(...lines.map((line) => Array.from(line).length));

describe("reportText()", () => {
  it("prints the table of a made-up run", () => {
    const table = reportText(records, { outcome: "ab".repeat(32) }).split("\n\n")[1].trimEnd().split("\n");
    assert.deepEqual(table, [
      "                slot error        exact                    pair acc",
      "                 T=1 T=.5 greedy   T=1 T=.5 greedy    nll  held gold  margin    KL   len dist2 tokens   sec",
      "demonstrations  .000 .000   .000  1.00 1.00   1.00  1.690                           20.9  .334",
      "SFT             .350 .080   .037  .300 .768   .874  1.690                     0.00  20.4  .312  33.6k    28",
      "iteration 1     .295 .064   .029  .410 .814   .900  1.693  .707 .715   +0.47  3.10  20.2  .301  46.2k    86",
      "iteration 2     .262 .055   .025  .477 .841   .915  1.696  .674 .695   +0.30  4.38  20.0  .290  46.2k    86",
    ]);
  });

  it("prints digests, compute tier and state above it", () => {
    const text = reportText(records, { outcome: "ab".repeat(32) });
    assert.match(text, /^run {6}tiny-1 {2}\(preset tiny, seed 1, version 0\.1\.0\)\nstate {4}done\n/);
    assert.match(text, /\ntier {5}native eager, 2 threads, tensorflow 2\.21\.0\n/);
    assert.match(text, new RegExp(`\\nlog {6}${records.at(-1)?.hash}  \\(${records.length} events\\)\\n`));
    assert.match(text, /\noutcome {2}(ab){32}\n/);
  });

  it("drops the gold columns and adds labelled pairs on own data", () => {
    const text = reportText(fabricatedRun({ ownData: true }), { outcome: null });
    assert.doesNotMatch(text, /slot error|exact|gold/);
    assert.match(text, /labelled\n.* all longer /);
    assert.match(
      text,
      /Labelled pairs by subset, iteration 2\n {2}chat: 0\.700 \(longer wins 0\.610, 120 pairs\)/,
    );
  });

  it("stays within 120 columns with every column there is, at every event", () => {
    const both = fabricatedRun().map((record) =>
      record.type === "DemonstrationsLoaded"
        ? { ...record, data: { ...record.data, preferences: `sha256:${"0".repeat(64)}` } }
        : record
    );
    both.forEach((_, i) => {
      const lines = reportText(both.slice(0, i + 1), { outcome: "ab".repeat(32) }).split("\n");
      assert.ok(widest(lines) <= 120, `${widest(lines)} columns`);
    });
    assert.match(reportText(both, { outcome: null }), /slot error.*exact.*pair acc.*labelled/);
  });

  it("says where an unfinished run is and how long it will take", () => {
    const cut = records.findLastIndex(({ type }) => type === "GenerationsSampled");
    assert.match(
      reportText(records.slice(0, cut), { outcome: null }),
      /\nstate {4}generating, iteration 2 of 2, about 1 min 22 s left\n/,
    );
    assert.match(reportText(records.slice(0, 2), { outcome: null }), /No policy is evaluated yet/);
  });

  it("says why a run failed, in one line that cannot steer the terminal", () => {
    const failed = fabricatedRun({
      incidents: [{ kind: "run-failure", iteration: 1, command: "LearnReward", resumed: false }],
    });
    const last = failed[failed.length - 1];
    const evil = { ...last, data: { ...last.data, message: "out of memory\n\u001b[2J" } };
    const text = reportText([...failed.slice(0, -1), evil], { outcome: null });
    assert.match(text, /\nstate {4}failed, iteration 1 of 2 at learningReward\n/);
    assert.match(text, /\ntrouble {2}out of memory \[2J\n/);
  });
});

describe("iterationLines()", () => {
  it("brings the heading with SFT and one row with every later iteration: together the report's table", () => {
    const lines = [0, 1, 2].flatMap((iteration) => iterationLines(records, iteration));
    assert.equal(iterationLines(records, 1).length, 1);
    assert.ok(reportText(records, { outcome: null }).includes(lines.join("\n")));
  });

  it("is empty before the iteration is evaluated", () => {
    assert.deepEqual(iterationLines(records.slice(0, 3), 0), []);
  });
});
