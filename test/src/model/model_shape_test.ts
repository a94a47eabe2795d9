// The layout of parameters under Hugging Face names, and how long a text may be.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import {
  checkContext,
  contextLimit,
  type ModelShape,
  numParameters,
  parameterLayout,
} from "../../../src/model/model_shape.ts";
import { TINY_SHAPE } from "../../support/tiny_model.ts";

const LLAMA: ModelShape = {
  ...TINY_SHAPE,
  architecture: "llama",
  numHeads: 4,
  numKeyValueHeads: 2,
  tiedEmbeddings: false,
};
const names = (model: ModelShape) => parameterLayout(model).map(({ name }) => name);

describe("parameterLayout()", () => {
  it("names Llama's tensors as Hugging Face does, with fewer rows for keys and values", () => {
    const shapes = new Map(parameterLayout(LLAMA).map(({ name, shape }) => [name, shape]));
    // Hidden 16, 4 heads of 8 features, 2 of them for keys and values.
    assert.deepEqual(shapes.get("model.layers.1.self_attn.q_proj.weight"), [32, 16]);
    assert.deepEqual(shapes.get("model.layers.1.self_attn.k_proj.weight"), [16, 16]);
    assert.deepEqual(shapes.get("model.layers.1.self_attn.o_proj.weight"), [16, 32]);
    assert.deepEqual(shapes.get("model.layers.0.mlp.down_proj.weight"), [16, 20]);
    assert.deepEqual(shapes.get("lm_head.weight"), [9, 16]);
    assert.equal(names({ ...LLAMA, tiedEmbeddings: true }).includes("lm_head.weight"), false);
  });

  it("has the body in the same order for policy and reward, and the head last", () => {
    for (const model of [TINY_SHAPE, { ...TINY_SHAPE, tiedEmbeddings: false }, LLAMA]) {
      const reward = names({ ...model, head: "reward" }), policy = names(model);
      assert.equal(reward.at(-1), "score.weight");
      assert.deepEqual(reward.slice(0, -1), policy.slice(0, reward.length - 1));
      assert.deepEqual(
        policy.slice(reward.length - 1),
        model.tiedEmbeddings ? [] : [model === LLAMA ? "lm_head.weight" : "embed_out.weight"],
      );
    }
  });

  it("leaves no gap between tensors", () => {
    let end = 0;
    for (const { offset, size } of parameterLayout(LLAMA)) {
      assert.equal(offset, end);
      end += size;
    }
    assert.equal(numParameters(LLAMA), end);
  });
});

describe("contextLimit() and checkContext()", () => {
  it("are the positions, or the sliding window where that is smaller", () => {
    assert.equal(contextLimit(TINY_SHAPE), 32);
    assert.equal(contextLimit({ ...TINY_SHAPE, slidingWindow: 20 }), 20);
    assert.equal(contextLimit({ ...TINY_SHAPE, slidingWindow: 4096 }), 32);
  });

  it("name the text, its length and the limit that it exceeds", () => {
    checkContext({ ...TINY_SHAPE, slidingWindow: 20 }, 20, "row 3");
    assert.throws(
      () => checkContext({ ...TINY_SHAPE, slidingWindow: 20 }, 21, "row 3"),
      /Shorten the text to 20 tokens: row 3 has 21, the model sees 20 of them at a time \(its sliding window\)/,
    );
    assert.throws(() => checkContext(TINY_SHAPE, 33, "row 3"), /row 3 has 33, the model has 32 positions/);
  });
});
