// Step "evaluate" on a tiny task.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { encodeJsonLines } from "../../../src/base/json_lines.ts";
import { evaluatedTextSchema, storedRows } from "../../../src/data/stored_rows.ts";
import { evaluatePolicy } from "../../../src/irl/evaluate_policy.ts";
import { encodeModel } from "../../../src/model/checkpoint.ts";
import { initialParameters } from "../../../src/model/initial_parameters.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { DEMONSTRATIONS, stepFixture, tensorsLeftBy } from "../../support/step_fixture.ts";

describe("evaluatePolicy()", () => {
  const cpu = useCpuTier();

  it("measures the same policy as its reference at KL 0, and shows equal texts of both", async () => {
    const { ports, evaluatePolicy: command } = await stepFixture(cpu.tier);
    const { data } = await evaluatePolicy(command(), ports);
    assert.ok(Math.abs(data.policy.klToSft ?? NaN) < 1e-6);
    assert.equal(data.demonstrations, null);
    assert.equal(data.samples.length, 3);
    assert.deepEqual(Object.keys(data.reward ?? {}), ["margin"]);
    assert.equal(data.policy.slotErrorRate, undefined);
  });

  it("shows the first prompts and decodes each greedily once, however many samples a prompt has", async () => {
    const { ports, evaluatePolicy: command } = await stepFixture(cpu.tier);
    const once = command(), settings = { ...once.settings, samplesPerPrompt: 4 };
    const evaluated = async (data: { texts: string }) =>
      storedRows(await ports.artifacts.get(data.texts), evaluatedTextSchema);
    const { data } = await evaluatePolicy({ ...once, settings }, ports);
    const prompts = DEMONSTRATIONS.slice(0, 4).map(({ prompt }) => prompt);
    assert.deepEqual(data.samples.map(({ prompt }) => prompt), prompts.slice(0, 3));
    const greedy = (await evaluated(data)).filter(({ decoding }) => decoding === "greedy");
    const before = await evaluated((await evaluatePolicy(once, ports)).data);
    assert.deepEqual(greedy, before.filter(({ decoding }) => decoding === "greedy"));
    assert.equal(
      (await evaluated(data)).filter(({ decoding }) => decoding === "sampled").length,
      4 * prompts.length,
    );
  });

  it("is −log π per held-out token: for a policy with all logits equal, ln V", async () => {
    const { ports, evaluatePolicy: command, policyShape, tokenizer } = await stepFixture(cpu.tier);
    const uniform = initialParameters(policyShape, 0.3, "0".repeat(16));
    uniform.fill(0, 0, policyShape.vocabularySize * policyShape.hiddenSize);
    const policy = await ports.artifacts.put(encodeModel(policyShape, uniform));
    const { data } = await evaluatePolicy(command({ policy, iteration: 0, reward: null }), ports);
    assert.ok(Math.abs(data.policy.negativeLogLikelihood - Math.log(tokenizer.vocabularySize)) < 1e-5);
    assert.equal(data.reward, null);
    assert.equal(data.policy.klToSft, undefined);
    // Tokens of the held-out references, with their ends.
    const lengths = DEMONSTRATIONS.slice(0, 4).map(({ completion }) =>
      tokenizer.encode(completion).length + 1
    );
    assert.equal(data.demonstrations?.meanLength, lengths.reduce((a, b) => a + b) / 4);
  });

  it("compares labelled pairs by subset, where it is given any", async () => {
    const { ports, evaluatePolicy: command } = await stepFixture(cpu.tier);
    const [a, b] = DEMONSTRATIONS;
    const preferences = await ports.artifacts.put(encodeJsonLines([
      { prompt: a.prompt, chosen: a.completion, rejected: b.completion, subset: "x" },
      { prompt: a.prompt, chosen: b.completion, rejected: a.completion, subset: "x" },
      { prompt: a.prompt, chosen: a.completion, rejected: a.completion, subset: "y" },
    ]));
    const { data } = await evaluatePolicy(command({ preferences }), ports);
    // One of the first two is right, whichever; equal texts are never strictly better.
    assert.deepEqual(data.reward?.preferences?.all, 1 / 3);
    assert.deepEqual(data.reward?.preferences?.bySubset, {
      x: { accuracy: 0.5, longerWins: 0.5, pairs: 2 },
      y: { accuracy: 0, longerWins: 0.5, pairs: 1 },
    });
  });

  it("is repeatable and frees every tensor, also when it throws", async () => {
    const { ports, evaluatePolicy: command } = await stepFixture(cpu.tier);
    const first = await evaluatePolicy(command(), ports);
    assert.deepEqual((await evaluatePolicy(command({ attempt: 2 }), ports)).data, first.data);
    assert.equal((await tensorsLeftBy(() => evaluatePolicy(command(), ports))).left, 0);
    const reward = `sha256:${"0".repeat(64)}`;
    const { left, error } = await tensorsLeftBy(() => evaluatePolicy(command({ reward }), ports));
    assert.equal(left, 0);
    assert.ok(error instanceof Error);
  });
});
