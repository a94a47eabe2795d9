// A transformer's cost by hand.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { TILED_FROM_FUSED } from "../../../src/model/causal_attention.ts";
import {
  cachedNumbers,
  forwardOperations,
  keptActivations,
  multipliedParameters,
  passingActivations,
  tileScores,
  trainingOperations,
} from "../../../src/model/model_cost.ts";
import { type ModelShape, numParameters } from "../../../src/model/model_shape.ts";
import { TINY_SHAPE } from "../../support/tiny_model.ts";

// Width 16 in two heads of 8, feed-forward 20, vocabulary 9, two layers.
const neoX: ModelShape = TINY_SHAPE;
const llama: ModelShape = {
  ...TINY_SHAPE,
  architecture: "llama",
  numKeyValueHeads: 1,
  tiedEmbeddings: false,
};

describe("keptActivations()", () => {
  it("counts what each layer keeps a token: by hand", () => {
    // 3·16 norms + 48 joined + 32 rotated + 32 read + 2·4 shares + 3·20; two layers and 2·16 outside.
    const layer = 48 + 48 + 32 + 32 + 8 + 60;
    assert.equal(keptActivations(neoX, { rows: 3, time: 4 }), 3 * 4 * (2 * layer + 32));
    // 4·16 norms + (16 + 2·8) + (16 + 8) + 32 + 2·4 + 4·20.
    const other = 64 + 32 + 24 + 32 + 8 + 80;
    assert.equal(keptActivations(llama, { rows: 1, time: 4 }), 4 * (2 * other + 32));
  });

  it("counts inputs of layers and one layer where they are computed again: by hand", () => {
    const layer = 48 + 48 + 32 + 32 + 8 + 60;
    const again = keptActivations(neoX, { rows: 3, time: 4, recompute: true });
    assert.equal(again, 3 * 4 * (2 * 16 + layer + 32));
  });

  it("grows with the square of the length below the tiles alone", () => {
    const perToken = (time: number) => keptActivations(neoX, { rows: 1, time }) / time;
    assert.ok(perToken(200) > perToken(100));
    assert.equal(perToken(1024), perToken(512));
    const wasm = keptActivations(neoX, { rows: 1, time: 512, tiledFrom: TILED_FROM_FUSED });
    assert.equal(wasm, 512 * (perToken(512) + 2 * 2 * (512 - 1)));
  });
});

describe("passingActivations()", () => {
  it("is one layer's", () => {
    const one = { ...neoX, numLayers: 1 };
    assert.equal(passingActivations(neoX, { rows: 2, time: 8 }), keptActivations(one, { rows: 2, time: 8 }));
  });
});

describe("tileScores()", () => {
  it("is one block of queries by all keys, for each head: by hand", () => {
    assert.equal(tileScores(neoX, { rows: 3, time: 255 }), 0);
    assert.equal(tileScores(neoX, { rows: 3, time: 256 }), 3 * 2 * 256 * 128);
    assert.equal(tileScores(neoX, { rows: 3, time: 1024 }), 3 * 2 * 1024 * 256);
  });

  it("keeps to the smaller block where the larger one's scores would be many", () => {
    const many = 2 ** 24 / (2 * 1024 * 256);
    assert.equal(tileScores(neoX, { rows: many, time: 1024 }), many * 2 * 1024 * 256);
    assert.equal(tileScores(neoX, { rows: many + 1, time: 1024 }), (many + 1) * 2 * 1024 * 128);
  });
});

describe("cachedNumbers()", () => {
  it("is two a layer, token and feature of the keys: by hand", () => {
    assert.equal(cachedNumbers(neoX, { rows: 3, time: 5 }), 3 * 5 * 2 * 2 * 16);
    assert.equal(cachedNumbers(llama, { rows: 3, time: 5 }), 3 * 5 * 2 * 2 * 8);
  });
});

describe("forwardOperations()", () => {
  it("is 2 a multiplied parameter and 4 a seen token and feature: by hand", () => {
    assert.equal(multipliedParameters(neoX), numParameters(neoX));
    assert.equal(multipliedParameters(llama), numParameters(llama) - 9 * 16);
    const reward: ModelShape = { ...neoX, head: "reward" };
    assert.equal(multipliedParameters(reward), numParameters(reward) - 9 * 16);
    assert.equal(forwardOperations(neoX, 10), 2 * numParameters(neoX) + 4 * 10 * 16 * 2);
    assert.equal(trainingOperations(neoX, 10), 3 * forwardOperations(neoX, 10));
    assert.equal(trainingOperations(neoX, 10, { recompute: true }), 4 * forwardOperations(neoX, 10));
  });
});
