// The tables above the statecharts are documentation that must be true: they are compared with the machines.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { AnyStateNode } from "xstate";
import { COMPUTE_ACTORS } from "../../actors/compute_actors.ts";
import {
  consequences,
  irlCoordinator,
  outstanding,
  type StateName,
  stateName,
} from "../../actors/irl_coordinator.ts";
import { EVENT_OF_COMMAND, ROLES } from "../../events/mod.ts";
import { openJournal, undisturbedRun } from "./simulated_run.ts";

const COORDINATOR = new URL("../../actors/irl_coordinator.ts", import.meta.url);
const EVERY_WORKING_STATE = /Every state between loading and completingRun also takes (.*)\./;

interface Row {
  state: string;
  command: string;
  waitsFor: string;
  unblockedBy: string;
}

/** Rows of the header's table whose first column is a state. */
function tableOf(source: string): Row[] {
  const rows = source.split("\n").filter((line) => line.startsWith("// ") && line.split("|").length === 5)
    .map((line) => line.slice(3).split("|").map((cell) => cell.trim()));
  return rows.slice(1).map(([state, command, waitsFor, unblockedBy]) => ({
    state,
    command,
    waitsFor,
    unblockedBy,
  }));
}

/** All states but the ones that only hold or return to others. */
function leavesOf(node: AnyStateNode): AnyStateNode[] {
  const children = Object.values(node.states).filter(({ type }) => type !== "history");
  return children.length === 0 ? [node] : children.flatMap(leavesOf);
}

function eventsOf(node: AnyStateNode | undefined): string[] {
  return [...node?.transitions.keys() ?? []];
}

const source = await Deno.readTextFile(COORDINATOR);
const table = tableOf(source);
const leaves = leavesOf(irlCoordinator.root);

describe("irl_coordinator.ts header", () => {
  it("has one row per state of the machine, in the machine's order", () => {
    assert.deepEqual(table.map(({ state }) => state), leaves.map(({ key }) => key));
  });

  it("says of every state which event it waits for", () => {
    for (const node of leaves) {
      const row = table.find(({ state }) => state === node.key);
      assert.deepEqual([row?.waitsFor], eventsOf(node).length > 0 ? eventsOf(node) : ["-"], node.key);
    }
  });

  it("names the events that every working state takes", () => {
    const named = source.match(EVERY_WORKING_STATE)?.[1].split(/, | and /) ?? [];
    assert.deepEqual(named.toSorted(), eventsOf(irlCoordinator.root.states.running).toSorted());
  });

  it("says of every state which command is outstanding and who unblocks it", () => {
    const seen = new Map<StateName, { command: string; unblockedBy: string }>();
    const journal = openJournal();
    for (const event of undisturbedRun().events) {
      const [command] = outstanding(journal.state);
      const row = command === undefined
        ? { command: "-", unblockedBy: "shell" }
        : { command: command.type, unblockedBy: command.role };
      const known = seen.get(stateName(journal.state)) ?? row;
      assert.deepEqual(row, known, "one kind of command a state");
      seen.set(stateName(journal.state), row);
      journal.appendAlone(event);
    }
    for (const [state, { command, unblockedBy }] of seen) {
      assert.partialDeepStrictEqual(table.find((row) => row.state === state), { command, unblockedBy });
    }
    const visited: string[] = [...seen.keys()];
    const unvisited = table.map(({ state }) => state).filter((state) => !visited.includes(state));
    assert.deepEqual(unvisited, ["paused", "failed", "done"]);
  });

  it("draws the states in its first lines", () => {
    const drawing = source.slice(0, source.indexOf("// state "));
    for (const { key } of leaves.filter(({ key }) => !["idle", "paused", "failed"].includes(key))) {
      assert.ok(drawing.includes(key), key);
    }
  });

  it("would notice a state that is missing from the table", () => {
    const stale = tableOf(source.split("\n").filter((line) => !line.startsWith("// evaluating")).join("\n"));
    assert.notDeepEqual(stale.map(({ state }) => state), leaves.map(({ key }) => key));
  });
});

describe("the coordinator machine", () => {
  it("has no invoke, no delay and no spawned actor: effects belong to the shell", () => {
    const nodes = [irlCoordinator.root, irlCoordinator.root.states.running, ...leaves];
    for (const node of nodes) {
      assert.deepEqual([node.invoke, node.after, node.entry, node.exit], [[], [], [], []], node.key);
    }
  });

  it("has consequences only where the table names the shell", () => {
    const journal = openJournal();
    for (const event of undisturbedRun().events) {
      if (consequences(journal.state).length > 0) {
        const row = table.find(({ state }) => state === stateName(journal.state));
        assert.equal(row?.waitsFor, consequences(journal.state)[0].type);
      }
      journal.appendAlone(event);
    }
  });
});

describe("headers of the compute actors", () => {
  for (const role of ROLES) {
    it(`${role}: "Takes" and "Returns" name what the actor takes and returns`, async () => {
      const actor = COMPUTE_ACTORS[role];
      const file = new URL(`../../actors/${role.replace("-", "_")}.ts`, import.meta.url);
      const header = (await Deno.readTextFile(file)).split("\n").slice(0, 3).join(" ");
      const takes = header.match(/Takes: ([\w, ]+)\./)?.[1].split(", ");
      assert.deepEqual(takes, actor.takes);
      assert.equal(actor.role, role);
      const [, returns = ""] = header.split("Returns: ");
      for (const type of actor.takes) assert.ok(returns.includes(EVENT_OF_COMMAND[type]), type);
      assert.match(header, /Stops when /);
    });
  }

  it("compute_actor.ts has one row per state of the machine", async () => {
    const file = new URL("../../actors/compute_actor.ts", import.meta.url);
    const rows = (await Deno.readTextFile(file)).split("\n").filter((line) => /^\/\/ \w+ +\| /.test(line))
      .map((line) => line.slice(3).split("|")[0].trim());
    assert.deepEqual(rows.slice(1), leavesOf(COMPUTE_ACTORS.generator.machine.root).map(({ key }) => key));
  });
});
