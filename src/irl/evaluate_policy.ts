// Step "evaluate": what a policy and its reward are worth on held-out prompts. The only step that may read a gold measure or
// labelled preferences; nothing of it flows back into training.
import * as tf from "@tensorflow/tfjs-core";
import type { EvaluatePolicy, Row, SampleText, WorkTypes } from "../../events/mod.ts";
import { sha256 } from "../base/canonical.ts";
import { encodeJsonLines } from "../base/json_lines.ts";
import { type RandomKey, splitKey } from "../base/random.ts";
import { goldFor, type GoldMeasure } from "../data/gold.ts";
import type { EvaluationPrompt } from "../data/rows.ts";
import { numSlotErrors } from "../data/slot_errors.ts";
import type { EvaluatedText } from "../data/stored_rows.ts";
import { distinct2, meanLength } from "../data/text_measures.ts";
import { encodePrompt, unknownIds } from "../data/tokenizer.ts";
import type { TokenSequence } from "../model/token_sequence.ts";
import { goldPairAccuracy, preferenceAccuracy, rewardMargin } from "./evaluate_reward.ts";
import { readEvaluation, readModel, readPreferences, readTokenizer } from "./run_artifacts.ts";
import { forbiddenTokens, generateInBatches, type Sampler } from "./sample_generations.ts";
import { continuationLogProbabilities } from "./score_policy.ts";
import type { StepOutcome, StepPorts } from "./step_ports.ts";

type Outcome = StepOutcome<WorkTypes["EvaluatePolicy"]["data"]>;

/** T = 1, T = 0.5 and greedy: low temperatures hide differences and T = 1 exaggerates them, so all are reported. */
const DECODINGS = { sampled: 1, tempered: 0.5, greedy: "greedy" } as const;
const SHOWN_SAMPLES = 3;
/** Characters of a shown text: events stay small; the whole texts are in the `texts` artifact. */
const SHOWN_CHARACTERS = 600;

export async function evaluatePolicy(command: EvaluatePolicy, ports: StepPorts): Promise<Outcome> {
  const tokenizer = await readTokenizer(ports, command.tokenizer);
  const evaluation = await readEvaluation(ports, command.evaluation);
  const gold = command.gold === null ? undefined : goldFor(command.gold);
  const policyModel = await readModel(ports, command.policy),
    referenceModel = await readModel(ports, command.reference);
  const policy: Sampler = {
    tier: ports.tier,
    model: policyModel.model,
    parameters: tf.tensor1d(policyModel.flat),
    tokenizer,
  };
  const reference: Sampler = {
    tier: ports.tier,
    model: referenceModel.model,
    parameters: tf.tensor1d(referenceModel.flat),
    tokenizer,
  };
  try {
    const texts = await sampleTexts(ports, policy, { command, evaluation, gold });
    const row = await measureRow(ports, { command, texts, evaluation, policy, reference });
    // The same SFT pairs in every iteration: their key depends on the SFT model and the prompts alone.
    const pairKey = sha256(command.reference + command.evaluation).slice(0, 16);
    const before = await sftTexts(ports, reference, { command, evaluation, key: pairKey });
    const tempered = texts.filter((text) => text.decoding === "tempered");
    const samples = evaluation.slice(0, SHOWN_SAMPLES).map(({ prompt }, i): SampleText => ({
      prompt: shortened(prompt),
      policy: shortened(tempered[i * command.settings.samplesPerPrompt].text),
      sft: shortened(before.tempered[i]),
    }));
    const reward = command.reward === null
      ? null
      : await measureReward(ports, { command, evaluation, gold, texts, pairs: before.pairs, tokenizer });
    return {
      data: {
        v: 1,
        iteration: command.iteration,
        key: command.key,
        policy: row,
        demonstrations: command.iteration === 0
          ? demonstrationsRow(evaluation, row, { gold, tokenizer })
          : null,
        reward,
        samples,
        texts: await ports.artifacts.put(encodeJsonLines(texts)),
        tokensGenerated: texts.reduce((sum, text) => sum + text.tokens.length, 0),
      },
      meta: {},
    };
  } finally {
    tf.dispose([policy.parameters, reference.parameters]);
  }
}

