// The memory bus under the suite of all transports, and the rules of its queues that need no transport.
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import assert from "node:assert/strict";
import { Broker } from "../../../src/bus/broker.ts";
import { createMemoryBus } from "../../../src/bus/memory_bus.ts";
import { planReplacement } from "../../../src/bus/message.ts";
import type { ActorBus } from "../../../src/bus/port.ts";
import { busContract, type BusHarness, busLeakCase, command, drain, idOf, nextOf } from "./bus_contract.ts";

busContract("memory", openMemory);
busLeakCase("memory", openMemory);

describe("createMemoryBus()", () => {
  it("passes copies: a command changed after publish() arrives as it was", async () => {
    const { coordinator, actor } = createMemoryBus();
    const changed = command("generator", "a");
    await coordinator.publish([changed]);
    changed.key = "b2";
    assert.deepEqual((await nextOf(actor("generator"))).command, command("generator", "a"));
  });

  it("shares a role's commands among several workers, each holding one", async () => {
    const { coordinator, actor } = createMemoryBus();
    await coordinator.publish(["a", "b", "c"].map((id) => command("generator", id)));
    const one = actor("generator"), two = actor("generator");
    const first = await nextOf(one), second = await nextOf(two);
    assert.deepEqual([first, second].map(({ command }) => idOf(command)), ["a", "b"]);
    await second.ack();
    assert.deepEqual(await drain(two, 10), ["c"]);
    await one.close();
    assert.deepEqual(await drain(two, 10), ["a"]);
  });
});

describe("planReplacement()", () => {
  it("ends with exactly the wanted messages, dropping and adding no more than it must", () => {
    const texts = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 6 });
    fc.assert(fc.property(texts, texts, (queued, wanted) => {
      const queue = queued.map((text, place) => ({ text, place }));
      const { kept, dropped, missing } = planReplacement(queue, wanted);
      assert.deepEqual([...kept.map(({ text }) => text), ...missing], wanted);
      assert.deepEqual([...kept, ...dropped].sort((a, b) => a.place - b.place), queue);
      assert.deepEqual(kept, kept.toSorted((a, b) => a.place - b.place));
    }));
  });

  it("keeps all of a queue that holds the wanted messages already", () => {
    const queue = [{ text: "a" }, { text: "b" }];
    assert.deepEqual(planReplacement(queue, ["a", "b"]), { kept: queue, dropped: [], missing: [] });
  });
});

function openMemory(): Promise<BusHarness> {
  const broker = new Broker();
  let bus = createMemoryBus(broker);
  return Promise.resolve({
    coordinator: () => bus.coordinator,
    actor: (role) => Promise.resolve(bus.actor(role)),
    kill: (actor: ActorBus) => actor.close(),
    restartCoordinator: () => {
      bus = createMemoryBus(broker);
      return Promise.resolve();
    },
    sendRawResult: (text) => Promise.resolve(broker.offerResult(text)),
    quietMs: 10,
    close: () => bus.coordinator.close(),
  });
}
