// The one schema of a run's configuration: every field with its default, unit and source. Unknown keys are errors.
// "TL;DR recipe" is that of "The N+ Implementation Details of RLHF with PPO" (vwxyzjn/summarize_from_feedback_details).
// Switches of the paper are fields here; values that this version cannot run are refused by name (`unbuiltSwitches`).
// Size: one schema, one place; most lines are the notes that `deno task config` prints.
import { z } from "zod";

interface FieldNotes {
  /** What it is, in the field's standard words. */
  about: string;
  unit?: string;
  /** A table or equation of the paper, a recipe, or a measurement of ours. */
  source: string;
}

/** Attaches about, unit and source to a field; `deno task config` prints them. */
function field<Schema extends z.ZodType>(schema: Schema, notes: FieldNotes): Schema {
  return schema.meta({ ...notes });
}

const count = z.number().int().positive();
const wholeNumber = z.number().int().nonnegative();
const rate = z.number().positive();
const share = z.number().min(0).max(1);

export const TaskConfig = z.strictObject({
  kind: field(z.enum(["made-up", "e2e", "own"]).default("made-up"), {
    about: "where demonstrations come from: generated from the seed, the E2E data set, or your own file",
    source: "design",
  }),
  demonstrations: field(count.nullable().default(2000), {
    about: "demonstrations drawn by the seed; null takes all",
    unit: "rows",
    source: "our trials on E2E; the paper's TL;DR run has 10,000",
  }),
  prompts: field(count.nullable().default(3000), {
    about: "made-up task only: training prompts, with and without demonstrations",
    unit: "prompts",
    source: "the policy is optimised on all prompts (paper, section 6)",
  }),
  evaluationPrompts: field(count.default(400), {
    about: "held-out prompts for the Evaluator",
    unit: "prompts",
    source: "our trials: 400 prompts give intervals of about 2 points",
  }),
  evaluationShare: field(share.default(0.1), {
    about: "own data without --eval-data: share of prompts held out",
    source: "convention",
  }),
  maxSlots: field(count.default(5), {
    about: "E2E only: rows with more slots are left out",
    unit: "slots",
    source: "our trials",
  }),
  maxCompletionCharacters: field(count.default(180), {
    about: "E2E only: longer references are left out",
    unit: "characters",
    source: "our trials",
  }),
  cleanDemonstrations: field(z.boolean().default(true), {
    about:
      "E2E only: data preparation keeps training rows without a slot error by our checker, before the run starts",
    source: "our measurement: raw references have .09 to .11 slot error",
  }),
}).prefault({});

export const TokenizerConfig = z.strictObject({
  minCount: field(count.default(2), {
    about: "rarer words become <unk>; attribute values always have a token",
    unit: "occurrences",
    source: "our choice",
  }),
}).prefault({});

export const ModelConfig = z.strictObject({
  hiddenSize: field(count.default(96), {
    about: "width",
    unit: "features",
    source: "our trials: 0.4 M parameters",
  }),
  numLayers: field(count.default(3), { about: "GPT-NeoX blocks", source: "our trials" }),
  numHeads: field(count.default(4), { about: "attention heads", source: "our trials" }),
  intermediateSize: field(count.default(384), {
    about: "feed-forward width",
    unit: "features",
    source: "4 x width",
  }),
  rotaryShare: field(share.default(0.25), { about: "share of each head that is rotated", source: "Pythia" }),
  maxPositions: field(count.default(128), { about: "context length", unit: "tokens", source: "our choice" }),
  initialDeviation: field(rate.default(0.02), {
    about: "standard deviation of initial weights",
    source: "GPT-NeoX",
  }),
}).refine(({ hiddenSize, numHeads }) => hiddenSize % numHeads === 0, {
  path: ["numHeads"],
  message: "must divide model.hiddenSize: every head gets as many features",
}).prefault({});

const optimiserFields = {
  weightDecay: field(z.number().min(0).default(0.01), {
    about: "AdamW, decoupled, all parameters",
    source: "PyTorch's default",
  }),
  gradientNorm: field(rate.default(1), {
    about: "global norm above which gradients are scaled down",
    source: "our trials",
  }),
};

