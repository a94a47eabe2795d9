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
const decay = z.number().min(0).lt(1);

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
  maxPromptTokens: field(count.nullable().default(null), {
    about: "longer prompts are dealt with as longPrompts says; null is no limit but the context",
    unit: "tokens",
    source: "TL;DR recipe: 512",
  }),
  longPrompts: field(z.enum(["refuse", "leave-out", "cut-post"]).default("refuse"), {
    about: "prompts over maxPromptTokens: an error, left out, or a TL;DR post without its last lines",
    source: "TL;DR recipe: cut-post",
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
  start: field(z.enum(["fresh", "pretrained", "tuned"]).default("fresh"), {
    about: "first parameters: drawn from the seed, of --model, or of --sft (no supervised fine-tuning then)",
    source: "the paper: Pythia-1B pretrained for TL;DR, zephyr-7b-sft-full tuned for UltraChat",
  }),
  architecture: field(z.enum(["gpt_neox", "llama", "mistral"]).default("gpt_neox"), {
    about: "kind of transformer, Hugging Face's model_type",
    source: "the paper: Pythia for TL;DR, Mistral for UltraChat",
  }),
  vocabularySize: field(count.nullable().default(null), {
    about: "rows of the embedding; null takes the tokenizer's number of tokens",
    unit: "tokens",
    source: "design",
  }),
  hiddenSize: field(count.default(96), {
    about: "width",
    unit: "features",
    source: "our trials: 0.4 M parameters",
  }),
  numLayers: field(count.default(3), { about: "transformer blocks", source: "our trials" }),
  numHeads: field(count.default(4), { about: "attention heads", source: "our trials" }),
  numKeyValueHeads: field(count.nullable().default(null), {
    about: "heads of keys and values, fewer for grouped-query attention; null is numHeads",
    source: "Mistral 7B: 8 of 32",
  }),
  headSize: field(count.nullable().default(null), {
    about: "features of one head; null is hiddenSize / numHeads",
    unit: "features",
    source: "convention",
  }),
  intermediateSize: field(count.default(384), {
    about: "feed-forward width",
    unit: "features",
    source: "4 x width",
  }),
  rotaryShare: field(share.default(0.25), { about: "share of each head that is rotated", source: "Pythia" }),
  rotaryBase: field(rate.default(10_000), {
    about: "base of the rotary angles",
    source: "Su et al. 2021; Pythia and Mistral 7B v0.1 alike",
  }),
  normEpsilon: field(rate.default(1e-5), {
    about: "added to the variance in layer norm and RMS norm",
    source: "Pythia and Mistral alike",
  }),
  parallelResidual: field(z.boolean().default(true), {
    about: "GPT-NeoX only: attention and feed-forward read the same input",
    source: "Pythia",
  }),
  tiedEmbeddings: field(z.boolean().default(true), {
    about: "one matrix for input and output embedding",
    source: "our trials; Pythia and Mistral have two",
  }),
  maxPositions: field(count.default(128), { about: "context length", unit: "tokens", source: "our choice" }),
  slidingWindow: field(count.nullable().default(null), {
    about: "Mistral only: positions that a token sees; sequences must be shorter, null is all",
    unit: "tokens",
    source: "Mistral 7B v0.1: 4096",
  }),
  initialDeviation: field(rate.default(0.02), {
    about: "standard deviation of initial weights",
    source: "GPT-NeoX",
  }),
}).refine(({ hiddenSize, numHeads, headSize }) => headSize !== null || hiddenSize % numHeads === 0, {
  path: ["numHeads"],
  message: "must divide model.hiddenSize: every head gets as many features",
}).refine(({ numHeads, numKeyValueHeads }) => numHeads % (numKeyValueHeads ?? numHeads) === 0, {
  path: ["numKeyValueHeads"],
  message: "must divide model.numHeads: every key-value head serves as many heads",
}).prefault({});

