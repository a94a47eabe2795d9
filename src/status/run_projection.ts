// A run as its log tells it up to any event: the one fold from which report, table and page are made.
// Pure: no clock, no file. What is still to be done is the coordinator's business, not this fold's.
import type { EventData, RunConfig, RunEvent, StepName } from "../../events/mod.ts";
import { SchemaError } from "../base/errors.ts";
import { eventOf, type RunRecord, secondsOf } from "./run_record.ts";

/** The coordinator's states. */
export const RUN_STATES = [
  "idle",
  "loading",
  "tuningSupervised",
  "generating",
  "learningReward",
  "optimisingPolicy",
  "evaluating",
  "completingIteration",
  "completingRun",
  "done",
  "paused",
  "failed",
] as const;
export type RunState = typeof RUN_STATES[number];
/** What a person is told of a run: its log's state, or that nobody does the work that the log is in the middle of. */
export type ShownState = RunState | "stopped";
/** Where in Algorithm 1 the run is, or was when it stopped. */
export type Stage = Exclude<RunState, "paused" | "failed">;

/** What learning cost; evaluation is not counted. */
export interface Budget {
  /** Generations and rollouts. */
  samples: number;
  tokensGenerated: number;
  tokensTrained: number;
  updates: number;
  seconds: number;
}

/** What is recorded of an iteration; 0 is supervised fine-tuning. */
export interface IterationFacts {
  iteration: number;
  budget: Budget;
  /** Of all its steps, evaluation included. */
  seconds: number;
  reward?: NonNullable<EventData<"RewardLearned">["result"]>;
  evaluation?: EventData<"PolicyEvaluated">;
  completed?: EventData<"IterationCompleted">;
}

/** The work of the current stage that is done already. */
export interface StageProgress {
  done: number;
  total: number;
  unit: "steps" | "shards";
}

export interface Trouble {
  step: StepName | null;
  message: string;
  /** Undefined for the end of a run. */
  attempt?: number;
}

/** Means over the chunk that ended at `step` (counted over all iterations). */
export interface LossPoint {
  iteration: number;
  step: number;
  loss: number;
}
export interface PolicyPoint {
  iteration: number;
  step: number;
  reward: number;
  kl: number;
}

export interface RunProjection {
  run: string;
  config: RunConfig;
  started: EventData<"RunStarted">;
  loaded?: EventData<"DemonstrationsLoaded">;
  state: RunState;
  /** Equal to `state`, except where the run is paused or failed: then where it stopped. */
  stage: Stage;
  iteration: number;
  progress?: StageProgress;
  /** Failures since the last step that succeeded. */
  troubles: Trouble[];
  numFailures: number;
  numResumes: number;
  /** In order, from 0. */
  iterations: IterationFacts[];
  supervisedCurve: LossPoint[];
  rewardCurve: LossPoint[];
  policyCurve: PolicyPoint[];
  numEvents: number;
  startedAt: string;
  lastAt: string;
  /** Hash of the last record. */
  head: string;
}

/** Throws SchemaError when the records are not the beginning of a run. */
export function projectRun(records: readonly RunRecord[]): RunProjection {
  const [first, last] = [records.at(0), records.at(-1)];
  const event = first === undefined ? undefined : eventOf(first);
  if (first === undefined || last === undefined || event?.type !== "RunStarted") {
    throw new SchemaError(`Start the run again: its log does not begin with RunStarted`);
  }
  const projection: RunProjection = {
    run: first.run,
    config: event.data.config,
    started: event.data,
    state: "loading",
    stage: "loading",
    iteration: 0,
    troubles: [],
    numFailures: 0,
    numResumes: 0,
    iterations: [],
    supervisedCurve: [],
    rewardCurve: [],
    policyCurve: [],
    numEvents: records.length,
    startedAt: first.at,
    lastAt: last.at,
    head: last.hash,
  };
  for (const record of records.slice(1)) apply(projection, eventOf(record), secondsOf(record));
  return projection;
}

/** Whether nobody works on the run though it is not done: it can be gone on with. */
export function isAtStand(state: ShownState): state is "paused" | "failed" | "stopped" {
  return state === "paused" || state === "failed" || state === "stopped";
}

/** `hasWriter`: whether a process writes the log; without one, work that is recorded as begun is at a stand. */
export function shownState(state: RunState, { hasWriter }: { hasWriter: boolean }): ShownState {
  return hasWriter || resting.has(state) ? state : "stopped";
}

const resting: ReadonlySet<RunState> = new Set(["idle", "done", "paused", "failed"]);

/** Seconds of work left, judged by the iterations so far; undefined before the first is complete, or when none is left. */
export function secondsLeft({ state, config, iterations }: RunProjection): number | undefined {
  const complete = iterations.filter(({ iteration, completed }) => iteration > 0 && completed !== undefined);
  const left = config.iterations - complete.length;
  if (complete.length === 0 || left === 0 || state === "done") return undefined;
  const mean = complete.reduce((sum, { seconds }) => sum + seconds, 0) / complete.length;
  const current = iterations.at(-1);
  const spent = current === undefined || current.completed !== undefined ? 0 : current.seconds;
  return mean === 0 ? undefined : Math.max(0, left * mean - spent);
}

