// What the step functions are tested on: a dozen demonstrations, a model of a few hundred parameters, artifacts in memory.
import * as tf from "@tensorflow/tfjs-core";
import {
  EvaluatePolicy,
  LearnReward,
  OptimisePolicy,
  RunConfig,
  SampleGenerations,
  TuneSupervised,
} from "../../events/mod.ts";
import { encodeJsonLines } from "../../src/base/json_lines.ts";
import type { Digest, Progress } from "../../src/base/ports.ts";
import { keyFromSeed, splitKey } from "../../src/base/random.ts";
import type { Tier } from "../../src/compute/tier.ts";
import type { Demonstration } from "../../src/data/rows.ts";
import { buildTokenizer } from "../../src/data/tokenizer_json.ts";
import { loadTokenizer } from "../../src/data/load_tokenizer.ts";
import type { Tokenizer } from "../../src/data/tokenizer.ts";
import type { StepPorts } from "../../src/irl/step_ports.ts";
import { encodeModel, encodeTrainingState, modelShape } from "../../src/model/checkpoint.ts";
import { initialParameters } from "../../src/model/initial_parameters.ts";
import type { ModelShape } from "../../src/model/model_shape.ts";
import { memoryArtifacts } from "../../src/store/memory_artifacts.ts";

const NAMES = ["Ada", "Ben", "Cleo", "Dov"], COLOURS = ["red", "blue", "green"];

export const DEMONSTRATIONS: readonly Demonstration[] = NAMES.flatMap((name) =>
  COLOURS.map((colour) => ({
    prompt: `name[${name}], colour[${colour}]`,
    completion: name.length > 3 ? `${name} likes ${colour}.` : `${colour} is what ${name} likes.`,
  }))
);

/** The smallest settings that exercise every branch; one test changes what it is about. */
const CONFIG = RunConfig.parse({
  model: {
    hiddenSize: 8,
    numLayers: 1,
    numHeads: 2,
    intermediateSize: 12,
    maxPositions: 24,
    initialDeviation: 0.3,
  },
  supervised: { epochs: 3, batchSize: 6, warmupSteps: 2 },
  generation: { negatives: 2, maxNewTokens: 6, batchSize: 8, shards: 2 },
  reward: { batchSize: 4, warmupSteps: 1, heldOutEvery: 4 },
  policy: { promptsPerStep: 3, samplesPerPrompt: 2, steps: 4, warmupSteps: 1, maxNewTokens: 5 },
  evaluation: { maxNewTokens: 6, batchSize: 16 },
});

export interface StepFixture {
  ports: StepPorts & { progressed: Progress[] };
  config: RunConfig;
  tokenizer: Tokenizer;
  policyShape: ModelShape;
  rewardShape: ModelShape;
  /** Digests of artifacts that commands name. */
  stored: Record<"tokenizer" | "demonstrations" | "prompts" | "evaluation" | "policy" | "reward", Digest>;
  /** Parses a command of defaults and `change`. */
  tuneSupervised(change?: Partial<TuneSupervised>): TuneSupervised;
  sampleGenerations(change?: Partial<SampleGenerations>): SampleGenerations;
  learnReward(change: Partial<LearnReward> & Pick<LearnReward, "generations">): LearnReward;
  optimisePolicy(change?: Partial<OptimisePolicy>): OptimisePolicy;
  evaluatePolicy(change?: Partial<EvaluatePolicy>): EvaluatePolicy;
  /** Stores a training state whose parameters are not finite. */
  brokenState(model: ModelShape): Promise<Digest>;
}