export const SupervisedConfig = z.strictObject({
  epochs: field(rate.default(20), { about: "passes over the demonstrations", source: "our trials" }),
  batchSize: field(count.default(64), {
    about: "demonstrations per step",
    source: "our trials; TL;DR recipe: 128",
  }),
  learningRate: field(rate.default(3e-3), {
    about: "peak, linear decay to 5 %",
    unit: "per step",
    source: "our trials; TL;DR recipe: 3e-6 for 1B",
  }),
  warmupSteps: field(wholeNumber.default(20), {
    about: "linear warm-up",
    unit: "steps",
    source: "our trials",
  }),
  promptLoss: field(z.boolean().default(false), {
    about: "count the loss on prompt tokens too",
    source: "off here; on in the TL;DR recipe",
  }),
  chunkSteps: field(count.default(200), {
    about: "steps between saved states: what a kill costs at most",
    unit: "steps",
    source: "measured: saving costs under 1 %",
  }),
  ...optimiserFields,
}).prefault({});

export const GenerationConfig = z.strictObject({
  negatives: field(count.default(4), {
    about: "generations per demonstration",
    source: "our trials: one is worse (gold-pair accuracy .655 against .72); the paper has one",
  }),
  temperature: field(rate.default(1), {
    about: "divides the logits",
    source: "our trials; the paper's scripts: 0.01",
  }),
  maxNewTokens: field(count.default(50), {
    about: "cut-off of one generation",
    unit: "tokens",
    source: "E2E lengths",
  }),
  batchSize: field(count.default(256), { about: "sequences generated together", source: "measured" }),
  shards: field(count.default(2), { about: "commands the work is cut into", source: "design" }),
}).prefault({});

export const RewardConfig = z.strictObject({
  kind: field(z.enum(["residual", "summed", "newest", "warm"]).default("residual"), {
    about: "reward of iteration k: one network fitted on the difference to the frozen previous one, …",
    source: "README, Departures; the paper refits from SFT (newest)",
  }),
  loss: field(z.enum(["eq-11", "eq-10"]).default("eq-11"), {
    about: "pairwise loss or sampled gradient of the surrogate",
    source: "Eq. 11",
  }),
  pairMemory: field(z.enum(["latest", "accumulate"]).default("latest"), {
    about: "pairs of this iteration only, or of all",
    source: "Eq. 11: pairs come from the current policy",
  }),
  unit: field(z.enum(["calibrated", "mean-and-std", "mean", "none"]).default("calibrated"), {
    about: "logit scale fitted on held-out pairs and mean zero on demonstrations, …",
    source: "our trials: dividing by the deviation makes beta arbitrary",
  }),
  epochs: field(rate.default(1), { about: "passes over the pairs", source: "our trials; TL;DR recipe: 1" }),
  batchSize: field(count.default(32), { about: "pairs per step", source: "our trials; TL;DR recipe: 64" }),
  learningRate: field(rate.default(5e-4), {
    about: "peak in iteration 1, linear decay to 5 %",
    unit: "per step",
    source: "our trials",
  }),
  residualLearningRate: field(rate.default(1.5e-4), {
    about: "peak from iteration 2 on",
    unit: "per step",
    source: "our trials: 5e-4 is overconfident there",
  }),
  warmupSteps: field(wholeNumber.default(10), {
    about: "linear warm-up",
    unit: "steps",
    source: "our trials",
  }),
  heldOutEvery: field(z.number().int().min(2).default(10), {
    about: "every n-th pair is held out for accuracy and calibration",
    source: "our trials",
  }),
  chunkSteps: field(count.default(120), {
    about: "steps between saved states",
    unit: "steps",
    source: "measured",
  }),
  ...optimiserFields,
}).prefault({});

