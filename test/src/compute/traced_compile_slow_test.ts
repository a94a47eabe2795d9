// compile() where it traces: one XLA program of a function, its refusals, its loop, and what it frees.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { NodeJSKernelBackend } from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
import { ShapeError } from "../../../src/base/errors.ts";
import { compileEagerly } from "../../../src/compute/compile.ts";
import { compileOnce } from "../../../src/compute/compile_once.ts";
import type { TensorFunction, TensorSpec } from "../../../src/compute/tier.ts";
import { adamWStep } from "../../../src/math/adamw.ts";
import { policyLogProbabilities } from "../../../src/model/policy_model.ts";
import { stateContract } from "./state_contract.ts";
import { nativeSkip, useNativeTier } from "../../support/native_tier.ts";
import { PAD, TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";

const skip = nativeSkip, three: TensorSpec = { shape: [3], dtype: "float32" };

/** What is alive: tensors of tfjs, their buffers, and handles of libtensorflow. */
function alive(): number[] {
  const backend = tf.backend();
  assert.ok(backend instanceof NodeJSKernelBackend);
  return [tf.memory().numTensors, backend.numDataIds(), backend.binding.getNumOfTensors()];
}

/** A tensor that libtensorflow has already. */
function uploaded(values: number[] | Float32Array): tf.Tensor {
  const given = tf.tensor1d(values), own = tf.add(given, 0);
  given.dispose();
  return own;
}

async function valuesOf(tensors: tf.Tensor[]): Promise<number[][]> {
  const values = await Promise.all(tensors.map(async (tensor) => Array.from(await tensor.data())));
  tf.dispose(tensors);
  return values;
}

/** Names of the operations that libtensorflow runs while `body` does. */
async function operationsDuring(body: () => void | Promise<void>): Promise<string[]> {
  const backend = tf.backend();
  assert.ok(backend instanceof NodeJSKernelBackend);
  const { binding } = backend, execute = binding.executeOp, names: string[] = [];
  binding.executeOp = (name, ...rest) => {
    names.push(name);
    return execute(name, ...rest);
  };
  try {
    await body();
  } finally {
    binding.executeOp = execute;
  }
  return names;
}

describe(`compile() of variant "xla"${skip ? ` (skipped: ${skip})` : ""}`, () => {
  const native = useNativeTier();

  it("describes itself, and offers a loop", { skip }, () => {
    assert.equal(native.tier.variant, "xla");
    assert.ok(native.tier.traced);
  });

  it(
    "gives the same bits later, beside other calls, and takes arguments that are gone meanwhile",
    { skip },
    async () => {
      const run = native.tier.compile("beside", (x, y) => [tf.matMul(x, y), tf.softmax(tf.matMul(y, x))], [
        { shape: [64, 64], dtype: "float32" },
        { shape: [64, 64], dtype: "float32" },
      ]);
      const x = tf.tidy(() =>
        tf.reshape(uploaded(Float32Array.from({ length: 4096 }, (_, i) => Math.sin(i))), [64, 64])
      );
      const wanted = await valuesOf(run(x, x)), handles = alive()[2];
      const results = await Promise.all(Array.from({ length: 20 }, () => {
        const own = tf.add(x, 0), given = run.later(own, x);
        own.dispose();
        return given;
      }));
      for (const result of results) assert.deepEqual(await valuesOf(result), wanted);
      assert.equal(alive()[2], handles);
      await assert.rejects(run.later(x), ShapeError);
      x.dispose();
    },
  );

  it("runs the function once, and from then on one operation a call", { skip }, async () => {
    let runs = 0;
    const run = native.tier.compile("runs", (x) => {
      runs++;
      return [tf.exp(tf.add(tf.mul(x, 2), 1))];
    }, [three]);
    const x = uploaded([0, 1, -0.5]);
    assert.deepEqual(await valuesOf(run(x)), [[Math.E, Math.E ** 3, 1].map(Math.fround)]);
    const names = await operationsDuring(async () => {
      await valuesOf(run(x));
      await valuesOf(run(x));
    });
    assert.equal(runs, 1);
    assert.equal(names.length, 2);
    x.dispose();
  });

  it(
    "shares the program of functions that trace alike, and keeps different ones apart",
    { skip },
    async () => {
      const scaled = (scale: number): TensorFunction => (x) => [tf.mul(x, tf.scalar(scale))];
      const x = uploaded([1, 2, 3]), used = new Map<number, string[]>();
      for (const [key, scale] of [[0, 2], [1, 2], [2, 3]]) {
        const run = native.tier.compile("scaled", scaled(scale), [three]);
        assert.deepEqual(await valuesOf(run(x)), [[scale, 2 * scale, 3 * scale]]);
        used.set(key, await operationsDuring(() => tf.dispose(run(x))));
      }
      assert.deepEqual(used.get(1), used.get(0));
      assert.notDeepEqual(used.get(2), used.get(0));
      x.dispose();
    },
  );

  it("throws ShapeError on every call with other arguments, before and after the first", { skip }, () => {
    const run = native.tier.compile("pick", (x) => [tf.neg(x)], [three]);
    const right = uploaded([1, 2, 3]), wrong = [tf.zeros([4]), tf.zeros([3, 1]), tf.zeros([3], "int32")];
    const refuses = (args: tf.Tensor[]) =>
      assert.throws(
        () => run(...args),
        (error) =>
          error instanceof ShapeError && /^pick: (argument 0 must be|takes 1 tensors)/.test(error.message),
      );
    for (let round = 0; round < 2; round++) {
      for (const tensor of wrong) refuses([tensor]);
      refuses([]);
      refuses([right, right]);
      tf.dispose(run(right));
    }
    tf.dispose([right, ...wrong]);
  });

  it("names the operation that cannot be traced, and why", { skip }, () => {
    const large = uploaded(new Float32Array(20_000));
    const cases: [TensorFunction, RegExp][] = [
      [(x) => [tf.unique(x).values], /operation "UniqueV2" out of "odd", .* depends on values$/],
      [
        (x) => {
          const y = tf.mul(x, 2);
          return [tf.mul(x, y.dataSync()[0])];
        },
        /^Error: Read no numbers inside "odd", .*after operation "Mul"\)$/,
      ],
      [
        (x) => [tf.multinomial(tf.reshape<tf.Rank.R2>(x, [1, 3]), 2)],
        /"Multinomial" out of "odd", .* random numbers/,
      ],
      [
        (x) => [tf.mul(tf.sum(large), x)],
        /"Sum" out of "odd", .* a tensor \[20000\] from outside; make that/,
      ],
      [(x) => [tf.add(x, tf.reshape(tf.tile(x, [2]), [2, 3])), tf.reshape(x, [7])], /reshape|Reshape/i],
      [
        (x) => [tf.dilation2d(tf.reshape<tf.Rank.R3>(x, [1, 1, 3]), tf.ones([1, 1, 3]), 1, "same")],
        /^Error: Leave operation "Dilation2D" out of "odd", .*: XLA has no such operation$/,
      ],
      [() => [], /Return a tensor from "odd"/],
    ];
    const x = uploaded([1, 2, 3]), before = alive();
    for (const [fn, message] of cases) {
      const run = native.tier.compile("odd", fn, [three]);
      // A second call fails alike: nothing is run another way instead.
      assert.throws(() => run(x), message);
      assert.throws(() => run(x), message);
      assert.deepEqual(alive(), before, "nothing is left of a trace that threw");
    }
    tf.dispose([x, large]);
  });

  it("fixes a small tensor from outside, and lives on when that is disposed", { skip }, async () => {
    const outside = uploaded([10]), x = uploaded([1, 2, 3]);
    const run = native.tier.compile("outside", (y) => [tf.add(y, outside)], [three]);
    tf.dispose(run(x));
    outside.dispose();
    assert.deepEqual(await valuesOf(run(x)), [[11, 12, 13]]);
    x.dispose();
  });

  it("gives results that are neither arguments nor each other, and frees the rest", { skip }, async () => {
    const x = uploaded([1, 2, 3]), before = alive();
    const run = native.tier.compile("same", (y) => [y, y, tf.add(y, 1)], [three]);
    const results = run(x);
    assert.deepEqual(alive(), before.map((count) => count + 3));
    x.dispose();
    assert.deepEqual(await valuesOf(results), [[1, 2, 3], [1, 2, 3], [2, 3, 4]]);
  });

  it("makes a compiled function that another one calls a part of that", { skip }, async () => {
    const inner = native.tier.compile("inner", (x) => [tf.mul(x, 3)], [three]);
    const outer = native.tier.compile("outer", (x) => [tf.add(inner(x)[0], 1)], [three]);
    const x = uploaded([1, 2, 3]);
    assert.deepEqual(await valuesOf(outer(x)), [[4, 7, 10]]);
    x.dispose();
  });

  it("goes on when more programs were made than are kept", { skip }, async () => {
    const x = uploaded([1, 2, 3]);
    const first = native.tier.compile("first", (y) => [tf.mul(y, 5)], [three]);
    tf.dispose(first(x));
    for (let i = 0; i < 100; i++) {
      tf.dispose(native.tier.compile(`other ${i}`, (y) => [tf.sub(y, i)], [three])(x));
    }
    assert.deepEqual(await valuesOf(first(x)), [[5, 10, 15]]);
    x.dispose();
  });

  it("trains as without compilation: losses within 1e-5, parameters within 1e-4 after 5 steps", {
    skip,
  }, async () => {
    const model = { ...TINY_SHAPE, numLayers: 1 }, first = tinyParameters(model), size = first.length;
    const vector: TensorSpec = { shape: [size], dtype: "float32" };
    const step: TensorFunction = (parameters, firstMoment, secondMoment, tokens, labels) => {
      const options = { tokens, labels, temperature: 0.7, forbidden: [PAD] };
      const { value, grad } = tf.valueAndGrad((flat: tf.Tensor) =>
        tf.neg(tf.mean(policyLogProbabilities(model, flat, options)))
      )(parameters);
      const next = adamWStep({ parameters, firstMoment, secondMoment }, grad, {
        learningRate: tf.scalar(1e-2),
        correction1: tf.scalar(0.1),
        correction2: tf.scalar(0.05),
      }, { beta1: 0.9, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.1, gradientNorm: 1 });
      return [next.parameters, next.firstMoment, next.secondMoment, value, grad];
    };
    const specs: TensorSpec[] = [
      vector,
      vector,
      vector,
      ...[0, 1].map((): TensorSpec => ({
        shape: [3, 8],
        dtype: "int32",
      })),
    ];
    const batch = [3, 4].map((start) =>
      tf.tensor2d(Int32Array.from({ length: 24 }, (_, i) => (i * 5 + start) % 6 + 3), [3, 8], "int32")
    );
    const train = async (compile: typeof compileEagerly) => {
      const run = compile("step", step, specs), losses: number[] = [];
      let state: tf.Tensor[] = [tf.tensor1d(first), tf.zeros([size]), tf.zeros([size])];
      let gradient: number[] = [];
      for (let i = 0; i < 5; i++) {
        const [parameters, firstMoment, secondMoment, value, grad] = run(...state, ...batch);
        tf.dispose(state);
        state = [parameters, firstMoment, secondMoment];
        const [[loss], numbers] = await valuesOf([value, grad]);
        losses.push(loss);
        if (i === 0) gradient = numbers;
      }
      return { losses, gradient, parameters: (await valuesOf(state))[0] };
    };
    const wanted = await train(compileEagerly), got = await train(native.tier.compile);
    wanted.losses.forEach((loss, i) => assert.ok(Math.abs(got.losses[i] - loss) <= 1e-5));
    const scale = Math.max(...wanted.gradient.map(Math.abs));
    wanted.gradient.forEach((value, i) => assert.ok(Math.abs(got.gradient[i] - value) <= 1e-5 * scale));
    wanted.parameters.forEach((value, i) => assert.ok(Math.abs(got.parameters[i] - value) <= 1e-4));
    assert.ok(wanted.losses[4] < wanted.losses[0]);
    tf.dispose(batch);
  });
});