/** How one network is trained: AdamW and its learning-rate schedule, with a section's own defaults. */
function optimiserFields(
  defaults: { beta2: number; weightDecay: number; rateFloor: number; warmupSteps: number },
) {
  return {
    recomputeLayers: field(z.boolean().default(false), {
      about:
        "run every layer again for its gradients instead of keeping what it made: less memory, more time",
      source: "Chen et al. 2016; measured: a third of the activations for 17 % more processor time",
    }),
    warmupSteps: field(wholeNumber.default(defaults.warmupSteps), {
      about: "linear warm-up",
      unit: "steps",
      source: "our trials; TL;DR recipe: 0",
    }),
    schedule: field(z.enum(["linear", "cosine", "constant"]).default("linear"), {
      about: "how the learning rate goes on after warm-up",
      source: "our trials; TL;DR recipe: cosine for SFT and reward, linear for PPO",
    }),
    rateFloor: field(share.default(defaults.rateFloor), {
      about: "share of the peak learning rate that the schedule ends at",
      source: "our trials; TL;DR recipe: 0",
    }),
    beta1: field(decay.default(0.9), {
      about: "AdamW: decay of the first moment",
      source: "PyTorch's default",
    }),
    beta2: field(decay.default(defaults.beta2), {
      about: "AdamW: decay of the second moment",
      source: "PyTorch's default .999; .95 in our trials of policy optimisation",
    }),
    epsilon: field(rate.default(1e-8), {
      about: "AdamW: added to the root of the second moment",
      source: "PyTorch's default; TL;DR recipe: 1e-5",
    }),
    weightDecay: field(z.number().min(0).default(defaults.weightDecay), {
      about: "AdamW, decoupled, all parameters",
      source: "PyTorch's default .01; 0 in our trials of policy optimisation",
    }),
    gradientNorm: field(rate.nullable().default(1), {
      about: "global norm above which gradients are scaled down; null never scales",
      source: "our trials; TL;DR recipe: none",
    }),
  };
}

/** The field that trades time for memory where a whole batch does not fit. */
const wholeBatch = field(count.nullable().default(null), {
  about:
    "sequences (pairs for the reward) whose activations are in memory at a time; null is the whole batch",
  source: "gradient accumulation: the same update; TL;DR recipe: 1 a device",
});

export const SupervisedConfig = z.strictObject({
  epochs: field(rate.default(20), { about: "passes over the demonstrations", source: "our trials" }),
  batchSize: field(count.default(64), {
    about: "demonstrations per step",
    source: "our trials; TL;DR recipe: 128",
  }),
  learningRate: field(rate.default(3e-3), {
    about: "peak",
    unit: "per step",
    source: "our trials; TL;DR recipe: 3e-6 for 1B",
  }),
  microbatchSize: wholeBatch,
  promptLoss: field(z.boolean().default(false), {
    about: "count the loss on prompt tokens too",
    source: "off here; on in the TL;DR recipe",
  }),
  chunkSteps: field(count.default(200), {
    about: "steps between saved states: what a kill costs at most",
    unit: "steps",
    source: "measured: saving costs under 1 %",
  }),
  ...optimiserFields({ beta2: 0.999, weightDecay: 0.01, rateFloor: 0.05, warmupSteps: 20 }),
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
    about: "peak; of the residual reward in iteration 1",
    unit: "per step",
    source: "our trials; TL;DR recipe: 3e-6 for 1B",
  }),
  residualLearningRate: field(rate.default(1.5e-4), {
    about: "residual reward: peak from iteration 2 on",
    unit: "per step",
    source: "our trials: 5e-4 is overconfident there",
  }),
  microbatchSize: wholeBatch,
  headDeviation: field(rate.nullable().default(null), {
    about: "standard deviation of a new score head's weights; null is 1 / sqrt(hiddenSize + 1)",
    source: "TL;DR recipe",
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
  ...optimiserFields({ beta2: 0.999, weightDecay: 0.01, rateFloor: 0.05, warmupSteps: 10 }),
}).prefault({});