export const PolicyConfig = z.strictObject({
  optimiser: field(z.enum(["rloo", "ppo", "reinforce", "remax", "best-of-n", "raft"]).default("rloo"), {
    about: "policy optimiser of Eq. 5b",
    source: "the paper: any fits; PPO for TL;DR, best-of-N for UltraChat",
  }),
  klReference: field(z.enum(["sft", "previous-policy"]).default("sft"), {
    about: "reference policy of the KL term",
    source: "Eq. 5b",
  }),
  start: field(z.enum(["previous-policy", "sft"]).default("previous-policy"), {
    about: "policy that iteration k starts from",
    source: "Algorithm 1",
  }),
  klCoefficient: field(z.number().min(0).default(0.3), {
    about: "beta, in the reward's calibrated unit, on the sequence KL",
    unit: "per nat",
    source: "our trials; TL;DR recipe: 0.05 per token on raw scores",
  }),
  temperature: field(rate.default(0.6), {
    about: "divides the logits everywhere: rollouts, reference, update",
    source: "our trials; TL;DR recipe: 0.7",
  }),
  promptsPerStep: field(count.default(32), { about: "prompts of one update", source: "our trials" }),
  samplesPerPrompt: field(z.number().int().min(2).default(8), {
    about: "rollouts per prompt: the leave-one-out baseline needs two",
    source: "our trials",
  }),
  microbatchSize: field(count.default(64), {
    about: "rollouts whose activations are in memory at a time; gradients are added",
    unit: "sequences",
    source: "measured: 256 at once took 3.5 GB op by op",
  }),
  steps: field(count.default(80), { about: "updates per iteration", unit: "steps", source: "our trials" }),
  learningRate: field(rate.default(2e-4), {
    about: "peak, linear decay to 10 %",
    unit: "per step",
    source: "our trials",
  }),
  warmupSteps: field(wholeNumber.default(5), {
    about: "linear warm-up",
    unit: "steps",
    source: "our trials",
  }),
  noEosPenalty: field(z.number().min(0).default(3), {
    about: "subtracted from the reward of a text without EOS, in the reward's unit",
    source: "our trials; TL;DR recipe: score -1",
  }),
  maxNewTokens: field(count.default(50), {
    about: "cut-off of one rollout",
    unit: "tokens",
    source: "E2E lengths; TL;DR recipe: 53",
  }),
  chunkSteps: field(count.default(20), {
    about: "steps between saved states",
    unit: "steps",
    source: "measured",
  }),
  weightDecay: field(z.number().min(0).default(0), { about: "AdamW, decoupled", source: "our trials" }),
  gradientNorm: field(rate.default(1), { about: "global gradient norm", source: "our trials" }),
}).prefault({});

export const EvaluationConfig = z.strictObject({
  samplesPerPrompt: field(count.default(1), {
    about: "samples per held-out prompt at T = 1 and at T = 0.5",
    source: "our choice",
  }),
  maxNewTokens: field(count.default(50), {
    about: "cut-off of one sample",
    unit: "tokens",
    source: "E2E lengths",
  }),
  batchSize: field(count.default(256), { about: "sequences handled together", source: "measured" }),
}).prefault({});

export const SupervisionConfig = z.strictObject({
  maxAttempts: field(count.default(3), {
    about: "failures of one command before the run fails (resumable)",
    source: "design",
  }),
  stallMs: field(count.default(300_000), {
    about: "no progress for so long counts as a failure",
    unit: "ms",
    source: "design",
  }),
}).prefault({});

export const RunConfig = z.strictObject({
  preset: field(z.string().default("demo"), {
    about: "the preset this configuration started from",
    source: "design",
  }),
  seed: field(wholeNumber.default(1), { about: "root of every random key", source: "design" }),
  iterations: field(wholeNumber.default(3), {
    about: "K of Algorithm 1",
    source: "Algorithm 1; the paper runs 2",
  }),
  task: TaskConfig,
  tokenizer: TokenizerConfig,
  model: ModelConfig,
  supervised: SupervisedConfig,
  generation: GenerationConfig,
  reward: RewardConfig,
  policy: PolicyConfig,
  evaluation: EvaluationConfig,
  supervision: SupervisionConfig,
});
export type RunConfig = z.infer<typeof RunConfig>;
/** What a preset or a config file may say: every field optional. */
export type RunConfigInput = z.input<typeof RunConfig>;

/** What of a configuration this version cannot run yet: one sentence per switch, empty when all is built. */
export function unbuiltSwitches(config: RunConfig): string[] {
  const built: [string, string, string][] = [
    ["reward.kind", config.reward.kind, "residual"],
    ["reward.loss", config.reward.loss, "eq-11"],
    ["reward.pairMemory", config.reward.pairMemory, "latest"],
    ["reward.unit", config.reward.unit, "calibrated"],
    ["policy.optimiser", config.policy.optimiser, "rloo"],
    ["policy.klReference", config.policy.klReference, "sft"],
    ["policy.start", config.policy.start, "previous-policy"],
  ];
  return built.filter(([, value, only]) => value !== only)
    .map(([path, value, only]) => `Set ${path} to "${only}": "${value}" is not built in this version`);
}