interface EvaluationTask {
  command: EvaluatePolicy;
  evaluation: EvaluationPrompt[];
  gold?: GoldMeasure;
}

/** Texts of all three decodings; the greedy one once per prompt, the others `samplesPerPrompt` times. */
async function sampleTexts(
  ports: StepPorts,
  policy: Sampler,
  { command, evaluation, gold }: EvaluationTask,
): Promise<EvaluatedText[]> {
  const { settings } = command, out: EvaluatedText[] = [];
  for (const decoding of ["sampled", "tempered", "greedy"] as const) {
    const repeats = decoding === "greedy" ? 1 : settings.samplesPerPrompt;
    const prompts = evaluation.flatMap(({ prompt }) => Array.from({ length: repeats }, () => prompt));
    const generations = await generateInBatches(ports, policy, {
      prompts: prompts.map((prompt) => encodePrompt(policy.tokenizer, prompt)),
      key: splitKey(command.key, decoding),
      temperature: DECODINGS[decoding],
      maxNewTokens: settings.maxNewTokens,
      batchSize: settings.batchSize,
      samplesPerPrompt: repeats,
    });
    generations.forEach(({ tokens }, i) => {
      const text = policy.tokenizer.decode(tokens), prompt = prompts[i];
      const found = gold?.check(prompt, text);
      out.push({
        prompt,
        decoding,
        text,
        tokens,
        ...(found && { errors: numSlotErrors(found), numSlots: found.numSlots }),
      });
    });
  }
  return out;
}

async function measureRow(
  ports: StepPorts,
  { command, texts, evaluation, policy, reference }: {
    command: EvaluatePolicy;
    texts: EvaluatedText[];
    evaluation: EvaluationPrompt[];
    policy: Sampler;
    reference: Sampler;
  },
): Promise<Row> {
  const { tokenizer } = policy;
  const held = evaluation.flatMap(({ prompt, completions }): TokenSequence[] =>
    completions.map((text) => ({
      prompt: encodePrompt(tokenizer, prompt),
      continuation: [...tokenizer.encode(text), tokenizer.eosId],
    }))
  );
  const likelihood = await continuationLogProbabilities(policy, held, { uncounted: unknownIds(tokenizer) });
  const sampled = texts.filter((text) => text.decoding === "sampled");
  const sequences = sampled.map((text): TokenSequence => ({
    prompt: encodePrompt(tokenizer, text.prompt),
    continuation: text.tokens,
  }));
  // The sampler never draws these, so neither side of the KL gives them probability.
  const forbidden = forbiddenTokens(tokenizer);
  const now = await continuationLogProbabilities(policy, sequences, { forbidden });
  const before = await continuationLogProbabilities(reference, sequences, { forbidden });
  ports.progress({ done: evaluation.length, total: evaluation.length, unit: "rows" });
  return {
    ...slotRow(texts),
    negativeLogLikelihood: -sum(likelihood.map((entry) => entry.total)) /
      sum(likelihood.map((entry) => entry.numTokens)),
    meanLength: meanLength(sequences.map((sequence) => sequence.continuation)),
    distinct2: distinct2(sequences.map((sequence) => sequence.continuation)),
    ...(command.iteration > 0 &&
      { klToSft: sum(now.map((entry, i) => entry.total - before[i].total)) / now.length }),
  };
}

/** Slot error rate (errors over attributes) and share of exact texts of each decoding; empty without a gold measure. */
function slotRow(texts: EvaluatedText[]): Pick<Row, "slotErrorRate" | "exactShare"> {
  if (texts.some((text) => text.errors === undefined)) return {};
  const of = (decoding: keyof typeof DECODINGS) => texts.filter((text) => text.decoding === decoding);
  const rate = (rows: EvaluatedText[]) =>
    sum(rows.map((row) => row.errors ?? 0)) / sum(rows.map((row) => row.numSlots ?? 0));
  const exact = (rows: EvaluatedText[]) => rows.filter((row) => row.errors === 0).length / rows.length;
  const each = (measure: (rows: EvaluatedText[]) => number) => ({
    sampled: measure(of("sampled")),
    tempered: measure(of("tempered")),
    greedy: measure(of("greedy")),
  });
  return { slotErrorRate: each(rate), exactShare: each(exact) };
}