function apply(run: RunProjection, event: RunEvent, seconds: number): void {
  switch (event.type) {
    case "RunStarted":
      throw new SchemaError(`Restore the log from a copy: run "${run.run}" starts twice`);
    case "DemonstrationsLoaded":
      run.loaded = event.data;
      return enter(run, "tuningSupervised", 0);
    case "SupervisedTuned":
      return applySupervised(run, event.data, seconds);
    case "GenerationsSampled":
      return applyGenerations(run, event.data, seconds);
    case "RewardLearned":
      return applyReward(run, event.data, seconds);
    case "PolicyOptimised":
      return applyPolicy(run, event.data, seconds);
    case "PolicyEvaluated": {
      const facts = factsOf(run, event.data.iteration);
      facts.evaluation = event.data;
      facts.seconds += seconds;
      run.troubles = [];
      return enter(run, "completingIteration", event.data.iteration);
    }
    case "IterationCompleted": {
      const { iteration } = event.data;
      factsOf(run, iteration).completed = event.data;
      return iteration < run.config.iterations
        ? enter(run, "generating", iteration + 1)
        : enter(run, "completingRun", iteration);
    }
    case "RunCompleted":
      return enter(run, "done", event.data.iterations);
    case "StepFailed":
      return addFailure(run, event.data, event.data.message);
    case "StepTimedOut":
      return addFailure(run, event.data, `no progress for ${event.data.stallMs / 1000} s`);
    case "StepRetried":
      return;
    case "RunPaused":
      run.state = "paused";
      return;
    case "RunFailed":
      run.state = "failed";
      run.troubles.push({ step: event.data.step, message: event.data.message });
      return;
    case "RunResumed":
      run.state = run.stage;
      run.numResumes++;
      run.troubles = [];
      return;
    default:
      return event satisfies never;
  }
}

function applySupervised(run: RunProjection, data: EventData<"SupervisedTuned">, seconds: number): void {
  const { budget } = addWork(run, data, { seconds, updates: data.toStep - data.fromStep });
  budget.tokensTrained += data.tokensTrained;
  run.supervisedCurve.push({ iteration: data.iteration, step: data.toStep, loss: data.loss });
  if (data.policy !== null) enter(run, "evaluating", data.iteration);
}

function applyGenerations(run: RunProjection, data: EventData<"GenerationsSampled">, seconds: number): void {
  const { budget } = addWork(run, data, { seconds, updates: 0 });
  budget.samples += data.numGenerations;
  budget.tokensGenerated += data.tokensGenerated;
  const done = (run.progress?.unit === "shards" ? run.progress.done : 0) + 1;
  run.progress = { done, total: run.config.generation.shards, unit: "shards" };
  if (done >= run.config.generation.shards) enter(run, "learningReward", data.iteration);
}

function applyReward(run: RunProjection, data: EventData<"RewardLearned">, seconds: number): void {
  enter(run, "learningReward", data.iteration);
  const facts = addWork(run, data, { seconds, updates: data.toStep - data.fromStep });
  facts.budget.tokensTrained += data.tokensTrained;
  run.rewardCurve.push({
    iteration: data.iteration,
    step: stepOverall(run.rewardCurve, data),
    loss: data.loss,
  });
  if (data.result === null) return;
  facts.reward = data.result;
  enter(run, "optimisingPolicy", data.iteration);
}

function applyPolicy(run: RunProjection, data: EventData<"PolicyOptimised">, seconds: number): void {
  const updates = data.toStep - data.fromStep;
  const { budget } = addWork(run, data, { seconds, updates });
  const { promptsPerStep, samplesPerPrompt } = run.config.policy;
  budget.samples += updates * promptsPerStep * samplesPerPrompt;
  budget.tokensGenerated += data.tokensGenerated;
  budget.tokensTrained += data.tokensTrained;
  const { iteration, reward, kl } = data;
  run.policyCurve.push({ iteration, step: stepOverall(run.policyCurve, data), reward, kl });
  if (data.policy !== null) enter(run, "evaluating", iteration);
}

function enter(run: RunProjection, stage: Stage, iteration: number): void {
  if (run.stage !== stage) run.progress = undefined;
  run.stage = stage;
  run.state = stage;
  run.iteration = iteration;
}

/** Books a step's work on its iteration; a step that succeeded ends the troubles before it. */
function addWork(
  run: RunProjection,
  data: { iteration: number; toStep?: number; numSteps?: number },
  work: { seconds: number; updates: number },
): IterationFacts {
  const facts = factsOf(run, data.iteration);
  facts.seconds += work.seconds;
  facts.budget.seconds += work.seconds;
  facts.budget.updates += work.updates;
  run.troubles = [];
  if (data.toStep !== undefined && data.numSteps !== undefined) {
    run.progress = { done: data.toStep, total: data.numSteps, unit: "steps" };
  }
  return facts;
}

function addFailure(
  run: RunProjection,
  failed: { step: StepName; attempt: number },
  message: string,
): void {
  run.numFailures++;
  run.troubles.push({ step: failed.step, attempt: failed.attempt, message });
}

function factsOf(run: RunProjection, iteration: number): IterationFacts {
  const known = run.iterations.find((facts) => facts.iteration === iteration);
  if (known !== undefined) return known;
  const budget = { samples: 0, tokensGenerated: 0, tokensTrained: 0, updates: 0, seconds: 0 };
  const facts: IterationFacts = { iteration, budget, seconds: 0 };
  run.iterations.push(facts);
  return facts;
}

/** The step of a chunk's end, counted from the first iteration on. */
function stepOverall(
  curve: readonly { iteration: number; step: number }[],
  data: { iteration: number; toStep: number },
): number {
  return (curve.findLast(({ iteration }) => iteration < data.iteration)?.step ?? 0) + data.toStep;
}