export const PpoConfig = z.strictObject({
  minibatches: field(count.default(1), {
    about: "updates that one pass over a batch of rollouts is cut into",
    source: "TL;DR recipe",
  }),
  clipRange: field(rate.default(0.2), {
    about: "largest change of a token's probability ratio that is rewarded",
    source: "TL;DR recipe; Schulman et al. 2017",
  }),
  valueClipRange: field(rate.default(0.2), {
    about: "largest change of a value that is rewarded",
    source: "TL;DR recipe",
  }),
  valueCoefficient: field(rate.default(0.1), {
    about:
      "weight of the value loss; with AdamW it matters beside epsilon only, as the value network is one of its own",
    source: "TL;DR recipe",
  }),
  discount: field(share.default(1), { about: "gamma of the returns, per token", source: "TL;DR recipe" }),
  traceDecay: field(share.default(0.95), {
    about: "lambda of the generalised advantages",
    source: "TL;DR recipe; Schulman et al. 2016",
  }),
  whitenAdvantages: field(z.boolean().default(true), {
    about: "advantages with mean 0 and deviation 1 over the tokens of a batch",
    source: "TL;DR recipe; off where the policy shall settle at Eq. 9",
  }),
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
  promptsPerStep: field(count.default(32), {
    about:
      "prompts of one step; times samplesPerPrompt the rollouts, of which best-of-n trains on one a prompt",
    unit: "prompts",
    source: "our trials; TL;DR recipe: 512",
  }),
  samplesPerPrompt: field(count.default(8), {
    about: "rollouts per prompt, the N of best-of-n; the leave-one-out baseline of rloo needs two",
    source: "our trials; TL;DR recipe: 1; Online-RLHF: 8",
  }),
  microbatchSize: field(count.default(64), {
    about: "rollouts whose activations are in memory at a time; gradients are added",
    unit: "sequences",
    source: "measured: 256 at once took 3.5 GB op by op",
  }),
  rolloutBatchSize: field(count.nullable().default(null), {
    about: "rollouts whose keys and values are in memory at a time; null is all of a step",
    unit: "sequences",
    source: "design; TL;DR recipe: 64",
  }),
  steps: field(count.default(80), {
    about: "steps per iteration; times promptsPerStep x samplesPerPrompt the episodes",
    unit: "steps",
    source: "our trials; TL;DR recipe: 1,000,000 episodes",
  }),
  epochs: field(count.default(1), {
    about: "times that a batch of rollouts (ppo) or the chosen texts (best-of-n) are trained on",
    source: "TL;DR recipe: 4; RAFT: 1 to 2; rloo has one",
  }),
  learningRate: field(rate.default(2e-4), {
    about: "peak",
    unit: "per step",
    source: "our trials; TL;DR recipe: 3e-6; RAFT: 5e-6 to 1e-5 for 7B",
  }),
  noEosPenalty: field(z.number().min(0).default(3), {
    about: "for a text without EOS, in the reward's unit; see noEosForm",
    source: "our trials; TL;DR recipe: 1",
  }),
  noEosForm: field(z.enum(["subtract", "replace"]).default("subtract"), {
    about: "the penalty is subtracted from the reward, or its negative stands for the reward",
    source: "our trials; TL;DR recipe: replace, score -1",
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
  ppo: PpoConfig,
  ...optimiserFields({ beta2: 0.95, weightDecay: 0, rateFloor: 0.1, warmupSteps: 5 }),
}).refine(({ optimiser, samplesPerPrompt }) => optimiser !== "rloo" || samplesPerPrompt >= 2, {
  path: ["samplesPerPrompt"],
  message: "must be at least 2 for rloo: each rollout is measured against the prompt's others",
}).refine(({ optimiser, epochs }) => optimiser === "ppo" || optimiser === "best-of-n" || epochs === 1, {
  path: ["epochs"],
  message: "must be 1 but for ppo and best-of-n: the others make one update of a batch of rollouts",
}).refine(
  ({ ppo, promptsPerStep, samplesPerPrompt }) => ppo.minibatches <= promptsPerStep * samplesPerPrompt,
  {
    path: ["ppo", "minibatches"],
    message: "must be at most policy.promptsPerStep x policy.samplesPerPrompt: no minibatch is empty",
  },
).prefault({});

/** Low-rank adapters on frozen networks instead of training all of them. */
export const LoraConfig = z.strictObject({
  rank: field(count.default(16), {
    about: "rows of A and columns of B in W + s B A",
    source: "TRL's default; Hu et al. 2021: 1 to 64",
  }),
  alpha: field(rate.default(32), { about: "numerator of the scale s", source: "TRL's default" }),
  rankStabilised: field(z.boolean().default(false), {
    about: "s is alpha / sqrt(rank) instead of alpha / rank",
    source: "PEFT's default; Kalajdzievski 2023",
  }),
  targetModules: field(z.union([z.literal("all-linear"), z.array(z.string()).min(1)]).default("all-linear"), {
    about: 'linear layers that get an adapter, by the last parts of their names, or "all-linear"',
    source: "Dettmers et al. 2023 (QLoRA): all; PEFT's spelling",
  }),
  baseType: field(z.enum(["F32", "BF16"]).default("F32"), {
    about: "numbers that the frozen base is rounded to; it is computed with in float32 either way",
    source: "published checkpoints are BF16",
  }),
});

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
  lora: field(LoraConfig.nullable().default(null), {
    about:
      "adapters are trained instead of whole networks, but for supervised fine-tuning of fresh ones; null is none",
    source: "Hu et al. 2021; the paper trains whole networks",
  }),
  evaluation: EvaluationConfig,
  supervision: SupervisionConfig,
});
export type RunConfig = z.infer<typeof RunConfig>;
/** What a preset or a config file may say: every field optional. */
export type RunConfigInput = z.input<typeof RunConfig>;

/** What of a configuration this version cannot run yet: one sentence per switch, empty when all is built. */
export function unbuiltSwitches(config: RunConfig): string[] {
  const built: [string, string, string[]][] = [
    ["reward.kind", config.reward.kind, ["residual", "newest", "warm"]],
    ["reward.loss", config.reward.loss, ["eq-11"]],
    ["reward.pairMemory", config.reward.pairMemory, ["latest"]],
    ["policy.optimiser", config.policy.optimiser, ["rloo", "ppo", "best-of-n", "raft"]],
  ];
  return built.filter(([, value, values]) => !values.includes(value))
    .map(([path, value, values]) =>
      `Set ${path} to "${values.join('" or "')}": "${value}" is not built in this version`
    );
}
