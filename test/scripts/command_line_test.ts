// Arguments by table: values, mistakes with the nearest name, and the help that comes from the same table.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import {
  choice,
  type CommandTable,
  flag,
  helpText,
  list,
  parseCommandLine,
  value,
  wholeNumber,
} from "../../scripts/command_line.ts";
import { irlTable } from "../../scripts/irl.ts";

const options = z.strictObject({
  json: flag("as JSON"),
  seed: wholeNumber("a seed", { max: 99 }),
  bus: choice(["nats", "pipe"], "a bus"),
  set: list("path=value", "a field"),
  "runs-dir": value("DIR", "a folder"),
});
const table: CommandTable<typeof options.shape> = {
  name: "deno task test-command",
  summary: "Does nothing.",
  positionals: [{ name: "RUN", about: "a run" }, { name: "MORE", about: "more", optional: true }],
  options,
};

describe("parseCommandLine()", () => {
  it("reads every kind of option and what stands without a dash", () => {
    const args = ["--json", "--seed=7", "--bus", "pipe", "--set", "a=1", "--set=b=-2", "my-run"];
    assert.deepEqual(parseCommandLine(table, args), {
      options: { json: true, seed: 7, bus: "pipe", set: ["a=1", "b=-2"] },
      positionals: ["my-run"],
    });
  });

  it("fills in what is not given", () => {
    assert.deepEqual(parseCommandLine(table, ["x"])?.options, { json: false, set: [] });
  });

  it("takes the last of two values, and values that begin with a dash and a digit", () => {
    assert.equal(parseCommandLine(table, ["x", "--seed", "1", "--seed", "2"])?.options.seed, 2);
    assert.equal(parseCommandLine(table, ["x", "--runs-dir", "-1"])?.options["runs-dir"], "-1");
  });

  it("passes over a leading -- that was meant for the task runner", () => {
    assert.equal(parseCommandLine(table, ["--", "x", "--seed", "1"])?.options.seed, 1);
  });

  it("asks for help with --help and -h, whatever else is there", () => {
    assert.equal(parseCommandLine(table, ["--seed", "1", "--help"]), undefined);
    assert.equal(parseCommandLine(table, ["-h"]), undefined);
  });

  const mistakes: [args: string[], message: string][] = [
    [["x", "--sed", "1"], "Use --seed, or see deno task test-command --help: there is no --sed"],
    [["x", "--no-json"], "Use --json, or see deno task test-command --help: there is no --no-json"],
    [["x", "-j"], "Use --json, or see deno task test-command --help: there is no -j"],
    [["x", "--learning-rate", "1"], "See deno task test-command --help: there is no --learning-rate"],
    [["x", "--seed"], "Give --seed a value: --seed N"],
    [["x", "--seed", "--json"], "Give --seed a value: --seed N"],
    [["x", "--seed", "one"], 'Give --seed a whole number from 0 to 99: got "one"'],
    [["x", "--seed", "100"], 'Give --seed a whole number from 0 to 99: got "100"'],
    [["x", "--seed", "1.5"], 'Give --seed a whole number from 0 to 99: got "1.5"'],
    [["x", "--bus", "tram"], 'Give --bus one of nats, pipe: got "tram"'],
    [["x", "--json=yes"], "Write --json alone: it takes no value"],
    [[], "Give RUN: deno task test-command RUN"],
    [["x", "y", "z"], 'Leave out "z", or see deno task test-command --help: nothing is expected there'],
  ];
  for (const [args, message] of mistakes) {
    it(`refuses ${JSON.stringify(args)} and says what to do`, () => {
      assert.throws(() => parseCommandLine(table, args), { name: "ConfigError", message });
    });
  }
});

describe("helpText()", () => {
  it("names every option with its argument and what it is", () => {
    const text = helpText(table);
    assert.match(text, /^deno task test-command RUN \[MORE\] \[options\]\n\nDoes nothing\.\n/);
    for (
      const line of [
        "--json",
        "--seed N",
        "--bus nats\\|pipe",
        "--set path=value",
        "--runs-dir DIR",
        "--help",
      ]
    ) {
      assert.match(text, new RegExp(`^  ${line}\\s+\\S`, "m"));
    }
  });

  it("fits the real command into 130 columns", () => {
    for (const line of helpText(irlTable).split("\n")) assert.ok(line.length <= 130, line);
  });
});
