// Given events, when something goes wrong (failure, timeout, pause, crash), then the next state and commands.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { actorExited, runFailed } from "../../actors/incident_events.ts";
import {
  consequences,
  initialState,
  outstanding,
  type StateName,
  stateName,
} from "../../actors/irl_coordinator.ts";
import { assertUnchanged, commandsOf, given, ids, RUN } from "./given_state.ts";
import { answerTo, failureOf, pauseOf, resumeOf, timeOutOf } from "./simulated_run.ts";

describe("evolve() with failures", () => {
  it("StepFailed: the command is put aside, StepRetried follows, and it is outstanding again as attempt 2", () => {
    const journal = given("learningReward");
    const [command] = commandsOf(journal);
    journal.appendAlone(failureOf(journal.state, command));
    assert.deepEqual(outstanding(journal.state), []);
    const [retried, ...others] = consequences(journal.state);
    assert.deepEqual(others, []);
    assert.deepEqual(retried, {
      type: "StepRetried",
      id: `${RUN}/1/retry/0/0`,
      data: { v: 1, iteration: 1, step: "reward", shard: 0, chunk: 0, attempt: 2 },
    });
    journal.append(retried);
    assert.deepEqual(outstanding(journal.state), [{ ...command, attempt: 2 }]);
  });

  it("StepTimedOut counts like StepFailed", () => {
    const journal = given("evaluating");
    journal.append(timeOutOf(journal.state, commandsOf(journal)[0]));
    assert.deepEqual(ids(outstanding(journal.state)), [`${RUN}/1/evaluate/0/0#2`]);
  });

  it("an actor that ended counts as a failure of its command", () => {
    const journal = given("evaluating", { maxAttempts: 1 });
    journal.append(actorExited(journal.state, commandsOf(journal)[0], "Ended by signal 9"));
    assert.partialDeepStrictEqual(journal.events.slice(-2), [
      { type: "StepFailed", data: { step: "evaluate", attempt: 1, reason: "actor-exited" } },
      { type: "RunFailed", data: { step: "evaluate", message: "Ended by signal 9" } },
    ]);
  });

  it("StepFailed of one shard leaves the other shards as they are", () => {
    const journal = given("generating");
    const [first] = commandsOf(journal, 2);
    journal.append(failureOf(journal.state, first));
    assert.deepEqual(ids(outstanding(journal.state)), [`${RUN}/1/generate/0/0#2`, `${RUN}/1/generate/1/0#1`]);
  });

  it("several commands put aside: as many retries follow, each with its own id", () => {
    const journal = given("generating");
    for (const command of commandsOf(journal, 2)) journal.appendAlone(failureOf(journal.state, command));
    const pending = consequences(journal.state);
    assert.deepEqual(pending.map(({ id }) => id), [`${RUN}/1/retry/0/0`, `${RUN}/1/retry/0/1`]);
    pending.forEach((event) => assert.ok(journal.appendAlone(event)));
    assert.deepEqual(ids(outstanding(journal.state)), [`${RUN}/1/generate/0/0#2`, `${RUN}/1/generate/1/0#2`]);
  });

  it("maxAttempts failures → failed with the cause's message; nothing is outstanding", () => {
    const journal = given("optimisingPolicy", { maxAttempts: 2 });
    for (const message of ["first cause", "last cause"]) {
      journal.append(failureOf(journal.state, commandsOf(journal)[0], message));
    }
    assert.equal(stateName(journal.state), "failed");
    assert.deepEqual(outstanding(journal.state), []);
    assert.deepEqual(journal.events.at(-1), {
      type: "RunFailed",
      id: `${RUN}/1/run-failure/0/0`,
      data: { v: 1, step: "policy", message: "last cause" },
    });
  });

  for (const reason of ["non-finite", "refused-input", "artifact-damaged"] as const) {
    it(`a failure that would only repeat itself (${reason}) → failed at once, however many attempts`, () => {
      const journal = given("optimisingPolicy", { maxAttempts: 3 });
      const failure = failureOf(journal.state, commandsOf(journal)[0], "the loss is NaN");
      if (failure.type !== "StepFailed") throw new Error("wanted a StepFailed");
      journal.append({ ...failure, data: { ...failure.data, reason } });
      assert.equal(stateName(journal.state), "failed");
      assert.partialDeepStrictEqual(journal.events.at(-1), {
        type: "RunFailed",
        data: { message: "the loss is NaN" },
      });
    });
  }

  it("a timeout as the last failure names how long nothing moved", () => {
    const journal = given("evaluating", { maxAttempts: 1 });
    journal.append(timeOutOf(journal.state, commandsOf(journal)[0], 5000));
    assert.partialDeepStrictEqual(journal.events.at(-1), { data: { message: "No progress for 5000 ms" } });
  });

  it("failures of one chunk do not count for the next", () => {
    const journal = given("tuningSupervised", { maxAttempts: 2 });
    for (let chunk = 0; chunk < 2; chunk++) {
      journal.append(failureOf(journal.state, commandsOf(journal)[0]));
      journal.append(answerTo(commandsOf(journal)[0]));
    }
    assert.equal(stateName(journal.state), "tuningSupervised");
    assert.deepEqual(ids(outstanding(journal.state)), [`${RUN}/0/sft/0/2#1`]);
  });

  it("the success of an older attempt counts: a retried command gives the same result", () => {
    const journal = given("evaluating");
    const [command] = commandsOf(journal);
    journal.append(failureOf(journal.state, command));
    assert.ok(journal.append(answerTo(command)));
    assert.equal(stateName(journal.state), "generating");
  });

  it("the failure of an older attempt changes nothing", () => {
    const journal = given("evaluating");
    const [command] = commandsOf(journal);
    journal.append(failureOf(journal.state, command));
    assert.equal(journal.append(failureOf(journal.state, command)), false);
  });

  it("a late failure of a command that has succeeded changes nothing", () => {
    const journal = given("tuningSupervised");
    const [command] = commandsOf(journal);
    journal.append(answerTo(command));
    assert.equal(journal.append(failureOf(journal.state, command)), false);
    assert.equal(journal.append(timeOutOf(journal.state, command)), false);
  });

  it("a failure under another id than the next one changes nothing", () => {
    const { state } = given("evaluating");
    const failure = { ...failureOf(state, outstanding(state)[0]), id: `${RUN}/1/failure/0/9` };
    assertUnchanged(state, { ...failure, run: RUN });
  });

  it("a failure of a command that is not open changes nothing", () => {
    const { state } = given("completingIteration");
    const [command] = commandsOf(given("evaluating"));
    assertUnchanged(state, { ...failureOf(state, command), run: RUN });
  });

  it("RunFailed without a step, for example a lost bus, is taken from any working state", () => {
    const journal = given("generating");
    journal.append(runFailed(journal.state, "The bus is gone"));
    assert.equal(stateName(journal.state), "failed");
  });
});

