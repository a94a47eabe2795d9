import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { forbiddenNames, layerViolations } from "../../../scripts/checks/layers.ts";

const violations = (from: string, to: string, typeOnly = false) => layerViolations([{ from, to, typeOnly }]);

describe("layerViolations()", () => {
  it("allows what the table allows", () => {
    assert.deepEqual(violations("src/math/reward_loss.ts", "src/base/shapes.ts"), []);
    assert.deepEqual(violations("src/math/reward_loss.ts", "npm:/@tensorflow/tfjs-core@4.22.0"), []);
    assert.deepEqual(violations("actors/compute_actor.ts", "src/bus/port.ts", true), []);
    assert.deepEqual(violations("scripts/irl.ts", "src/store/file_log.ts"), []);
  });

  it("refuses an import that goes back up, with both folders named", () => {
    assert.deepEqual(violations("src/math/reward_loss.ts", "src/store/file_log.ts"), [
      'src/math/reward_loss.ts imports src/store/file_log.ts: "src/math" may not import "src/store"',
    ]);
    assert.equal(violations("events/mod.ts", "src/base/errors.ts").length, 1);
    assert.equal(violations("src/irl/algorithm1.ts", "actors/generator.ts").length, 1);
  });

  it("lets actors name types of the bus, but not its code", () => {
    assert.equal(violations("actors/compute_actor.ts", "src/bus/nats_bus.ts").length, 1);
  });

  it("refuses packages that a folder may not use", () => {
    assert.equal(violations("src/base/random.ts", "npm:/zod@4.6.7").length, 1);
    assert.equal(violations("src/irl/learn_reward.ts", "npm:/hono@4.13.19").length, 1);
  });

  it("keeps gold measures away from everything but the Evaluator's step and data preparation", () => {
    assert.match(violations("src/irl/learn_reward.ts", "src/data/gold.ts")[0], /for the Evaluator only/);
    assert.deepEqual(violations("src/irl/evaluate_policy.ts", "src/data/gold.ts"), []);
    assert.deepEqual(violations("scripts/load_data.ts", "src/data/gold.ts"), []);
  });
});

describe("forbiddenNames()", () => {
  it("finds clocks, files, consoles and timers in pure folders, at their line", () => {
    assert.deepEqual(forbiddenNames("src/irl/x.ts", "a;\nconst t = Date.now();"), [
      'src/irl/x.ts:2 names "Date.now", which its folder may not',
    ]);
    assert.equal(forbiddenNames("actors/x.ts", "setTimeout(f, 1)").length, 1);
    assert.deepEqual(forbiddenNames("scripts/x.ts", "Date.now()"), []);
  });

  it("finds reads of values and tidies in maths, and passes over comments", () => {
    assert.equal(forbiddenNames("src/math/x.ts", "x.dataSync()").length, 1);
    assert.deepEqual(forbiddenNames("src/math/x.ts", "// tf.tidy belongs to steps"), []);
  });
});
