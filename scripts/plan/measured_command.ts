// A command of each step of a configuration on made-up rows, with all it needs in a folder: what an actor is handed when its memory is
// measured. Texts are words without meaning; parameters are random. Lengths are those of the estimate: completions have the data's longest
// and mean, and generations are as long as they may be. Prompts all are as long as the longest, also before demonstrations, which the
// estimate takes to have their mean.
import { Command, type RunConfig } from "../../events/mod.ts";
import { encodeJsonLines } from "../../src/base/json_lines.ts";
import type { ArtifactStore } from "../../src/base/ports.ts";
import { keyFromSeed, normals } from "../../src/base/random.ts";
import { loadTokenizer } from "../../src/data/load_tokenizer.ts";
import type { Demonstration } from "../../src/data/rows.ts";
import type { GenerationRow } from "../../src/data/stored_rows.ts";
import { buildTokenizer } from "../../src/data/tokenizer_json.ts";
import type { PlanData } from "../../src/irl/plan_data.ts";
import { encodeModel, modelShape } from "../../src/model/checkpoint.ts";
import { type ModelShape, numParameters } from "../../src/model/model_shape.ts";
import type { LengthFacts } from "../../src/model/pack_rows.ts";

export type MeasuredStep = "sft" | "generate" | "reward" | "policy" | "evaluate";

/** What all commands of one configuration read. */
export interface MeasuredRows {
  config: RunConfig;
  stored: Record<
    "tokenizer" | "demonstrations" | "generations" | "prompts" | "evaluation" | "policy" | "reward",
    string
  >;
}

/** Steps of the first chunk, of which the first compiles, and of both. */
const FIRST_STEPS = 2, NUM_STEPS = 3;

/** Puts rows and models into the store. */
export async function storeMeasuredRows(
  config: RunConfig,
  data: PlanData,
  artifacts: ArtifactStore,
): Promise<MeasuredRows> {
  const rows = madeUpRows(numRowsFor(config), data);
  const json = buildTokenizer({ demonstrations: rows, prompts: [], minCount: 1 });
  const tokenizer = loadTokenizer(json),
    put = (list: readonly unknown[]) => artifacts.put(encodeJsonLines(list));
  const model = { ...config.model, vocabularySize: Math.max(data.vocabularySize, tokenizer.vocabularySize) };
  const policy = modelShape(model, tokenizer.vocabularySize, "policy");
  const generations = rows.flatMap((_, demonstration): GenerationRow[] =>
    Array.from({ length: config.generation.negatives }, (_, negative) => {
      const words = madeUpText(config.generation.maxNewTokens - 1, demonstration, 11 + negative);
      return {
        demonstration,
        tokens: [...tokenizer.encode(words), tokenizer.eosId],
        finished: true,
        text: "",
      };
    })
  );
  const putModel = (shape: ModelShape) => artifacts.put(encodeModel(shape, randomParameters(shape)));
  const held = rows.slice(0, config.evaluation.batchSize);
  return {
    config: { ...config, model },
    stored: {
      tokenizer: await artifacts.put(new TextEncoder().encode(json)),
      demonstrations: await put(rows),
      generations: await put(generations),
      prompts: await put(rows.map(({ prompt }) => prompt)),
      evaluation: await put(held.map(({ prompt, completion }) => ({ prompt, completions: [completion] }))),
      policy: await putModel(policy),
      reward: await putModel({ ...policy, head: "reward" }),
    },
  };
}

/** Its first chunk, from the models' artifacts; the reward's on the difference to a frozen one where its kind has that. */
export function measuredCommand(step: MeasuredStep, { config, stored }: MeasuredRows): Command {
  const { tokenizer, demonstrations, policy } = stored;
  const base = {
    v: 1,
    id: `plan/1/${step}/0/0`,
    run: "plan",
    iteration: 1,
    shard: 0,
    chunk: 0,
    attempt: 1,
    key: keyFromSeed(1),
    tokenizer,
  };
  const chunk = { state: null, fromStep: 0, toStep: FIRST_STEPS, numSteps: NUM_STEPS };
  switch (step) {
    case "sft":
      return Command.parse({
        type: "TuneSupervised",
        role: "policy-optimizer",
        ...base,
        ...chunk,
        demonstrations,
        model: config.model,
        base: policy,
        settings: config.supervised,
        lora: config.lora,
      });
    case "generate":
      return Command.parse({
        type: "SampleGenerations",
        role: "generator",
        ...base,
        numShards: config.generation.shards,
        policy,
        demonstrations,
        settings: config.generation,
      });
    case "reward":
      return Command.parse({
        type: "LearnReward",
        role: "reward-learner",
        ...base,
        ...chunk,
        demonstrations,
        generations: [stored.generations],
        policy,
        previousReward: stored.reward,
        settings: config.reward,
        lora: config.lora,
      });
    case "policy":
      return Command.parse({
        type: "OptimisePolicy",
        role: "policy-optimizer",
        ...base,
        ...chunk,
        policy,
        reference: policy,
        reward: stored.reward,
        prompts: stored.prompts,
        settings: config.policy,
        lora: config.lora,
      });
    case "evaluate":
      return Command.parse({
        type: "EvaluatePolicy",
        role: "evaluator",
        ...base,
        policy,
        reference: policy,
        reward: stored.reward,
        evaluation: stored.evaluation,
        preferences: null,
        gold: null,
        settings: config.evaluation,
      });
    default:
      return step satisfies never;
  }
}

/** Enough that every batch is full. */
function numRowsFor({ supervised, generation, reward, policy, evaluation }: RunConfig): number {
  const { negatives, shards } = generation;
  const training = 2 * Math.max(supervised.batchSize, Math.ceil(reward.batchSize / negatives));
  const sampling = Math.max(
    Math.ceil(shards * generation.batchSize / negatives),
    policy.promptsPerStep,
    evaluation.batchSize,
  );
  return Math.max(training, sampling, 2 * reward.heldOutEvery);
}

const NUM_WORDS = 96;

/** Rows of words, each word one token; no two prompts are the same. */
function madeUpRows(count: number, { prompt, completion }: PlanData): Demonstration[] {
  return Array.from({ length: count }, (_, row) => ({
    prompt: madeUpText(prompt.longest, row, 1),
    // The end is a token as well.
    completion: madeUpText(Math.max(1, lengthAt(row, completion) - 1), row, 5),
  }));
}

/** Of each of many rows, so that the longest and the mean are these: one in so many is the longest, the others are equally long. */
export function lengthAt(row: number, { longest, mean }: LengthFacts): number {
  const every = Math.max(2, Math.ceil((longest - 1) / Math.max(1, mean - 1)));
  return row % every === 0 ? longest : Math.max(1, Math.round((every * mean - longest) / (every - 1)));
}

function madeUpText(length: number, row: number, stride: number): string {
  return Array.from({ length }, (_, i) => `w${(row * stride + i * (1 + row % 7)) % NUM_WORDS}`).join(" ");
}

/** Normal numbers over and over: where they stand changes nothing that is measured. */
function randomParameters(shape: ModelShape): Float32Array {
  const flat = new Float32Array(numParameters(shape)), drawn = normals(keyFromSeed(2), 65_521);
  for (let i = 0; i < flat.length; i++) flat[i] = 0.02 * drawn[i % drawn.length];
  return flat;
}
