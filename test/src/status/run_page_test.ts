// The pages as text: what stands on them in each state of a run, and that foreign text stays text.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { runPage } from "../../../src/status/run_page.ts";
import type { RunRecord } from "../../../src/status/run_record.ts";
import { runsPage } from "../../../src/status/runs_page.ts";
import { fabricatedRun } from "../../support/fabricated_run.ts";

const records = fabricatedRun();

async function pageOf(seen: readonly RunRecord[]): Promise<string> {
  return String(
    await runPage("tiny-1", seen, { alone: false, hasWriter: true, resume: "deno task irl --resume tiny-1" }),
  );
}

/** Title of the marked node of the drawing. */
function currentNode(page: string): string | undefined {
  return /aria-current="step"[^>]*>\s*(?:<b>)?([^<]+?)\s*</.exec(page)?.[1];
}

function upTo(type: string, all: readonly RunRecord[] = records): readonly RunRecord[] {
  return all.slice(0, all.findIndex((record) => record.type === type) + 1);
}

describe("runPage()", () => {
  it("marks the current state in the drawing", async () => {
    assert.equal(currentNode(await pageOf(records.slice(0, 1))), undefined);
    assert.equal(currentNode(await pageOf(upTo("DemonstrationsLoaded"))), "Fine-tune");
    assert.equal(currentNode(await pageOf(upTo("IterationCompleted"))), "Generate");
    assert.equal(currentNode(await pageOf(upTo("RewardLearned"))), "Learn reward");
    assert.equal(currentNode(await pageOf(upTo("PolicyOptimised"))), "Optimise policy");
    assert.equal(currentNode(await pageOf(records)), "Done");
  });

  it("has every section at every event", async () => {
    for (let i = 1; i <= records.length; i++) {
      const page = await pageOf(records.slice(0, i));
      const ids = [...page.matchAll(/<section[^>]* id="([^"]+)"|<section id="([^"]+)"/g)].map(([, a, b]) =>
        a ?? b
      );
      assert.deepEqual(ids, ["head", "machine", "table", "curves", "over-optimisation", "samples", "events"]);
      assert.doesNotMatch(page, /undefined|NaN|\[object/);
    }
  });

  it("waits for a run that has recorded nothing", async () => {
    assert.match(await pageOf([]), /Nothing is recorded yet/);
  });

  it("shows the table, the samples side by side and the curves as data", async () => {
    const page = await pageOf(records);
    assert.match(page, /<th scope="row">iteration 2<\/th>/);
    assert.match(page, /Dogs are welcome\.[^]*leave your dog at home/);
    const plots = [...page.matchAll(/data-plot="([^"]+)"/g)].map(([, data]) =>
      JSON.parse(data.replaceAll("&quot;", '"'))
    );
    assert.deepEqual(plots.map(({ id }) => id), [
      "margin",
      "kl",
      "slot-error",
      "rollouts",
      "rollout-kl",
      "reward-loss",
      "over-optimisation",
    ]);
  });

  it("shows foreign text as text", async () => {
    const evil = `<img src=x onerror=alert(1)>"'</script>`;
    const changed = records.map((record) =>
      record.type === "PolicyEvaluated"
        ? { ...record, data: { ...record.data, samples: [{ prompt: evil, sft: evil, policy: evil }] } }
        : record
    );
    const failed = fabricatedRun({
      incidents: [{ kind: "run-failure", iteration: 1, command: "LearnReward", resumed: false }],
    });
    const last = failed[failed.length - 1];
    for (
      const page of [
        await pageOf(changed),
        await pageOf([...failed.slice(0, -1), { ...last, data: { ...last.data, message: evil } }]),
      ]
    ) {
      assert.doesNotMatch(page, /<img|<\/script>/);
      assert.match(page, /&lt;img src=x onerror=alert\(1\)&gt;/);
    }
  });

  it("tells how a paused or failed run goes on", async () => {
    for (const kind of ["pause", "run-failure"] as const) {
      const stopped = fabricatedRun({
        incidents: [{ kind, iteration: 1, command: "OptimisePolicy", resumed: false }],
      });
      const page = await pageOf(stopped);
      assert.match(page, /<code>deno task irl --resume tiny-1<\/code>/);
      assert.equal(currentNode(page), "Optimise policy");
      assert.match(page, /stopped/);
    }
  });

  it("tells of a failed attempt while it is tried again", async () => {
    const retried = fabricatedRun({ incidents: [{ kind: "failure", iteration: 1, command: "LearnReward" }] });
    assert.match(
      await pageOf(upTo("StepRetried", retried)),
      /Attempt 1 of 3 failed: Actor reward-learner exited/,
    );
  });

  it("gives each event its record and the command that replays up to it", async () => {
    const page = await pageOf(records);
    assert.match(page, /data-copy="deno task replay tiny-1 --until 9 --print"/);
    assert.match(page, new RegExp(`&quot;hash&quot;: &quot;${records[8].hash}&quot;`));
  });

  it("has no loop for a run without iterations", async () => {
    const page = await pageOf(fabricatedRun({ config: { iterations: 0 } }));
    assert.doesNotMatch(page, /while k/);
    assert.equal(currentNode(page), "Done");
  });
});

describe("runPage() of a run that nobody writes", () => {
  const abandoned = async (seen: readonly RunRecord[]) =>
    String(
      await runPage("tiny-1", seen, {
        alone: false,
        hasWriter: false,
        resume: "deno task irl --resume tiny-1",
      }),
    );

  it("says that it stands still in the middle of its work, and how to go on", async () => {
    const page = await abandoned(upTo("DemonstrationsLoaded"));
    assert.match(page, /class="pill" data-state="stopped">stopped</);
    assert.match(page, /Stopped: no process works on it[^]*deno task irl --resume tiny-1</);
    assert.doesNotMatch(await pageOf(upTo("DemonstrationsLoaded")), /stopped|--resume/i);
  });

  it("says so of no run that is at its end", async () => {
    assert.doesNotMatch(await abandoned(records), /stopped|--resume/i);
  });
});

describe("runsPage()", () => {
  it("says how to start when there is no run", async () => {
    assert.match(String(await runsPage([])), /deno task irl/);
  });

  it("links every run and marks those that cannot be read", async () => {
    const page = String(
      await runsPage([
        { run: "new", events: 0, state: "idle" },
        { run: "old", state: "unreadable", problem: "The log is damaged" },
      ]),
    );
    assert.match(page, /href="\/runs\/new"/);
    assert.match(page, /data-state="unreadable"[^]*The log is damaged/);
  });
});
