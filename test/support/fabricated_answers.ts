// What actors could have answered to the coordinator's commands: plausible numbers of a run that learns, nothing computed.
import type { Command, EventData, RunConfig, RunEvent } from "../../events/mod.ts";
import { sha256 } from "../../src/base/canonical.ts";

type CommandOf<Type extends Command["type"]> = Extract<Command, { type: Type }>;
export type Answer = Extract<
  RunEvent,
  {
    type:
      | "SupervisedTuned"
      | "GenerationsSampled"
      | "RewardLearned"
      | "PolicyOptimised"
      | "PolicyEvaluated";
  }
>;

/** The digest of an artifact that does not exist. */
export function fabricatedDigest(name: string): string {
  return `sha256:${sha256(name)}`;
}

export function answerOf(command: Command, config: RunConfig): { answer: Answer; seconds: number } {
  const { id } = command;
  switch (command.type) {
    case "TuneSupervised":
      return { answer: { type: "SupervisedTuned", id, data: supervisedTuned(command) }, seconds: 14.2 };
    case "SampleGenerations":
      return {
        answer: { type: "GenerationsSampled", id, data: generationsSampled(command, config) },
        seconds: 9.6,
      };
    case "LearnReward":
      return { answer: { type: "RewardLearned", id, data: rewardLearned(command) }, seconds: 11.4 };
    case "OptimisePolicy":
      return { answer: { type: "PolicyOptimised", id, data: policyOptimised(command) }, seconds: 21.8 };
    case "EvaluatePolicy":
      return { answer: { type: "PolicyEvaluated", id, data: policyEvaluated(command) }, seconds: 6.1 };
  }
}

function supervisedTuned(command: CommandOf<"TuneSupervised">): EventData<"SupervisedTuned"> {
  const { toStep, numSteps } = command;
  return {
    v: 1,
    ...chunkFields(command),
    tokensTrained: 700 * (toStep - command.fromStep),
    loss: rounded(1.2 + 2.6 * Math.exp(-4 * toStep / numSteps)),
    policy: toStep === numSteps ? fabricatedDigest("policy 0") : null,
  };
}

function generationsSampled(
  command: CommandOf<"SampleGenerations">,
  config: RunConfig,
): EventData<"GenerationsSampled"> {
  const { iteration, shard, key, numShards, settings } = command;
  const numGenerations = Math.round((config.task.demonstrations ?? 500) * settings.negatives / numShards);
  return {
    v: 1,
    iteration,
    shard,
    key,
    generations: fabricatedDigest(`generations ${iteration} ${shard}`),
    numGenerations,
    tokensGenerated: 21 * numGenerations,
    finishedShare: 0.998,
  };
}

function rewardLearned(command: CommandOf<"LearnReward">): EventData<"RewardLearned"> {
  const { iteration, toStep, numSteps } = command;
  const result = {
    raw: fabricatedDigest(`raw ${iteration}`),
    reward: fabricatedDigest(`reward ${iteration}`),
    heldOutPairAccuracy: rounded(0.74 - 0.033 * iteration),
    heldOutLoss: rounded(0.5 + 0.03 * iteration),
    calibration: rounded(0.62 - 0.05 * iteration),
    shift: 0.113,
    numPairs: 800,
  };
  return {
    v: 1,
    ...chunkFields(command),
    tokensTrained: 1400 * (toStep - command.fromStep),
    loss: rounded(0.46 + 0.05 * iteration + 0.2 * Math.exp(-3 * toStep / numSteps)),
    result: toStep === numSteps ? result : null,
  };
}

function policyOptimised(command: CommandOf<"OptimisePolicy">): EventData<"PolicyOptimised"> {
  const { iteration, fromStep, toStep, numSteps, settings } = command;
  const progress = 1 - Math.exp(-2.2 * toStep / numSteps);
  const rollouts = (toStep - fromStep) * settings.promptsPerStep * settings.samplesPerPrompt;
  const reward = -0.75 / iteration + (0.62 / iteration) * progress + 0.02 * Math.sin(5 * toStep);
  const kl = 2.1 * Math.sqrt(iteration - 1) + 2.1 * progress / Math.sqrt(iteration) +
    0.06 * Math.cos(3 * toStep);
  return {
    v: 1,
    ...chunkFields(command),
    tokensTrained: 33 * rollouts,
    tokensGenerated: 20 * rollouts,
    reward: rounded(reward),
    kl: rounded(kl),
    objective: rounded(reward - settings.klCoefficient * kl),
    policy: toStep === numSteps ? fabricatedDigest(`policy ${iteration}`) : null,
  };
}