describe("evolve() with pauses, crashes and resumes", () => {
  const names: StateName[] = [
    "loading",
    "tuningSupervised",
    "generating",
    "learningReward",
    "optimisingPolicy",
    "evaluating",
    "completingIteration",
  ];

  for (const name of names) {
    it(`paused from ${name}: nothing is outstanding; RunResumed goes back with the same commands`, () => {
      const journal = given(name);
      const before = outstanding(journal.state);
      journal.appendAlone(pauseOf(journal.state));
      assert.equal(stateName(journal.state), "paused");
      assert.deepEqual([outstanding(journal.state), consequences(journal.state)], [[], []]);
      journal.appendAlone(resumeOf(journal.state));
      assert.equal(stateName(journal.state), name);
      assert.deepEqual(outstanding(journal.state), before);
    });
  }

  it("failed + RunResumed: the command is outstanding again as a new attempt, and failures count from zero", () => {
    const journal = given("learningReward", { maxAttempts: 2 });
    const [command] = commandsOf(journal);
    const fail = () => journal.append(failureOf(journal.state, commandsOf(journal)[0]));
    fail(), fail();
    journal.append(resumeOf(journal.state));
    assert.equal(stateName(journal.state), "learningReward");
    assert.deepEqual(outstanding(journal.state), [{ ...command, attempt: 3 }]);
    fail();
    assert.equal(stateName(journal.state), "learningReward");
    fail();
    assert.equal(stateName(journal.state), "failed");
    assert.equal(journal.events.at(-1)?.id, `${RUN}/1/run-failure/0/1`);
  });

  it("after a resume the failure of an attempt from before it changes nothing", () => {
    const journal = given("learningReward", { maxAttempts: 1 });
    const [command] = commandsOf(journal);
    journal.append(failureOf(journal.state, command));
    journal.append(resumeOf(journal.state));
    assert.equal(journal.append(failureOf(journal.state, command)), false);
  });

  it("a crash leaves no pause: RunResumed in a working state keeps it, and forgets failures", () => {
    const journal = given("evaluating", { maxAttempts: 2 });
    journal.append(failureOf(journal.state, commandsOf(journal)[0]));
    const [before] = commandsOf(journal);
    journal.append(resumeOf(journal.state));
    assert.equal(stateName(journal.state), "evaluating");
    assert.deepEqual(outstanding(journal.state), [before]);
    journal.append(failureOf(journal.state, before));
    assert.equal(stateName(journal.state), "evaluating");
  });

  it("a crash between a failure and its consequence: after RunResumed the command is outstanding again", () => {
    const journal = given("evaluating", { maxAttempts: 1 });
    journal.appendAlone(failureOf(journal.state, commandsOf(journal)[0]));
    journal.append(resumeOf(journal.state));
    assert.equal(stateName(journal.state), "evaluating");
    assert.deepEqual(ids(outstanding(journal.state)), [`${RUN}/1/evaluate/0/0#2`]);
  });

  it("a pause, a resume or a failure that is delivered again changes nothing", () => {
    const journal = given("evaluating");
    const events = [
      () => pauseOf(journal.state),
      () => resumeOf(journal.state),
      () => resumeOf(journal.state),
      () => failureOf(journal.state, commandsOf(journal)[0]),
      () => pauseOf(journal.state),
    ].map((make) => {
      const event = make();
      assert.ok(journal.append(event), event.id);
      return event;
    });
    for (const event of events) assert.equal(journal.append(event), false, event.id);
  });

  it("an answer that comes while paused or failed changes nothing: its command is done again", () => {
    const journal = given("evaluating");
    const [command] = commandsOf(journal);
    journal.append(pauseOf(journal.state));
    assert.equal(journal.append(answerTo(command)), false);
  });

  it("idle takes no pause and no resume: there is nothing to go on with", () => {
    const state = initialState();
    for (const event of [pauseOf(state), resumeOf(state)]) {
      assertUnchanged(state, { ...event, run: RUN });
    }
  });
});
