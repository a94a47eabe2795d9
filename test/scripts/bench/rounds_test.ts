// Interleaved rounds with made-up sides: order, repeats, what is thrown away, and when it ends.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { type Contestant, playRounds, type RoundsOptions } from "../../../scripts/bench/rounds.ts";
import type { Side } from "../../../scripts/bench/side_process.ts";

/** A machine on which a call of side `pid` takes `seconds`, of which it computes `share`. */
function madeUpMachine(sides: Record<string, { seconds: number; share?: (call: number) => number }>) {
  const asked: string[] = [], times = new Map<number, { gotSeconds: number; waitedSeconds: number }>();
  let nowMs = 0;
  const contestants = Object.entries(sides).map(([name, { seconds, share = () => 1 }], pid): Contestant => {
    let call = 0;
    const side: Side = {
      pid,
      ask(question) {
        if (question.type !== "run") throw new Error("only runs are asked for");
        asked.push(`${name} x ${question.repeats}`);
        const total = seconds * question.repeats, got = share(call++);
        const time = times.get(pid) ?? { gotSeconds: 0, waitedSeconds: 0 };
        times.set(pid, {
          gotSeconds: time.gotSeconds + got,
          waitedSeconds: time.waitedSeconds + 1 - got,
        });
        nowMs += 1000 * total;
        return Promise.resolve({ type: "ran", seconds: total, counts: { calls: call } });
      },
      close: () => Promise.resolve(),
    };
    return { name, side, variant: name };
  });
  const options = (wanted: number, seconds = 1e6): RoundsOptions => ({
    wanted,
    seconds,
    restMs: 0,
    nowMs: () => nowMs,
    timeOf: (pid) => times.get(pid) ?? { gotSeconds: 0, waitedSeconds: 0 },
  });
  return { contestants, options, asked };
}

describe("playRounds()", () => {
  it("alternates who goes first, after one call of each that chooses the repeats", async () => {
    const { contestants, options, asked } = madeUpMachine({ ours: { seconds: 1 }, peer: { seconds: 2 } });
    const { rounds, numDiscarded } = await playRounds(contestants, options(3));
    assert.deepEqual(asked, [
      "ours x 1",
      "peer x 1",
      ...["ours x 1", "peer x 1"],
      ...["peer x 1", "ours x 1"],
      ...["ours x 1", "peer x 1"],
    ]);
    assert.deepEqual(rounds, Array.from({ length: 3 }, () => ({ ours: 1, peer: 2 })));
    assert.equal(numDiscarded, 0);
  });

  it("repeats short calls so often that the fastest takes 0.4 seconds, and reports one call", async () => {
    const { contestants, options, asked } = madeUpMachine({ ours: { seconds: 0.1 }, peer: { seconds: 0.2 } });
    const { rounds } = await playRounds(contestants, options(1));
    // 0.4 / 0.1 = 4 calls.
    assert.deepEqual(asked.slice(2), ["ours x 4", "peer x 4"]);
    assert.ok(Math.abs(rounds[0].ours - 0.1) < 1e-12);
  });

  it("throws a round away in which a side got less than 85 % of what it asked for, and plays another", async () => {
    // Calls of the peer: 0 chooses the repeats, 1 is round 0, 2 is round 1.
    const { contestants, options } = madeUpMachine({
      ours: { seconds: 1 },
      peer: { seconds: 2, share: (call) => call === 2 ? 0.84 : 0.86 },
    });
    const played = await playRounds(contestants, options(3));
    assert.equal(played.rounds.length, 3);
    assert.equal(played.numDiscarded, 1);
    assert.equal(played.isDisturbed, false);
  });

  it("reports the disturbed rounds, and says so, when no round was quiet", async () => {
    const { contestants, options } = madeUpMachine({ ours: { seconds: 1, share: () => 0.5 } });
    const played = await playRounds(contestants, options(2));
    // Two tries for each round that was wanted.
    assert.equal(played.rounds.length, 4);
    assert.equal(played.isDisturbed, true);
  });

  it("starts no round after its time, but always plays one", async () => {
    const { contestants, options } = madeUpMachine({ ours: { seconds: 5 } });
    assert.equal((await playRounds(contestants, options(100, 12))).rounds.length, 2);
    assert.equal((await playRounds(contestants, options(100, 1))).rounds.length, 1);
  });

  it("keeps what the last call of each did", async () => {
    const { contestants, options } = madeUpMachine({ ours: { seconds: 1 } });
    assert.deepEqual((await playRounds(contestants, options(2))).counts, { ours: { calls: 3 } });
  });
});
