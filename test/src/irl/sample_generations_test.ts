// Step "generate": shards, keys, forbidden tokens, leaks.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { readGenerations } from "../../../src/irl/run_artifacts.ts";
import { forbiddenTokens, sampleGenerations } from "../../../src/irl/sample_generations.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { DEMONSTRATIONS, stepFixture, tensorsLeftBy } from "../../support/step_fixture.ts";

describe("sampleGenerations()", () => {
  const cpu = useCpuTier();

  it("answers every demonstration `negatives` times over all shards, each shard its own rows", async () => {
    const { ports, sampleGenerations: command, config } = await stepFixture(cpu.tier);
    const answered: number[] = [];
    for (const shard of [0, 1]) {
      const { data } = await sampleGenerations(command({ shard, key: `${shard}`.repeat(16) }), ports);
      const rows = await readGenerations(ports, data.generations);
      assert.ok(rows.every(({ demonstration }) => demonstration % 2 === shard));
      assert.equal(data.numGenerations, rows.length);
      assert.equal(data.tokensGenerated, rows.reduce((sum, { tokens }) => sum + tokens.length, 0));
      assert.equal(data.finishedShare, rows.filter(({ finished }) => finished).length / rows.length);
      answered.push(...rows.map(({ demonstration }) => demonstration));
    }
    const { negatives } = config.generation;
    const wanted = DEMONSTRATIONS.flatMap((_, row) => Array.from({ length: negatives }, () => row));
    assert.deepEqual(answered.sort((a, b) => a - b), wanted);
  });

  it("gives the same artifact for the same command, and another for another key", async () => {
    const { ports, sampleGenerations: command } = await stepFixture(cpu.tier);
    const { data } = await sampleGenerations(command(), ports);
    assert.deepEqual((await sampleGenerations(command({ attempt: 2 }), ports)).data, data);
    const other = await sampleGenerations(command({ key: "0".repeat(16) }), ports);
    assert.notEqual(other.data.generations, data.generations);
  });

  it("draws neither padding nor the unknown word, and stores the text beside its tokens", async () => {
    const { ports, sampleGenerations: command, tokenizer } = await stepFixture(cpu.tier);
    const { data } = await sampleGenerations(command(), ports);
    for (const { tokens, text, finished } of await readGenerations(ports, data.generations)) {
      assert.ok(!tokens.some((token) => forbiddenTokens(tokenizer).includes(token)));
      assert.equal(text, tokenizer.decode(tokens));
      assert.equal(finished, tokens.at(-1) === tokenizer.eosId);
    }
  });

  it("frees every tensor, also when it throws", async () => {
    const { ports, sampleGenerations: command } = await stepFixture(cpu.tier);
    assert.deepEqual(await tensorsLeftBy(() => sampleGenerations(command(), ports)), { left: 0 });
    const stopping = await tensorsLeftBy(() =>
      sampleGenerations(command(), {
        ...ports,
        progress: () => {
          throw new Error("stop");
        },
      })
    );
    assert.deepEqual([stopping.left, String(stopping.error)], [0, "Error: stop"]);
  });
});
