// The command's arguments: names of works, with the nearest one for a mistake, and help from the table.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { benchCommand, chosenWorks } from "../../scripts/bench.ts";
import { BENCH_WORKS } from "../../scripts/bench/bench_works.ts";
import { helpText, parseCommandLine } from "../../scripts/command_line.ts";

describe("chosenWorks()", () => {
  it("is all of them without --only", () => assert.deepEqual(chosenWorks([]), BENCH_WORKS));

  it("takes names in one list or in several, in the table's order", () => {
    const names = (only: string[]) => chosenWorks(only).map(({ name }) => name);
    assert.deepEqual(names(["scoring,train-14m"]), ["train-14m", "scoring"]);
    assert.deepEqual(names(["scoring", "train-14m"]), ["train-14m", "scoring"]);
  });

  it("names the nearest work for one that is not there", () => {
    assert.throws(() => chosenWorks(["train-15m"]), /"train-14m": there is no "train-15m"/);
  });
});

describe("the table of deno task bench", () => {
  it("names every work in its help", () => {
    const help = helpText(benchCommand);
    for (const { name } of BENCH_WORKS) assert.ok(help.includes(name));
    assert.match(help, /--only WORK\[,WORK\]/);
  });

  it("parses what README shows", () => {
    const line = parseCommandLine(benchCommand, [
      "--only",
      "scoring",
      "--rounds",
      "3",
      "--no-peer",
      "--json",
    ]);
    assert.deepEqual(line?.options, {
      only: ["scoring"],
      rounds: 3,
      "no-peer": true,
      growth: false,
      json: true,
    });
  });
});
