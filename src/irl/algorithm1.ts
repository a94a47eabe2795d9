// Algorithm 1 of the paper as a plain loop: supervised fine-tuning, then K times generate → learn reward → optimise policy →
// evaluate. The same step functions as the actors call, without actors, bus, log or clock: read this file first. It is also
// the oracle of the actor system: a test runs both on the smallest preset and requires equal event data and digests.
import type { Command, EventData, RunConfig, RunEvent, TierRecord } from "../../events/mod.ts";
import { keyFromSeed } from "../base/random.ts";
import type { Digest } from "../base/ports.ts";
import { evaluatePolicy } from "./evaluate_policy.ts";
import { learnReward } from "./learn_reward.ts";
import { optimisePolicy } from "./optimise_policy.ts";
import { openJournal } from "./event_journal.ts";
import { chunksOf, numRewardSteps, numSupervisedSteps } from "./plan_steps.ts";
import { sampleGenerations } from "./sample_generations.ts";
import type { StepOutcome, StepPorts } from "./step_ports.ts";
import { tuneSupervised } from "./tune_supervised.ts";

export interface Algorithm1Input {
  config: RunConfig;
  tier: TierRecord;
  software: string;
  /** Demonstrations D, prompts μ and held-out prompts, as artifacts. */
  data: EventData<"DemonstrationsLoaded">;
}

/** Runs the algorithm to its end and returns what happened, in order. */
export async function algorithm1(input: Algorithm1Input, ports: StepPorts): Promise<RunEvent[]> {
  const { config, data } = input, key = keyFromSeed(config.seed);
  const { events, record, base } = openJournal(key, data.tokenizer);
  record("RunStarted", { step: "start" }, { v: 1, config, key, tier: input.tier, software: input.software });
  record("DemonstrationsLoaded", { step: "load" }, data);

  const evaluate = async (iteration: number, policy: Digest, reference: Digest, reward: Digest | null) => {
    const outcome = await evaluatePolicy({
      ...base(iteration, "evaluate"),
      type: "EvaluatePolicy",
      role: "evaluator",
      policy,
      reference,
      reward,
      evaluation: data.evaluation,
      preferences: data.preferences,
      gold: data.gold?.name ?? null,
      settings: config.evaluation,
    }, ports);
    record("PolicyEvaluated", { iteration, step: "evaluate" }, outcome.data);
    record("IterationCompleted", { iteration, step: "complete" }, { v: 1, iteration, policy, reward });
  };

  // Supervised fine-tuning on D (Eq. 1): the policy that everything starts from, and π_ref. A run may bring its own.
  const tune = async (): Promise<Digest> => {
    const tuned: EventData<"SupervisedTuned"> = await inChunks({
      numSteps: numSupervisedSteps(config.supervised, data.numDemonstrations),
      chunkSteps: config.supervised.chunkSteps,
    }, (chunk) =>
      tuneSupervised({
        ...base(0, "sft"),
        ...chunk,
        type: "TuneSupervised",
        role: "policy-optimizer",
        demonstrations: data.demonstrations,
        model: config.model,
        base: data.base,
        settings: config.supervised,
        lora: config.lora,
      }, ports), (value) => record("SupervisedTuned", { step: "sft", chunk: value.chunk }, value));
    return finished(tuned.policy);
  };
  const sft = config.model.start === "tuned" ? finished(data.base) : await tune();
  await evaluate(0, sft, sft, null);

  let policy = sft, raw: Digest | null = null, reward: Digest | null = null;
  for (let iteration = 1; iteration <= config.iterations; iteration++) {
    // y′ ∼ π_k for the demonstrated prompts.
    const generations: Digest[] = [];
    for (let shard = 0; shard < config.generation.shards; shard++) {
      const sampled = await sampleGenerations({
        ...base(iteration, "generate", shard),
        type: "SampleGenerations",
        role: "generator",
        numShards: config.generation.shards,
        policy,
        demonstrations: data.demonstrations,
        settings: config.generation,
      }, ports);
      record("GenerationsSampled", { iteration, step: "generate", shard }, sampled.data);
      generations.push(sampled.data.generations);
    }
    // Reward alignment: Eq. (11) on (demonstration, generation) pairs. The network goes on from R_{k−1} as it was trained
    // (`raw`); the policy sees it in its calibrated unit, with mean 0 on demonstrations (`reward`).
    const previousReward: Digest | null = raw;
    const learned: EventData<"RewardLearned"> = await inChunks(
      {
        numSteps: numRewardSteps(config.reward, {
          numDemonstrations: data.numDemonstrations,
          negatives: config.generation.negatives,
        }),
        chunkSteps: config.reward.chunkSteps,
      },
      (chunk) =>
        learnReward({
          ...base(iteration, "reward"),
          ...chunk,
          type: "LearnReward",
          role: "reward-learner",
          demonstrations: data.demonstrations,
          generations,
          policy: sft, // whose body the first reward network starts from
          previousReward,
          settings: config.reward,
          lora: config.lora,
        }, ports),
      (value) => record("RewardLearned", { iteration, step: "reward", chunk: value.chunk }, value),
    );
    const result = finished(learned.result);
    raw = result.raw;
    reward = result.reward;
    // Policy alignment: Eq. (5b) under r_k with KL to π_ref = SFT, on all prompts.
    const start: Digest = policy, learnedReward: Digest = result.reward;
    const optimised: EventData<"PolicyOptimised"> = await inChunks(
      {
        numSteps: config.policy.steps,
        chunkSteps: config.policy.chunkSteps,
      },
      (chunk) =>
        optimisePolicy({
          ...base(iteration, "policy"),
          ...chunk,
          type: "OptimisePolicy",
          role: "policy-optimizer",
          policy: start,
          reference: sft,
          reward: learnedReward,
          prompts: data.prompts,
          settings: config.policy,
          lora: config.lora,
        }, ports),
      (value) => record("PolicyOptimised", { iteration, step: "policy", chunk: value.chunk }, value),
    );
    policy = finished(optimised.policy);
    await evaluate(iteration, policy, sft, reward);
  }
  record("RunCompleted", { iteration: config.iterations, step: "end" }, {
    v: 1,
    iterations: config.iterations,
    policy,
    reward,
  });
  return events;
}

/** What a chunk adds to a command. */
type ChunkFields = Pick<
  Extract<Command, { type: "LearnReward" }>,
  "chunk" | "fromStep" | "toStep" | "numSteps" | "state"
>;

/** Runs the chunks of one step after another, each from the state that the one before saved; returns the last one's data. */
async function inChunks<Data extends { state: Digest }>(
  { numSteps, chunkSteps }: { numSteps: number; chunkSteps: number },
  work: (chunk: ChunkFields) => Promise<StepOutcome<Data>>,
  done: (data: Data) => void,
): Promise<Data> {
  let last: Data | undefined;
  for (const [chunk, steps] of chunksOf(numSteps, chunkSteps).entries()) {
    const { data } = await work({ ...steps, chunk, numSteps, state: last?.state ?? null });
    done(data);
    last = data;
  }
  return finished(last ?? null);
}

function finished<Value>(value: Value | null): Value {
  if (value === null) throw new Error("A step ended without its result");
  return value;
}
