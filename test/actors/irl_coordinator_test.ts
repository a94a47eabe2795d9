// Given events, when one more arrives, then the next state and commands: the coordinator without runtime, bus or clock.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Command, EVENT_OF_COMMAND, type RunEvent } from "../../events/mod.ts";
import {
  commandsDigest,
  consequences,
  type CoordinatorEvent,
  evolve,
  initialState,
  newCommands,
  outstanding,
  stateName,
} from "../../actors/irl_coordinator.ts";
import { digestOf } from "../../src/base/canonical.ts";
import { splitKey } from "../../src/base/random.ts";
import { assertUnchanged, commandsOf, given, ids, RUN } from "./given_state.ts";
import {
  answerTo,
  artifact,
  failureOf,
  openingEvents,
  openJournal,
  pauseOf,
  resumeOf,
  simulatedConfig,
  undisturbedRun,
} from "./simulated_run.ts";

const [started, loaded] = openingEvents();

describe("evolve() from one state to the next", () => {
  it("idle + RunStarted → loading: nothing to be done by an actor", () => {
    const state = evolve(initialState(), { ...started, run: RUN });
    assert.equal(stateName(state), "loading");
    assert.deepEqual(outstanding(state), []);
    assert.deepEqual(consequences(state), []);
  });

  it("loading + DemonstrationsLoaded → tuningSupervised: the first chunk from no saved state", () => {
    const journal = given("loading");
    journal.append(loaded);
    assert.equal(stateName(journal.state), "tuningSupervised");
    const [command] = commandsOf(journal);
    assert.partialDeepStrictEqual(command, {
      type: "TuneSupervised",
      role: "policy-optimizer",
      id: `${RUN}/0/sft/0/0`,
      attempt: 1,
      state: null,
      fromStep: 0,
      toStep: 10,
      // 60 demonstrations / batch 10 × 5 epochs
      numSteps: 30,
      demonstrations: artifact("demonstrations"),
      tokenizer: artifact("tokenizer"),
      base: null,
    });
  });

  it("loading + DemonstrationsLoaded of a pretrained model → tuningSupervised: the first chunk starts from it", () => {
    const journal = given("tuningSupervised", { start: "pretrained" });
    assert.partialDeepStrictEqual(commandsOf(journal)[0], { state: null, base: artifact("base") });
  });

  it("loading + DemonstrationsLoaded of a tuned model → evaluating: it is the policy and the reference", () => {
    const journal = given("evaluating", { start: "tuned", iteration: 0 });
    assert.equal(journal.events.at(-1)?.type, "DemonstrationsLoaded");
    assert.partialDeepStrictEqual(commandsOf(journal)[0], {
      type: "EvaluatePolicy",
      policy: artifact("base"),
      reference: artifact("base"),
      reward: null,
    });
    assert.equal(undisturbedRun({ start: "tuned" }).events.at(-1)?.type, "RunCompleted");
  });

  it("tuningSupervised + a chunk: the next chunk starts from its saved state, with the same key", () => {
    const journal = given("tuningSupervised");
    const [first] = commandsOf(journal);
    const answer = answerTo(first);
    journal.append(answer);
    assert.equal(stateName(journal.state), "tuningSupervised");
    assert.ok(answer.type === "SupervisedTuned");
    assert.partialDeepStrictEqual(outstanding(journal.state), [{
      id: `${RUN}/0/sft/0/1`,
      chunk: 1,
      state: answer.data.state,
      fromStep: 10,
      toStep: 20,
      key: first.key,
    }]);
  });

  it("tuningSupervised + the last chunk → evaluating: the tuned policy is measured without a reward", () => {
    const journal = given("evaluating", { iteration: 0 });
    const tuned = journal.events.at(-1);
    assert.ok(tuned?.type === "SupervisedTuned");
    const [command] = commandsOf(journal);
    assert.partialDeepStrictEqual(command, {
      type: "EvaluatePolicy",
      id: `${RUN}/0/evaluate/0/0`,
      policy: tuned.data.policy,
      reference: tuned.data.policy,
      reward: null,
      preferences: null,
      gold: "made-up",
    });
  });

  it("evaluating + PolicyEvaluated → completingIteration: IterationCompleted follows", () => {
    const journal = given("completingIteration", { iteration: 0 });
    const policy = journal.state.context.policy;
    assert.deepEqual(outstanding(journal.state), []);
    assert.deepEqual(consequences(journal.state), [{
      type: "IterationCompleted",
      id: `${RUN}/0/complete/0/0`,
      data: { v: 1, iteration: 0, policy, reward: null },
    }]);
  });

  it("completingIteration + IterationCompleted, k < K → generating: all shards at once, each with its key", () => {
    const journal = given("generating", { shards: 3 });
    const commands = commandsOf(journal, 3);
    assert.deepEqual(ids(commands), [0, 1, 2].map((shard) => `${RUN}/1/generate/${shard}/0#1`));
    assert.equal(new Set(commands.map(({ key }) => key)).size, 3);
    assert.ok(started.type === "RunStarted");
    assert.equal(commands[1].key, splitKey(started.data.key, 1, "generate", 1));
  });

  it("generating + a shard: the others are still to be done, in any order", () => {
    const journal = given("generating", { shards: 3 });
    const [, second] = commandsOf(journal, 3);
    journal.append(answerTo(second));
    assert.equal(stateName(journal.state), "generating");
    assert.deepEqual(ids(outstanding(journal.state)), [`${RUN}/1/generate/0/0#1`, `${RUN}/1/generate/2/0#1`]);
  });

  it("generating + the last shard → learningReward: artifacts in the order of shards, whatever came first", () => {
    const journal = given("generating");
    const [first, second] = commandsOf(journal, 2);
    const answers = [answerTo(second), answerTo(first)];
    answers.forEach((answer) => journal.append(answer));
    assert.equal(stateName(journal.state), "learningReward");
    const generations = answers.toReversed().map((answer) => {
      assert.ok(answer.type === "GenerationsSampled");
      return answer.data.generations;
    });
    assert.partialDeepStrictEqual(commandsOf(journal)[0], {
      type: "LearnReward",
      generations,
      policy: journal.state.context.supervised,
      previousReward: null,
      // (60 − 6 held out) demonstrations × 2 negatives / batch 10
      numSteps: 10,
    });
  });

  it("learningReward + the last chunk → optimisingPolicy: under the normalised reward, from the newest policy", () => {
    const journal = given("optimisingPolicy", { iteration: 2 });
    const { policy, supervised, reward } = journal.state.context;
    assert.notEqual(policy, supervised);
    assert.partialDeepStrictEqual(commandsOf(journal)[0], {
      type: "OptimisePolicy",
      policy,
      reference: supervised,
      reward: reward?.reward,
      prompts: artifact("prompts"),
      fromStep: 0,
      toStep: 5,
      numSteps: 8,
    });
  });

  it("learningReward in iteration 2 continues from the raw network of iteration 1", () => {
    const raw = given("generating", { iteration: 2 }).state.context.reward?.raw;
    const [command] = commandsOf(given("learningReward", { iteration: 2 }));
    assert.ok(raw !== undefined);
    assert.partialDeepStrictEqual(command, { type: "LearnReward", previousReward: raw });
  });

  it("optimisingPolicy + the last chunk → evaluating: the new policy, measured against the supervised one", () => {
    const journal = given("evaluating");
    const optimised = journal.events.at(-1);
    assert.ok(optimised?.type === "PolicyOptimised");
    assert.partialDeepStrictEqual(commandsOf(journal)[0], {
      policy: optimised.data.policy,
      reference: journal.state.context.supervised,
      reward: journal.state.context.reward?.reward,
    });
  });

  it("completingIteration + IterationCompleted, k = K → completingRun: RunCompleted follows", () => {
    const journal = given("completingRun", { iteration: 2 });
    const { policy, reward } = journal.state.context;
    assert.deepEqual(outstanding(journal.state), []);
    assert.deepEqual(consequences(journal.state), [{
      type: "RunCompleted",
      id: `${RUN}/2/end/0/0`,
      data: { v: 1, iterations: 2, policy, reward: reward?.reward },
    }]);
  });

  it("completingRun + RunCompleted → done: nothing more, and nothing changes any more", () => {
    const { state, events } = undisturbedRun();
    assert.equal(stateName(state), "done");
    assert.deepEqual([outstanding(state), consequences(state)], [[], []]);
    for (const event of [...events, pauseOf(state), resumeOf(state)]) {
      assertUnchanged(state, { ...event, run: RUN });
    }
  });

  it("goes from the supervised policy's evaluation to done when there are no iterations", () => {
    const { events, state } = undisturbedRun({ iterations: 0 });
    assert.equal(stateName(state), "done");
    assert.deepEqual(events.slice(-3).map(({ type }) => type), [
      "PolicyEvaluated",
      "IterationCompleted",
      "RunCompleted",
    ]);
    assert.partialDeepStrictEqual(events.at(-1), { data: { iterations: 0, reward: null } });
  });
});

