// Ratios round by round, the peer's fastest variant, the check that both did the same, and the form of the report.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import {
  BenchReport,
  comparison,
  disagreement,
  type WorkResult,
} from "../../../scripts/bench/bench_result.ts";
import { benchConditions, benchTable } from "../../../scripts/bench/bench_table.ts";

const rounds = [{ ours: 2, generate: 8, loop: 5 }, { ours: 1, generate: 5, loop: 3 }, {
  ours: 2,
  generate: 6,
  loop: 4,
}];

describe("comparison()", () => {
  it("divides the peer's time by ours within each round", () => {
    const { ours, variants } = comparison(rounds);
    assert.deepEqual(ours, { median: 2, min: 1, max: 2, unit: "seconds" });
    // 8/2, 5/1, 6/2
    assert.deepEqual(variants?.generate.ratio, { median: 4, min: 3, max: 5 });
  });

  it("compares with the variant of the peer that has the least median", () => {
    const { peer, ratio } = comparison(rounds);
    assert.equal(peer?.median, 4);
    // 5/2, 3/1, 4/2
    assert.deepEqual(ratio, { median: 2.5, min: 2, max: 3 });
  });

  it("has no ratio without a peer", () => {
    assert.deepEqual(comparison([{ ours: 1 }]), { ours: { median: 1, min: 1, max: 1, unit: "seconds" } });
  });
});

describe("disagreement()", () => {
  it("allows losses to differ by 1e-4, relative above 1", () => {
    assert.equal(disagreement({ "loss 0": 6 }, { "loss 0": 6.0005 }), undefined);
    assert.match(disagreement({ "loss 0": 6 }, { "loss 0": 6.001 }) ?? "", /"loss 0" is 6 here and 6.001/);
  });

  it("wants counts to be equal", () => {
    assert.equal(disagreement({ tokens: 3072 }, { tokens: 3072 }), undefined);
    assert.match(disagreement({ tokens: 3072 }, { tokens: 3071 }) ?? "", /"tokens"/);
  });

  it("names a number that the peer does not tell, and one that is none", () => {
    assert.match(disagreement({ tokens: 1 }, {}) ?? "", /does not tell its "tokens"/);
    assert.match(disagreement({ "loss 0": 1 }, { "loss 0": NaN }) ?? "", /NaN/);
  });
});

const result: WorkResult = {
  work: "rollout-512",
  about: "rollouts",
  ...comparison(rounds),
  aim: 2.5,
  memory: { oursMegabytes: 600, peerMegabytes: 400, ratio: 1.5, aim: 1.3 },
  rounds: { kept: 3, discarded: 1, disturbed: false },
  counts: { ours: { tokens: 3072 } },
};
const report: BenchReport = {
  commit: "0123456789ab",
  machine: { cpu: "a processor", cores: 2, memoryGigabytes: 24, system: "linux x86_64" },
  threads: 2,
  load: 0.1,
  engines: { ours: "native xla", peer: "torch" },
  results: [result],
  failures: [],
};

describe("the report", () => {
  it("keeps its form as JSON", () => {
    const parsed = BenchReport.parse(JSON.parse(JSON.stringify(report)));
    assert.deepEqual(Object.keys(parsed).slice(0, 3), ["commit", "machine", "threads"]);
    assert.equal(parsed.results[0].ours.unit, "seconds");
  });

  it("is a table with a row for each way of the peer, and says which aims are met", () => {
    const [heading, first, second] = benchTable(report);
    assert.match(heading, /^work +ours +peer +ratio/);
    assert.match(
      first,
      /^rollout-512 +2.00 s +4.00 s loop +2.50 +2.00..3.00 +>= 2.5 +met +600\/400 MB = 1.50 \(<= 1.3 not met\)/,
    );
    assert.match(second, /^ +6.00 s generate +4.00/);
  });

  it("shows ours alone where there is no peer", () => {
    const alone: WorkResult = {
      work: "scoring",
      about: "scores",
      ...comparison([{ ours: 0.05 }]),
      memory: {},
      rounds: { kept: 1, discarded: 0, disturbed: true },
      counts: {},
    };
    assert.match(benchTable({ ...report, results: [alone] })[1], /^scoring +50.0 ms +- +- +\(busy\) +-$/);
  });

  it("tells the machine, threads, load and commit", () => {
    const text = benchConditions(report).join("\n");
    assert.match(text, /a processor, 2 cores.*2 threads each; load 0.1/);
    assert.match(text, /commit 0123456789ab/);
  });
});