/** The demonstrations' own row: the same checker over held-out references. Its likelihood is SFT's. */
function demonstrationsRow(
  evaluation: EvaluationPrompt[],
  sft: Row,
  { gold, tokenizer }: { gold?: GoldMeasure; tokenizer: Sampler["tokenizer"] },
): Row {
  const all = evaluation.flatMap(({ prompt, completions }) => completions.map((text) => ({ prompt, text })));
  const tokens = all.map(({ text }) => [...tokenizer.encode(text), tokenizer.eosId]);
  const found = gold && all.map(({ prompt, text }) => gold.check(prompt, text));
  const same = (value: number) => ({ sampled: value, tempered: value, greedy: value });
  return {
    ...(found && {
      slotErrorRate: same(sum(found.map(numSlotErrors)) / sum(found.map((errors) => errors.numSlots))),
      exactShare: same(found.filter((errors) => numSlotErrors(errors) === 0).length / found.length),
    }),
    negativeLogLikelihood: sft.negativeLogLikelihood,
    meanLength: meanLength(tokens),
    distinct2: distinct2(tokens),
  };
}

/** SFT's own texts for the held-out prompts: two at T = 1 for gold pairs, one at T = 0.5 to look at. */
async function sftTexts(
  ports: StepPorts,
  reference: Sampler,
  { command, evaluation, key }: { command: EvaluatePolicy; evaluation: EvaluationPrompt[]; key: RandomKey },
): Promise<{ pairs: { prompt: string; texts: number[][] }[]; tempered: string[] }> {
  const prompts = evaluation.map(({ prompt }) => encodePrompt(reference.tokenizer, prompt));
  const draw = (label: string, temperature: number, wanted: number[][]) =>
    generateInBatches(ports, reference, {
      prompts: wanted,
      key: splitKey(key, label),
      temperature,
      maxNewTokens: command.settings.maxNewTokens,
      batchSize: command.settings.batchSize,
    });
  const tempered = await draw("tempered", 0.5, prompts.slice(0, SHOWN_SAMPLES));
  const wanted = command.reward === null || command.gold === null ? [] : prompts;
  const first = await draw("first", 1, wanted), second = await draw("second", 1, wanted);
  return {
    pairs: first.map(({ tokens }, i) => ({
      prompt: evaluation[i].prompt,
      texts: [tokens, second[i].tokens],
    })),
    tempered: tempered.map(({ tokens }) => reference.tokenizer.decode(tokens)),
  };
}

async function measureReward(
  ports: StepPorts,
  { command, evaluation, gold, texts, pairs, tokenizer }: EvaluationTask & {
    texts: EvaluatedText[];
    pairs: { prompt: string; texts: number[][] }[];
    tokenizer: Sampler["tokenizer"];
  },
): Promise<NonNullable<WorkTypes["EvaluatePolicy"]["data"]["reward"]>> {
  if (command.reward === null) throw new RangeError("measureReward: the command names no reward");
  const { model, flat } = await readModel(ports, command.reward);
  const scorer = { tier: ports.tier, model, parameters: tf.tensor1d(flat), padId: tokenizer.padId };
  try {
    const sampled = texts.filter((text) => text.decoding === "sampled");
    const margin = await rewardMargin(scorer, { evaluation, sampled, tokenizer });
    const goldPair = gold && await goldPairAccuracy(scorer, { pairs, gold, tokenizer });
    const preferences = command.preferences === null
      ? undefined
      : await preferenceAccuracy(scorer, await readPreferences(ports, command.preferences), tokenizer);
    return {
      margin,
      ...(goldPair && goldPair.pairs > 0 && { goldPair }),
      ...(preferences && { preferences }),
    };
  } finally {
    scorer.parameters.dispose();
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function shortened(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}