describe("evolve() keeps the same state", () => {
  it("for every event that has happened already, in every state", () => {
    const journal = openJournal();
    for (const event of undisturbedRun().events) {
      journal.appendAlone(event);
      for (const old of journal.events) {
        assertUnchanged(journal.state, { ...old, run: RUN }, `${old.id} again`);
      }
    }
  });

  it("for every event that is not due yet, in every state", () => {
    const { events } = undisturbedRun();
    const journal = openJournal();
    for (const [index, event] of events.entries()) {
      const isDue = (later: RunEvent) => outstanding(journal.state).some(({ id }) => id === later.id);
      for (const later of events.slice(index + 1).filter((later) => !isDue(later))) {
        assertUnchanged(journal.state, { ...later, run: RUN }, `${later.id} early`);
      }
      journal.appendAlone(event);
    }
  });

  it("for events of another run, in every state", () => {
    const journal = openJournal();
    for (const event of undisturbedRun().events) {
      if (journal.events.length > 0) {
        assertUnchanged(journal.state, { ...event, run: "another" });
      }
      journal.appendAlone(event);
    }
  });

  it("for an answer that carries another key, range or iteration than was asked for", () => {
    const { state } = given("learningReward");
    const answer = answerTo(outstanding(state)[0]);
    assert.ok(answer.type === "RewardLearned");
    const wrong = [
      { key: "0123456789abcdef" },
      { fromStep: 1 },
      { toStep: 5 },
      { numSteps: 11 },
      { iteration: 2 },
      { chunk: 1 },
    ];
    for (const change of wrong) {
      const event: CoordinatorEvent = { ...answer, data: { ...answer.data, ...change }, run: RUN };
      assertUnchanged(state, event, JSON.stringify(change));
    }
  });

  it("for an answer of another type under the id of a command", () => {
    const { state } = given("evaluating");
    const learned = answerTo(outstanding(given("learningReward").state)[0]);
    assertUnchanged(state, { ...learned, id: outstanding(state)[0].id, run: RUN });
  });

  it("for a consequence with other data than today's code derives", () => {
    const { state } = given("completingIteration");
    const [pending] = consequences(state);
    assert.ok(pending.type === "IterationCompleted");
    const data = { ...pending.data, policy: artifact("another policy") };
    assertUnchanged(state, { ...pending, data, run: RUN });
  });

  it("for a run that starts under an id that is not its own", () => {
    const state = initialState();
    assertUnchanged(state, { ...started, run: "another" });
  });
});

