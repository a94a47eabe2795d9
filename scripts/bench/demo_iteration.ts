// The steps of one iteration of Algorithm 1 with their commands, as `algorithm1.ts` makes them, without its events: what the work
// "demo" times.
import type { EventData, RunConfig } from "../../events/mod.ts";
import type { Digest } from "../../src/base/ports.ts";
import { keyFromSeed } from "../../src/base/random.ts";
import { evaluatePolicy } from "../../src/irl/evaluate_policy.ts";
import { openJournal } from "../../src/irl/event_journal.ts";
import { learnReward } from "../../src/irl/learn_reward.ts";
import { optimisePolicy } from "../../src/irl/optimise_policy.ts";
import { chunksOf, numRewardSteps, numSupervisedSteps } from "../../src/irl/plan_steps.ts";
import { sampleGenerations } from "../../src/irl/sample_generations.ts";
import type { StepOutcome, StepPorts } from "../../src/irl/step_ports.ts";
import { tuneSupervised } from "../../src/irl/tune_supervised.ts";

export interface Iteration {
  config: RunConfig;
  data: EventData<"DemonstrationsLoaded">;
  ports: StepPorts;
}

/** Supervised fine-tuning: the policy that the iteration starts from, and its reference. */
export async function tune({ config, data, ports }: Iteration): Promise<Digest> {
  const { supervised: settings, model } = config;
  const numSteps = numSupervisedSteps(settings, data.numDemonstrations);
  const { policy } = await inChunks(numSteps, settings.chunkSteps, (chunk) =>
    tuneSupervised({
      ...base(config, data)(0, "sft"),
      ...chunk,
      type: "TuneSupervised",
      role: "policy-optimizer",
      demonstrations: data.demonstrations,
      model,
      base: null,
      settings,
      lora: config.lora,
    }, ports));
  return present(policy);
}

/** Sample, learn the reward, optimise the policy, evaluate. Returns the tokens written and the seconds of each step. */
export async function iterate(
  iteration: Iteration,
  sft: Digest,
  { policySteps, rewardSteps }: { policySteps: number; rewardSteps?: number },
): Promise<Record<string, number>> {
  const seconds: Record<string, number> = {};
  const timed = async <Result>(name: string, work: Promise<Result>): Promise<Result> => {
    const started = performance.now(), result = await work;
    seconds[`${name}Seconds`] = (performance.now() - started) / 1000;
    return result;
  };
  const sampled = await timed("sample", sample(iteration, sft));
  const reward = await timed("reward", learn(iteration, sft, { ...sampled, numSteps: rewardSteps }));
  const optimised = await timed("policy", optimise(iteration, sft, { reward, numSteps: policySteps }));
  const evaluated = await timed(
    "evaluate",
    evaluate(iteration, sft, { policy: optimised.policy, reward }),
  );
  return {
    ...seconds,
    tokensSampled: sampled.tokens,
    tokensRolledOut: optimised.tokens,
    tokensEvaluated: evaluated.tokensGenerated,
  };
}

async function sample({ config, data, ports }: Iteration, policy: Digest) {
  const generations: Digest[] = [];
  let tokens = 0;
  for (let shard = 0; shard < config.generation.shards; shard++) {
    const outcome = await sampleGenerations({
      ...base(config, data)(1, "generate", shard),
      type: "SampleGenerations",
      role: "generator",
      numShards: config.generation.shards,
      policy,
      demonstrations: data.demonstrations,
      settings: config.generation,
    }, ports);
    generations.push(outcome.data.generations);
    tokens += outcome.data.tokensGenerated;
  }
  return { generations, tokens };
}

async function learn(
  { config, data, ports }: Iteration,
  policy: Digest,
  { generations, numSteps }: { generations: Digest[]; numSteps?: number },
): Promise<Digest> {
  const { reward: settings, generation: { negatives } } = config, { numDemonstrations } = data;
  const all = numRewardSteps(settings, { numDemonstrations, negatives });
  const { result } = await inChunks(numSteps ?? all, settings.chunkSteps, (chunk) =>
    learnReward({
      ...base(config, data)(1, "reward"),
      ...chunk,
      type: "LearnReward",
      role: "reward-learner",
      demonstrations: data.demonstrations,
      generations,
      policy,
      previousReward: null,
      settings,
      lora: config.lora,
    }, ports));
  return present(result).reward;
}

async function optimise(
  { config, data, ports }: Iteration,
  sft: Digest,
  { reward, numSteps }: { reward: Digest; numSteps: number },
): Promise<{ policy: Digest; tokens: number }> {
  let tokens = 0;
  const { policy } = await inChunks(numSteps, config.policy.chunkSteps, async (chunk) => {
    const outcome = await optimisePolicy({
      ...base(config, data)(1, "policy"),
      ...chunk,
      type: "OptimisePolicy",
      role: "policy-optimizer",
      lora: config.lora,
      policy: sft,
      reference: sft,
      reward,
      prompts: data.prompts,
      settings: config.policy,
    }, ports);
    tokens += outcome.data.tokensGenerated;
    return outcome;
  });
  return { policy: present(policy), tokens };
}

async function evaluate(
  { config, data, ports }: Iteration,
  sft: Digest,
  { policy, reward }: { policy: Digest; reward: Digest },
) {
  const outcome = await evaluatePolicy({
    ...base(config, data)(1, "evaluate"),
    type: "EvaluatePolicy",
    role: "evaluator",
    policy,
    reference: sft,
    reward,
    evaluation: data.evaluation,
    preferences: data.preferences,
    gold: data.gold?.name ?? null,
    settings: config.evaluation,
  }, ports);
  return outcome.data;
}

/** What every command has: its place and key. */
function base({ seed }: RunConfig, { tokenizer }: EventData<"DemonstrationsLoaded">) {
  return openJournal(keyFromSeed(seed), tokenizer).base;
}

interface ChunkFields {
  chunk: number;
  fromStep: number;
  toStep: number;
  numSteps: number;
  state: Digest | null;
}

/** Runs the chunks of one step, each from the state that the one before saved; returns the last one's data. */
async function inChunks<Data extends { state: Digest }>(
  numSteps: number,
  chunkSteps: number,
  work: (chunk: ChunkFields) => Promise<StepOutcome<Data>>,
): Promise<Data> {
  let last: Data | undefined;
  for (const [chunk, steps] of chunksOf(numSteps, chunkSteps).entries()) {
    last = (await work({ ...steps, chunk, numSteps, state: last?.state ?? null })).data;
  }
  return present(last ?? null);
}

function present<Value>(value: Value | null): Value {
  if (value === null) throw new Error("A step ended without its result");
  return value;
}
