// Which GPU each actor is given, as it is typed.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { deviceOfAll, namedDevices, parseDevices } from "../../scripts/actor_devices.ts";
import { ConfigError } from "../../src/base/errors.ts";

const refused = (text: string, message: RegExp) =>
  assert.throws(
    () => parseDevices(text),
    (error) => error instanceof ConfigError && message.test(error.message),
  );

describe("parseDevices()", () => {
  it("takes one number for all actors, or one for each that is named", () => {
    assert.deepEqual(parseDevices("2"), {
      "generator": 2,
      "reward-learner": 2,
      "policy-optimizer": 2,
      "evaluator": 2,
    });
    assert.deepEqual(parseDevices("generator=0, policy-optimizer=1"), {
      "generator": 0,
      "policy-optimizer": 1,
    });
  });

  it("refuses an unknown actor with the nearest one", () => {
    refused("policy-optimiser=1", /^Use policy-optimizer in --device: there is no actor "policy-optimiser"$/);
  });

  it("refuses what is no number, is written twice or otherwise", () => {
    refused("generator=first", /the number of a GPU, from 0: got "generator=first"/);
    refused("generator=-1", /the number of a GPU/);
    refused("99999", /the number of a GPU/);
    refused("generator=0,generator=1", /^Give generator one --device/);
    refused("generator", /^Write --device 0 or --device generator=0/);
    refused("generator=0=1", /^Write --device/);
    refused("", /^Write --device/);
  });
});

describe("deviceOfAll()", () => {
  it("is the one GPU of a process, and refuses several", () => {
    assert.equal(deviceOfAll({}), undefined);
    assert.equal(deviceOfAll(parseDevices("1")), 1);
    assert.throws(() => deviceOfAll(parseDevices("generator=1")), /^ConfigError: Leave out --in-process/);
  });
});

describe("namedDevices()", () => {
  it("has each number once, in order", () => {
    assert.deepEqual(namedDevices(parseDevices("generator=3,evaluator=0,reward-learner=3")), [0, 3]);
    assert.deepEqual(namedDevices({}), []);
  });
});
