// What both sides must agree on: made-up parameters and tokens.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { benchParameters, benchShape, madeUpTokens } from "../../../scripts/bench/bench_models.ts";
import { BENCH_WORKS } from "../../../scripts/bench/bench_works.ts";
import { numParameters, parameterLayout } from "../../../src/model/model_shape.ts";

const size = { layers: 2, hidden: 64, heads: 2, vocabulary: 256, positions: 64 };

describe("benchParameters()", () => {
  const model = benchShape(size, "policy"), flat = benchParameters(model);

  it("draws weights of deviation 0.02 around 0, the same every time", () => {
    const { offset, size } = parameterLayout(model)[0], weights = flat.subarray(offset, offset + size);
    const mean = weights.reduce((a, b) => a + b, 0) / size;
    const deviation = Math.sqrt(weights.reduce((a, b) => a + (b - mean) ** 2, 0) / size);
    assert.ok(Math.abs(mean) < 1e-3 && Math.abs(deviation - 0.02) < 1e-3);
    assert.deepEqual(benchParameters(model), flat);
  });

  it("gives both heads the same body", () => {
    const reward = benchShape(size, "reward"), other = benchParameters(reward);
    const { offset, size: length } = parameterLayout(model)[0];
    assert.deepEqual(other.subarray(offset, offset + length), flat.subarray(offset, offset + length));
  });
});

describe("madeUpTokens()", () => {
  it("stays in the vocabulary and away from the special tokens", () => {
    const tokens = madeUpTokens(50, 40, { vocabulary: 37, seed: 3 }).flat();
    assert.equal(tokens.length, 2000);
    assert.ok(tokens.every((token) => token >= 2 && token < 37));
    // 2 + (1 · 7919 + 2 · 104729 + 3 · 611953) mod 35
    assert.equal(madeUpTokens(2, 3, { vocabulary: 37, seed: 3 })[1][2], 2 + 2_053_236 % 35);
  });
});

describe("the works", () => {
  it("have the sizes that their names say", () => {
    const parameters = (name: string) => {
      const spec = BENCH_WORKS.find((work) => work.name === name)?.spec;
      assert.ok(spec !== undefined && spec.kind === "training");
      return numParameters(benchShape(spec.model, "policy"));
    };
    // Pythia-14m has 14,067,712 parameters; both embeddings count.
    assert.equal(parameters("train-14m"), 14_067_712);
    assert.equal(parameters("train-70m"), 70_426_624);
    assert.ok(Math.abs(parameters("train-512") - 9e6) < 1e5);
    assert.ok(Math.abs(parameters("train-0.5m") - 0.53e6) < 1e4);
  });
});
