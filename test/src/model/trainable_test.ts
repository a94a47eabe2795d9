// What a training changes, and PEFT's training of an adapter on the tier "cpu".
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed } from "../../../src/base/random.ts";
import { initialAdapter } from "../../../src/model/lora.ts";
import { numParameters } from "../../../src/model/model_shape.ts";
import { loraAdapter, wholeModel } from "../../../src/model/trainable.ts";
import { itTrainsAdaptersAsPeft } from "../../support/adapter_training.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";

describe("trainable", () => {
  const opened = useCpuTier();

  it("wholeModel() trains the network's own vector", () => {
    const { size, constants, network } = wholeModel(TINY_SHAPE);
    assert.deepEqual([size, constants], [numParameters(TINY_SHAPE), []]);
    tf.tidy(() => {
      const flat = tf.tensor1d([1, 2]);
      assert.equal(network(flat), flat);
    });
  });

  it("loraAdapter() gives the base's network under a fresh adapter", () => {
    const config = { rank: 2, alpha: 2, rankStabilised: false, targetModules: ["dense"] };
    const flat = tinyParameters(), adapted = { model: TINY_SHAPE, config };
    tf.tidy(() => {
      const { network, constants, size } = loraAdapter(adapted, tf.tensor1d(flat));
      const adapter = initialAdapter(adapted, { base: flat, key: keyFromSeed(1) });
      assert.equal(adapter.length, size);
      assert.deepEqual(network(tf.tensor1d(adapter), ...constants).dataSync(), flat);
    });
  });

  itTrainsAdaptersAsPeft(opened);
});