describe(`loop() and writeSlice()${skip ? ` (skipped: ${skip})` : ""}`, () => {
  const native = useNativeTier();
  const whole = (value: number) => tf.scalar(value, "int32");
  const traced = () => {
    const { traced } = native.tier;
    assert.ok(traced);
    return traced;
  };
  const run = async (fn: TensorFunction, x: number[]) => {
    const argument = uploaded(x), { tier } = native;
    try {
      return await valuesOf(tier.compile("looped", fn, [{ shape: [x.length], dtype: "float32" }])(argument));
    } finally {
      argument.dispose();
    }
  };

  it("repeat the body while the condition holds, by the numbers at run time", { skip }, async () => {
    // Doubles until the sum is above 100: 6 → 12 → … → 192, five times.
    const doubled: TensorFunction = (x) =>
      traced().loop(
        (_, y) => tf.lessEqual(tf.sum(y), 100),
        (count, y) => [tf.add(count, whole(1)), tf.mul(y, 2)],
        [whole(0), x],
      );
    assert.deepEqual(await run(doubled, [1, 2, 3]), [[5], [32, 64, 96]]);
    assert.deepEqual(await run(doubled, [50, 50, 50]), [[0], [50, 50, 50]]);
  });

  it("write where a number of the run says", { skip }, async () => {
    const written = await run(
      (x) =>
        traced().loop(
          (step) => tf.less(step, whole(3)),
          (step, rows) => [
            tf.add(step, whole(1)),
            traced().writeSlice(rows, tf.fill([1, 2], 7), [step, whole(0)]),
          ],
          [whole(1), tf.reshape(x, [4, 2])],
        ),
      [0, 0, 1, 1, 2, 2, 3, 3],
    );
    assert.deepEqual(written, [[3], [0, 0, 7, 7, 7, 7, 3, 3]]);
  });

  it(
    "say what is wrong: other state, tensors from outside, no compiled function around",
    { skip },
    async () => {
      const repeat = (body: TensorFunction): TensorFunction => (x) =>
        traced().loop((step) => tf.less(step, whole(3)), body, [whole(0), x]);
      const before = alive();
      await assert.rejects(
        run(repeat((step, x) => [tf.add(step, whole(1)), tf.sum(x)]), [1, 2]),
        (error) =>
          error instanceof ShapeError &&
          /must give float32 \[2\] as state 1, got float32 \[\]/.test(error.message),
      );
      await assert.rejects(run(repeat((step) => [tf.add(step, whole(1))]), [1, 2]), ShapeError);
      await assert.rejects(
        run((x) => repeat((step, y) => [tf.add(step, whole(1)), tf.mul(x, y)])(x), [1, 2]),
        /"Mul" out of "body".*make it part of the loop's state/,
      );
      const argument = uploaded([1]);
      assert.throws(
        () => traced().loop((x) => tf.less(x, 1), (x) => [x], [argument]),
        /inside a compiled function/,
      );
      assert.throws(() => traced().writeSlice(argument, argument, []), /inside a compiled function/);
      argument.dispose();
      assert.deepEqual(alive(), before);
    },
  );
});

