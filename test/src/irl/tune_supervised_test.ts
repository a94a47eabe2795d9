// Step "sft": chunks, progress, failures, leaks.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { ConfigError, DamageError, NonFiniteError } from "../../../src/base/errors.ts";
import { readModel } from "../../../src/irl/run_artifacts.ts";
import { tokenSequences, tuneSupervised } from "../../../src/irl/tune_supervised.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { DEMONSTRATIONS, stepFixture, tensorsLeftBy } from "../../support/step_fixture.ts";

describe("tuneSupervised()", () => {
  const cpu = useCpuTier();

  it("ends with the same bytes in two chunks as in one", async () => {
    const { ports, tuneSupervised: command } = await stepFixture(cpu.tier);
    const whole = await tuneSupervised(command(), ports);
    const first = await tuneSupervised(command({ toStep: 3 }), ports);
    assert.equal(first.data.policy, null);
    const second = await tuneSupervised(command({ chunk: 1, fromStep: 3, state: first.data.state }), ports);
    assert.deepEqual([second.data.state, second.data.policy], [whole.data.state, whole.data.policy]);
    assert.equal(first.data.tokensTrained + second.data.tokensTrained, whole.data.tokensTrained);
    assert.ok(Math.abs((first.data.loss + second.data.loss) / 2 - whole.data.loss) < 1e-9);
  });

  it("lowers the loss and reports progress after every training step", async () => {
    const { ports, tuneSupervised: command, policyShape, config } = await stepFixture(cpu.tier);
    const settings = { ...config.supervised, learningRate: 0.02 };
    const { data } = await tuneSupervised(command({ settings, toStep: 20, numSteps: 20 }), ports);
    const losses = ports.progressed.map(({ metrics }) => metrics?.loss ?? NaN);
    assert.equal(losses.length, 20);
    assert.deepEqual(ports.progressed.at(-1)?.done, 20);
    assert.ok(losses.slice(-5).every((loss) => loss < 0.8 * losses[0]), losses.join(" "));
    assert.ok(data.policy !== null);
    assert.deepEqual((await readModel(ports, data.policy)).model, policyShape);
  });

  it("learns the same where layers are run again for their gradients", async () => {
    const { ports, tuneSupervised: command, config } = await stepFixture(cpu.tier);
    const { data: kept } = await tuneSupervised(command(), ports);
    const settings = { ...config.supervised, recomputeLayers: true };
    const { data: again } = await tuneSupervised(command({ settings }), ports);
    assert.ok(kept.policy !== null && again.policy !== null);
    const wanted = await readModel(ports, kept.policy), got = await readModel(ports, again.policy);
    got.flat.forEach((value, i) => assert.ok(Math.abs(value - wanted.flat[i]) < 1e-4, `parameter ${i}`));
    assert.ok(Math.abs(again.loss - kept.loss) < 1e-5);
  });

  it("depends on its key alone, not on run, attempt or chunk number", async () => {
    const { ports, tuneSupervised: command } = await stepFixture(cpu.tier);
    const { data: wanted } = await tuneSupervised(command(), ports);
    const again = await tuneSupervised(command({ run: "other", attempt: 3, id: "x" }), ports);
    assert.deepEqual(again.data, wanted);
    const other = await tuneSupervised(command({ key: "0123456789abcdef" }), ports);
    assert.notEqual(other.data.policy, wanted.policy);
  });

  it("stops with NonFiniteError at the first loss that is not finite", async () => {
    const { ports, policyShape, ...fixture } = await stepFixture(cpu.tier);
    const state = await fixture.brokenState(policyShape);
    await assert.rejects(
      tuneSupervised(fixture.tuneSupervised({ state }), ports),
      (error) =>
        error instanceof NonFiniteError &&
        /supervised step: the loss of training step 1 is NaN/.test(error.message),
    );
  });

  it("frees every tensor, also when it throws", async () => {
    const { ports, policyShape, ...fixture } = await stepFixture(cpu.tier);
    const left = (change: Parameters<typeof fixture.tuneSupervised>[0]) =>
      tensorsLeftBy(() => tuneSupervised(fixture.tuneSupervised(change), ports));
    assert.deepEqual(await left({}), { left: 0 });
    const broken = await left({ state: await fixture.brokenState(policyShape) });
    assert.deepEqual([broken.left, broken.error instanceof NonFiniteError], [0, true]);
    const missing = await left({ state: `sha256:${"0".repeat(64)}` });
    assert.deepEqual([missing.left, missing.error instanceof DamageError], [0, true]);
    const stopping = await tensorsLeftBy(() =>
      tuneSupervised(fixture.tuneSupervised(), {
        ...ports,
        progress: () => {
          throw new Error("stop");
        },
      })
    );
    assert.deepEqual([stopping.left, String(stopping.error)], [0, "Error: stop"]);
  });
});

describe("tokenSequences()", () => {
  const cpu = useCpuTier();

  it("ends every continuation with EOS and refuses one that does not fit, by its row", async () => {
    const { tokenizer } = await stepFixture(cpu.tier);
    const sequences = tokenSequences(DEMONSTRATIONS, tokenizer, 24);
    assert.ok(sequences.every(({ continuation }) => continuation.at(-1) === tokenizer.eosId));
    // Row 1: "red is what Ada likes." is 6 tokens, with 2 of the prompt and EOS 9.
    assert.throws(
      () => tokenSequences(DEMONSTRATIONS, tokenizer, 8),
      (error) =>
        error instanceof ConfigError && /demonstration 1 has 9 tokens, the context has 8/.test(error.message),
    );
  });
});