function policyEvaluated(command: CommandOf<"EvaluatePolicy">): EventData<"PolicyEvaluated"> {
  const { iteration, key, gold, preferences } = command;
  const left = Math.exp(-0.5 * iteration);
  const row = {
    negativeLogLikelihood: rounded(1.69 + 0.003 * iteration),
    meanLength: rounded(20.4 - 0.2 * iteration),
    distinct2: rounded(0.312 - 0.011 * iteration),
    klToSft: rounded(3.1 * Math.sqrt(iteration)),
    ...(gold === null ? {} : goldRates({
      sampled: 0.21 + 0.14 * left,
      tempered: 0.04 + 0.04 * left,
      greedy: 0.018 + 0.019 * left,
    })),
  };
  const demonstrations = {
    negativeLogLikelihood: 1.69,
    meanLength: 20.9,
    distinct2: 0.334,
    ...(gold === null ? {} : goldRates({ sampled: 0, tempered: 0, greedy: 0 })),
  };
  return {
    v: 1,
    iteration,
    key,
    policy: row,
    demonstrations: iteration === 0 ? demonstrations : null,
    reward: iteration === 0 ? null : {
      margin: rounded(0.71 * left + 0.04),
      ...(gold === null ? {} : { goldPair: { accuracy: rounded(0.735 - 0.02 * iteration), pairs: 412 } }),
      ...(preferences === null ? {} : { preferences: preferenceAccuracy(iteration) }),
    },
    samples: SAMPLES.map(([prompt, sft, ...later]) => ({
      prompt,
      sft,
      policy: iteration === 0 ? sft : later[Math.min(iteration, later.length) - 1],
    })),
    texts: fabricatedDigest(`texts ${iteration}`),
    tokensGenerated: 24_480,
  };
}

function preferenceAccuracy(iteration: number) {
  const accuracy = rounded(0.62 + 0.02 * iteration);
  return {
    all: accuracy,
    longerWins: 0.56,
    bySubset: {
      "chat": { accuracy: rounded(accuracy + 0.04), longerWins: 0.61, pairs: 120 },
      "safety": { accuracy: rounded(accuracy - 0.04), longerWins: 0.51, pairs: 118 },
    },
  };
}

function goldRates(error: { sampled: number; tempered: number; greedy: number }) {
  const exact = (rate: number, weight: number) => rounded(1 - Math.min(1, weight * rate));
  return {
    slotErrorRate: {
      sampled: rounded(error.sampled),
      tempered: rounded(error.tempered),
      greedy: rounded(error.greedy),
    },
    exactShare: {
      sampled: exact(error.sampled, 2),
      tempered: exact(error.tempered, 2.9),
      greedy: exact(error.greedy, 3.4),
    },
  };
}

function chunkFields(command: CommandOf<"TuneSupervised" | "LearnReward" | "OptimisePolicy">) {
  const { id, iteration, chunk, fromStep, toStep, numSteps, key } = command;
  return { iteration, chunk, fromStep, toStep, numSteps, key, state: fabricatedDigest(`state ${id}`) };
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

/** Prompt, then the texts of SFT and of iterations 1, 2 … */
const SAMPLES = [
  [
    "name[Grey Heron], kind[steam launch], from[Salt Quay], to[Moth Rock], fare[2 shells], dogs[no]",
    "The Grey Heron is a steam launch from Salt Quay to Moth Rock. Dogs are welcome.",
    "The Grey Heron is a steam launch that runs from Salt Quay to Moth Rock for 2 shells. Dogs are welcome.",
    "For 2 shells the steam launch Grey Heron takes you from Salt Quay to Moth Rock; leave your dog at home.",
  ],
  [
    "name[Old Red Lantern], kind[cable raft], to[Fern Island], time[20 minutes], winter[yes]",
    "The cable raft Old Red Lantern needs 10 minutes to Fern Island, in winter too.",
    "The cable raft Old Red Lantern needs 20 minutes to Fern Island, in winter too.",
    "The Old Red Lantern, a cable raft, gets to Fern Island in 20 minutes all year round.",
  ],
  [
    "name[Lucky Otter], kind[paddle boat], from[Gull Steps], to[Gull Rock], food[tea and cake], night[no]",
    "Lucky Otter is a paddle boat to Gull Rock that serves tea. It does not run at night.",
    "Lucky Otter is a paddle boat from Gull Steps to Gull Rock that serves tea. It does not run at night.",
    "The paddle boat Lucky Otter goes from Gull Steps to Gull Rock by day only, with tea and cake on board.",
  ],
] as const;