export async function stepFixture(tier: Tier): Promise<StepFixture> {
  const artifacts = memoryArtifacts(), progressed: Progress[] = [];
  const ports = {
    tier,
    artifacts,
    progress: (progress: Progress) => void progressed.push(progress),
    progressed,
  };
  const json = buildTokenizer({ demonstrations: DEMONSTRATIONS, prompts: [], minCount: 1 });
  const tokenizer = loadTokenizer(json);
  const policyShape = modelShape(CONFIG.model, tokenizer.vocabularySize, "policy");
  const rewardShape: ModelShape = { ...policyShape, head: "reward" };
  const key = keyFromSeed(5);
  const model = (shape: ModelShape) => artifacts.put(encodeModel(shape, initialParameters(shape, 0.3, key)));
  const prompts = DEMONSTRATIONS.map(({ prompt }) => prompt);
  const stored = {
    tokenizer: await artifacts.put(new TextEncoder().encode(json)),
    demonstrations: await artifacts.put(encodeJsonLines(DEMONSTRATIONS)),
    prompts: await artifacts.put(encodeJsonLines(prompts)),
    evaluation: await artifacts.put(encodeJsonLines(
      DEMONSTRATIONS.slice(0, 4).map(({ prompt, completion }) => ({ prompt, completions: [completion] })),
    )),
    policy: await model(policyShape),
    reward: await model(rewardShape),
  };
  const place = (step: string) => ({
    v: 1,
    id: `test/1/${step}/0/0`,
    run: "test",
    iteration: 1,
    shard: 0,
    chunk: 0,
    attempt: 1,
    key: splitKey(key, step),
    tokenizer: stored.tokenizer,
  });
  const chunk = (numSteps: number) => ({ state: null, fromStep: 0, toStep: numSteps, numSteps });
  return {
    ports,
    config: CONFIG,
    tokenizer,
    policyShape,
    rewardShape,
    stored,
    tuneSupervised: (change) =>
      TuneSupervised.parse({
        type: "TuneSupervised",
        role: "policy-optimizer",
        ...place("sft"),
        ...chunk(6),
        demonstrations: stored.demonstrations,
        model: CONFIG.model,
        base: null,
        settings: CONFIG.supervised,
        lora: CONFIG.lora,
        ...change,
      }),
    sampleGenerations: (change) =>
      SampleGenerations.parse({
        type: "SampleGenerations",
        role: "generator",
        ...place("generate"),
        numShards: 2,
        policy: stored.policy,
        demonstrations: stored.demonstrations,
        settings: CONFIG.generation,
        ...change,
      }),
    learnReward: (change) =>
      LearnReward.parse({
        type: "LearnReward",
        role: "reward-learner",
        ...place("reward"),
        ...chunk(4),
        demonstrations: stored.demonstrations,
        policy: stored.policy,
        previousReward: null,
        settings: CONFIG.reward,
        lora: CONFIG.lora,
        ...change,
      }),
    optimisePolicy: (change) =>
      OptimisePolicy.parse({
        type: "OptimisePolicy",
        role: "policy-optimizer",
        ...place("policy"),
        ...chunk(4),
        policy: stored.policy,
        reference: stored.policy,
        reward: stored.reward,
        prompts: stored.prompts,
        settings: CONFIG.policy,
        lora: CONFIG.lora,
        ...change,
      }),
    evaluatePolicy: (change) =>
      EvaluatePolicy.parse({
        type: "EvaluatePolicy",
        role: "evaluator",
        ...place("evaluate"),
        policy: stored.policy,
        reference: stored.policy,
        reward: stored.reward,
        evaluation: stored.evaluation,
        preferences: null,
        gold: null,
        settings: CONFIG.evaluation,
        ...change,
      }),
    brokenState: (shape) => {
      const parameters = initialParameters(shape, 0.3, key).fill(NaN, 0, 1);
      const zeros = new Float32Array(parameters.length);
      return artifacts.put(
        encodeTrainingState(shape, { parameters, firstMoment: zeros, secondMoment: zeros, step: 0 }),
      );
    },
  };
}

/** Runs `body` and returns how many tensors it left behind, whether it threw or not. */
export async function tensorsLeftBy(
  body: () => Promise<unknown>,
): Promise<{ left: number; error?: unknown }> {
  const before = tf.memory().numTensors;
  try {
    await body();
    return { left: tf.memory().numTensors - before };
  } catch (error) {
    return { left: tf.memory().numTensors - before, error };
  }
}
