// What functions of a state do on every tier: the cases of one `describe` block, on the tier that it opens.
import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../../../src/base/errors.ts";
import type { TensorSpec, TensorState, Tier } from "../../../src/compute/tier.ts";

const three: TensorSpec = { shape: [3], dtype: "float32" };
const count: TensorSpec = { shape: [], dtype: "int32" };

/** Values of one tensor of the state. */
async function valuesIn(state: TensorState, index: number): Promise<number[]> {
  const tensor = state.read(index), values = Array.from(await tensor.data());
  tensor.dispose();
  return values;
}

export function stateContract(opened: { readonly tier: Tier }, skip: string | false = false): void {
  it("changes the state, gives the other results and frees the rest", { skip }, async () => {
    const before = tf.memory().numTensors, { tier } = opened;
    const step = tier.compileWithState("step", (weights, number, x) => [
      tf.sub(weights, tf.mul(x, 0.5)),
      tf.add(number, tf.scalar(1, "int32")),
      tf.sum(tf.mul(weights, x)),
    ], { state: [three, count], args: [three] });
    const state = tier.openState([tf.tensor1d([1, 2, 3]), tf.scalar(0, "int32")]);
    const x = tf.tensor1d([2, 4, 6]);
    const open = tf.memory().numTensors, results: number[] = [];
    for (let i = 0; i < 3; i++) {
      const [sum] = step(state, x);
      results.push((await sum.data())[0]);
      sum.dispose();
    }
    // Σ w x of w = (1, 2, 3), (0, 0, 0), (−1, −2, −3).
    assert.deepEqual(results, [28, 0, -28]);
    assert.deepEqual(await valuesIn(state, 0), [-2, -4, -6]);
    assert.deepEqual(await valuesIn(state, 1), [3]);
    assert.equal(tf.memory().numTensors, open);
    state.dispose();
    x.dispose();
    assert.equal(tf.memory().numTensors, before);
  });

  it("swaps, hands through and takes an argument over, with nothing to return", { skip }, async () => {
    const { tier } = opened;
    const turn = tier.compileWithState("turn", (a, b, same, _, x) => [b, a, same, x], {
      state: [three, three, three, three],
      args: [three],
    });
    const state = tier.openState([1, 2, 3, 4].map((value) => tf.fill([3], value)));
    const x = tf.fill([3], 7);
    assert.deepEqual(turn(state, x), []);
    assert.deepEqual(await Promise.all([0, 1, 2, 3].map(async (i) => (await valuesIn(state, i))[0])), [
      2,
      1,
      3,
      7,
    ]);
    assert.deepEqual(turn(state, x), []);
    assert.deepEqual(await valuesIn(state, 0), [1, 1, 1]);
    assert.deepEqual(Array.from(await x.data()), [7, 7, 7]);
    x.dispose();
    state.dispose();
  });

  it("leaves what was read as it was, and what a result shares with the state", { skip }, async () => {
    const { tier } = opened;
    const step = tier.compileWithState("double", (a) => {
      const next = tf.mul(a, 2);
      return [next, next, a];
    }, { state: [three], args: [] });
    const state = tier.openState([tf.tensor1d([1, 2, 3])]);
    const held = state.read(0), [next, old] = step(state);
    tf.dispose(step(state));
    assert.deepEqual(Array.from(await held.data()), [1, 2, 3]);
    assert.deepEqual(Array.from(await old.data()), [1, 2, 3]);
    assert.deepEqual(Array.from(await next.data()), [2, 4, 6]);
    assert.deepEqual(await valuesIn(state, 0), [4, 8, 12]);
    tf.dispose([held, next, old]);
    state.dispose();
  });

  it("serves several states with one function, each on its own", { skip }, async () => {
    const { tier } = opened;
    const step = tier.compileWithState("add", (a, x) => [tf.add(a, x)], { state: [three], args: [three] });
    const states = [1, 5].map((value) => tier.openState([tf.fill([3], value)])), x = tf.ones([3]);
    for (const state of [states[0], states[1], states[0]]) step(state, x);
    assert.deepEqual(await valuesIn(states[0], 0), [3, 3, 3]);
    assert.deepEqual(await valuesIn(states[1], 0), [6, 6, 6]);
    x.dispose();
    for (const state of states) state.dispose();
  });

  it("takes its first values over: they are gone for the caller", { skip }, () => {
    const first = tf.zeros([3]), state = opened.tier.openState([first]);
    const held = state.read(0);
    assert.deepEqual(state.specs, [three]);
    held.dispose();
    state.dispose();
    assert.ok(first.isDisposed);
  });

  it("throws ShapeError for another state, before and after the call, and changes nothing", {
    skip,
  }, async () => {
    const { tier } = opened, before = tf.memory().numTensors;
    const specs = { state: [three, count], args: [] };
    const right = () => tier.openState([tf.zeros([3]), tf.scalar(0, "int32")]);
    const step = tier.compileWithState(
      "step",
      (a, n) => [tf.add(a, 1), tf.add(n, tf.scalar(1, "int32"))],
      specs,
    );
    const cases: [tf.Tensor[], RegExp][] = [
      [[tf.zeros([4]), tf.scalar(0, "int32")], /^step: state 0 must be float32 \[3\], got float32 \[4\]$/],
      [[tf.zeros([3])], /^step: state 1 must be int32 \[\], got nothing$/],
      [
        [tf.zeros([3]), tf.scalar(0, "int32"), tf.zeros([1])],
        /^step: state 2 must be nothing, got float32 \[1\]$/,
      ],
    ];
    for (const [initial, message] of cases) {
      const state = tier.openState(initial);
      assert.throws(() => step(state), (error) => error instanceof ShapeError && message.test(error.message));
      state.dispose();
    }
    const state = right(), x = tf.zeros([3]);
    assert.throws(() => step(state, x), /^ShapeError: step: takes 0 tensors, got 1$/);
    const wrong = tier.compileWithState("wrong", (a, n) => [tf.add(a, 1), tf.cast(n, "float32")], specs);
    assert.throws(() => wrong(state), /^ShapeError: wrong: state 1 must be int32 \[\], got float32 \[\]$/);
    const short = tier.compileWithState("short", (a) => [tf.add(a, 1)], specs);
    assert.throws(() => short(state), /^ShapeError: short: state 1 must be int32 \[\], got nothing$/);
    assert.deepEqual(await valuesIn(state, 0), [0, 0, 0]);
    x.dispose();
    state.dispose();
    const foreign: TensorState = { specs: specs.state, read: () => tf.zeros([3]), dispose: () => {} };
    assert.throws(() => step(foreign), /Give "step" a state of its own tier/);
    assert.equal(tf.memory().numTensors, before);
  });
}