describe("outstanding()", () => {
  it("gives commands that fit their schema, in every state, and of one run only", () => {
    const journal = openJournal();
    const types = new Set<string>();
    for (const event of undisturbedRun().events) {
      journal.appendAlone(event);
      for (const command of outstanding(journal.state)) {
        types.add(command.type);
        assert.deepEqual(Command.parse(command), command);
        assert.equal(command.run, RUN);
      }
    }
    assert.deepEqual(types, new Set(Object.keys(EVENT_OF_COMMAND)));
  });

  it("asks for work with the recorded configuration, key by key", () => {
    const config = simulatedConfig();
    assert.partialDeepStrictEqual(commandsOf(given("tuningSupervised"))[0], {
      model: config.model,
      base: null,
      settings: config.supervised,
    });
    assert.partialDeepStrictEqual(commandsOf(given("generating"), 2)[0], { settings: config.generation });
    assert.partialDeepStrictEqual(commandsOf(given("learningReward"))[0], { settings: config.reward });
    assert.partialDeepStrictEqual(commandsOf(given("optimisingPolicy"))[0], { settings: config.policy });
    assert.partialDeepStrictEqual(commandsOf(given("evaluating"))[0], { settings: config.evaluation });
  });
});

describe("newCommands() and commandsDigest()", () => {
  it("newCommands() gives what an event made outstanding, and a retried command again", () => {
    const journal = given("generating");
    const [first, second] = commandsOf(journal, 2);
    let before = journal.state;
    journal.append(answerTo(first));
    assert.deepEqual(newCommands(before, journal.state), []);
    before = journal.state;
    journal.append(failureOf(journal.state, second));
    assert.deepEqual(newCommands(before, journal.state), [{ ...second, attempt: 2 }]);
    before = journal.state;
    journal.append(answerTo(second));
    assert.deepEqual(newCommands(before, journal.state).map(({ type }) => type), ["LearnReward"]);
  });

  it("commandsDigest() is the sha256 of the outstanding commands' canonical JSON", () => {
    const { state } = given("generating");
    assert.equal(commandsDigest(state), digestOf(outstanding(state)));
    assert.equal(commandsDigest(initialState()), digestOf([]));
  });
});
