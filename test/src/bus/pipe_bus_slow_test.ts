// The pipe bus with real child processes: one that is killed and restarted, one that must end with its coordinator.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createPipeBus } from "../../../src/bus/pipe_bus.ts";
import { idOf, readResults } from "./bus_contract.ts";
import { comesTrue, isAlive } from "./process_alive.ts";

const MODULE = new URL("../../../src/bus/pipe_actor_bus.ts", import.meta.url).href;

/** Answers each command, prints besides, a mortal one dies at a deadly command. */
const ACTOR = `
  const { createPipeActorBus } = await import(${JSON.stringify(MODULE)});
  const bus = createPipeActorBus("generator", { input: Deno.stdin.readable, output: Deno.stdout.writable });
  const never = new AbortController().signal;
  console.log("I am alive");
  for (let open = await bus.next(never); open; open = await bus.next(never)) {
    console.log("working on", open.command.id);
    if (open.command.deadly && Deno.args[0] === "mortal") Deno.kill(Deno.pid, "SIGKILL");
    await bus.report({ id: open.command.id, attempt: 1, filling: "x".repeat(60000) });
    await open.ack();
  }
  await bus.close();
`;

function startChild(kind: "mortal" | "immortal"): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", ACTOR, kind],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
}

describe("createPipeBus() with child processes", () => {
  it("redelivers the command of a killed child to the next one, and children end when the bus closes", async () => {
    const stray: string[] = [];
    const bus = createPipeBus({ onStrayLine: (_, line) => stray.push(line) });
    const attach = (child: Deno.ChildProcess) =>
      bus.attach("generator", { input: child.stdin, output: child.stdout });
    await bus.publish(
      ["a", "b", "c"].map((id) => ({ id, attempt: 1, role: "generator", deadly: id === "b" })),
    );
    const mortal = startChild("mortal");
    attach(mortal);
    assert.equal((await mortal.status).signal, "SIGKILL");
    const immortal = startChild("immortal");
    attach(immortal);
    const read = await readResults(bus, 3, (delivery) => delivery.ack());
    assert.deepEqual(read.map(idOf), ["a", "b", "c"]);
    await bus.close();
    assert.equal((await immortal.status).code, 0);
    assert.deepEqual(stray, [
      "I am alive",
      "working on a",
      "working on b",
      "I am alive",
      "working on b",
      "working on c",
    ]);
  });

  it("a child ends when its coordinator is killed", async () => {
    const coordinator = `
      const child = new Deno.Command(Deno.execPath(), {
        args: ["eval", Deno.args[0], "immortal"], stdin: "piped", stdout: "null",
      }).spawn();
      console.log(child.pid);
      setInterval(() => {}, 1000);
    `;
    const parent = new Deno.Command(Deno.execPath(), { args: ["eval", coordinator, ACTOR], stdout: "piped" })
      .spawn();
    const reader = parent.stdout.getReader();
    const pid = Number(new TextDecoder().decode((await reader.read()).value));
    assert.ok(isAlive(pid));
    parent.kill("SIGKILL");
    await parent.status;
    await reader.cancel();
    assert.ok(await comesTrue(() => !isAlive(pid), 5000), "the child outlived its coordinator");
  });
});