describe(`compileWithState() of variant "xla"${skip ? ` (skipped: ${skip})` : ""}`, () => {
  const native = useNativeTier();
  stateContract(native, skip);

  it("traces once, changes the variables in one operation, and leaves no handle", { skip }, async () => {
    let runs = 0;
    const before = alive();
    const step = native.tier.compileWithState("once", (a, x) => {
      runs++;
      return [tf.add(a, x), tf.sum(a)];
    }, { state: [three], args: [three] });
    const state = native.tier.openState([uploaded([1, 2, 3])]), x = uploaded([1, 1, 1]);
    tf.dispose(step(state, x));
    const names = await operationsDuring(() => {
      for (let i = 0; i < 3; i++) tf.dispose(step(state, x));
    });
    assert.deepEqual([runs, names.length, new Set(names).size], [1, 3, 1]);
    state.dispose();
    x.dispose();
    assert.deepEqual(alive(), before);
  });

  it("refuses to be part of another compiled function, and to do nothing", { skip }, () => {
    const { tier } = native, state = tier.openState([uploaded([1, 2, 3])]), x = uploaded([1, 1, 1]);
    const specs = { state: [three], args: [] };
    const inner = tier.compileWithState("inner", (a) => [tf.add(a, 1)], specs);
    const outer = tier.compile("outer", (y) => [y, ...inner(state)], [three]);
    assert.throws(() => outer(x), /Call "inner" outside of compiled functions: it changes a state/);
    const idle = tier.compileWithState("idle", (a) => [a], specs);
    assert.throws(() => idle(state), /Return a tensor from "idle"/);
    state.dispose();
    x.dispose();
  });
});

describe("compileOnce()", () => {
  it("uses the function of the first call again for equal settings, on each compiler its own", () => {
    const compiled: string[] = [];
    const compiler = () => ({
      compile: (name: string, fn: TensorFunction, specs: readonly TensorSpec[]) => {
        compiled.push(`${name} ${specs.map(({ shape }) => shape.join("x"))}`);
        return compileEagerly(name, fn, specs);
      },
    });
    const one = compiler(), other = compiler(), x = tf.zeros([2]), longer = tf.zeros([3]);
    const call = (tier: typeof one, settings: unknown, tensor: tf.Tensor) =>
      compileOnce(tier, (y) => [y], { name: "f", settings })(tensor);
    call(one, { size: 1 }, x);
    call(one, { size: 1 }, x);
    assert.deepEqual(compiled, ["f 2"]);
    call(one, { size: 1 }, longer);
    call(one, { size: 2 }, x);
    call(other, { size: 1 }, x);
    assert.deepEqual(compiled, ["f 2", "f 3", "f 2", "f 2"]);
    tf.dispose([x, longer]);
  });
});
