// The commands of the step under way, as a pure function of what the coordinator remembers.
// Shards of `generate` stand side by side; of a step in chunks only the next one can be done.
import { type Command, eventId } from "../events/mod.ts";
import { chunksOf, numRewardSteps, numSupervisedSteps, stepKey } from "../src/irl/plan_steps.ts";
import { type Context, known } from "./coordinator_context.ts";

/** Everything that the step under way still needs, what was put aside after a failure included. */
export function openCommands(context: Context): Command[] {
  if (context.work === null) return [];
  switch (context.work.step) {
    case "sft":
      return [tuneSupervised(context)];
    case "generate":
      return context.generations.flatMap((done, shard) =>
        done === null ? [sampleGenerations(context, shard)] : []
      );
    case "reward":
      return [learnReward(context)];
    case "policy":
      return [optimisePolicy(context)];
    case "evaluate":
      return [evaluatePolicy(context)];
    default:
      return context.work.step satisfies never;
  }
}

function tuneSupervised(context: Context): Command {
  const { config } = known(context.started, "started");
  const { demonstrations, numDemonstrations, base } = known(context.loaded, "loaded");
  const numSteps = numSupervisedSteps(config.supervised, numDemonstrations);
  return {
    type: "TuneSupervised",
    role: "policy-optimizer",
    ...place(context),
    ...chunkOfSteps(context, numSteps, config.supervised.chunkSteps),
    demonstrations,
    model: config.model,
    base,
    settings: config.supervised,
    lora: config.lora,
  };
}

function sampleGenerations(context: Context, shard: number): Command {
  const { config } = known(context.started, "started");
  return {
    type: "SampleGenerations",
    role: "generator",
    ...place(context, shard),
    numShards: context.generations.length,
    policy: known(context.policy, "policy"),
    demonstrations: known(context.loaded, "loaded").demonstrations,
    settings: config.generation,
  };
}

function learnReward(context: Context): Command {
  const { config } = known(context.started, "started");
  const { demonstrations, numDemonstrations } = known(context.loaded, "loaded");
  const { negatives } = config.generation;
  const numSteps = numRewardSteps(config.reward, { numDemonstrations, negatives });
  return {
    type: "LearnReward",
    role: "reward-learner",
    ...place(context),
    ...chunkOfSteps(context, numSteps, config.reward.chunkSteps),
    demonstrations,
    generations: context.generations.map((digest) => known(digest, "generations")),
    policy: known(context.supervised, "supervised"),
    previousReward: context.reward?.raw ?? null,
    settings: config.reward,
    lora: config.lora,
  };
}

function optimisePolicy(context: Context): Command {
  const { config } = known(context.started, "started");
  return {
    type: "OptimisePolicy",
    role: "policy-optimizer",
    ...place(context),
    ...chunkOfSteps(context, config.policy.steps, config.policy.chunkSteps),
    policy: known(context.policy, "policy"),
    reference: known(context.supervised, "supervised"),
    reward: known(context.reward, "reward").reward,
    prompts: known(context.loaded, "loaded").prompts,
    settings: config.policy,
    lora: config.lora,
  };
}

function evaluatePolicy(context: Context): Command {
  const loaded = known(context.loaded, "loaded");
  return {
    type: "EvaluatePolicy",
    role: "evaluator",
    ...place(context),
    policy: known(context.policy, "policy"),
    reference: known(context.supervised, "supervised"),
    reward: context.reward?.reward ?? null,
    evaluation: loaded.evaluation,
    preferences: loaded.preferences,
    gold: loaded.gold?.name ?? null,
    settings: known(context.started, "started").config.evaluation,
  };
}

/** Fields that every command has. The key is that of the step: the same for each of its chunks and attempts. */
function place(context: Context, shard = 0) {
  const { run, iteration } = context;
  const { step, chunksDone: chunk, troubles } = known(context.work, "work");
  const id = eventId(run, { iteration, step, shard, chunk });
  return {
    v: 1 as const,
    id,
    run,
    iteration,
    shard,
    chunk,
    attempt: troubles[id]?.attempt ?? 1,
    key: stepKey(known(context.started, "started").key, iteration, step, shard),
    tokenizer: known(context.loaded, "loaded").tokenizer,
  };
}

function chunkOfSteps(context: Context, numSteps: number, chunkSteps: number) {
  const { chunksDone, state } = known(context.work, "work");
  const { fromStep, toStep } = known(chunksOf(numSteps, chunkSteps)[chunksDone], "chunk");
  return { state, fromStep, toStep, numSteps };
}
