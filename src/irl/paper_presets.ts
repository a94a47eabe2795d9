// The paper's two experiments as presets: published values wherever there are some, each with where it stands.
// "N+" is the TL;DR recipe, "The N+ Implementation Details of RLHF with PPO" (vwxyzjn/summarize_from_feedback_details); "Online-RLHF"
// is RLHFlow/Online-RLHF with RAFT (Dong et al. 2023); "SPIN" is uclaml/SPIN. `deno task plan` says what they need.
import type { RunConfigInput } from "../../events/mod.ts";

/** N+: AdamW with epsilon 1e-5 and PyTorch's other defaults, no warm-up, no clipping of gradients, decay to 0. */
const nPlusAdamW = {
  warmupSteps: 0,
  rateFloor: 0,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-5,
  weightDecay: 0.01,
  gradientNorm: null,
};

/**
 * TL;DR summaries with PPO. Starts from Pythia-1B (`--model`); demonstrations by `--data`: prompts in N+'s form
 * `SUBREDDIT: r/…\n\nTITLE: …\n\nPOST: …\n\nTL;DR:` and completions of one space and the summary.
 */
export const tldr: RunConfigInput = {
  preset: "tldr",
  iterations: 2, // the paper, section 6
  task: {
    kind: "own",
    demonstrations: 10_000, // the paper, section 6
    maxPromptTokens: 512, // N+
    longPrompts: "cut-post", // N+
  },
  // EleutherAI/pythia-1b-deduped (N+; Biderman et al. 2023): config.json.
  model: {
    start: "pretrained",
    architecture: "gpt_neox",
    vocabularySize: 50_304,
    hiddenSize: 2048,
    numLayers: 16,
    numHeads: 8,
    intermediateSize: 8192,
    rotaryShare: 0.25,
    tiedEmbeddings: false,
    maxPositions: 2048,
  },
  supervised: {
    ...nPlusAdamW,
    epochs: 1, // N+
    batchSize: 128, // N+
    microbatchSize: 8, // our choice: memory
    learningRate: 3e-6, // N+
    schedule: "cosine", // N+
    promptLoss: true, // N+: loss on query and response
    chunkSteps: 20, // our choice: steps are long
  },
  generation: {
    negatives: 1, // Eq. 11: one y′ a demonstration
    temperature: 0.01, // the paper's released scripts
    maxNewTokens: 53, // N+
    batchSize: 64, // N+: rollout batches of a device
  },
  reward: {
    ...nPlusAdamW,
    kind: "newest", // the paper's experiments: refitted from SFT
    unit: "mean", // N+: the mean score of demonstrations is subtracted
    epochs: 1, // N+
    batchSize: 64, // N+
    microbatchSize: 4, // our choice: memory
    learningRate: 3e-6, // N+
    schedule: "cosine", // N+
    chunkSteps: 20, // our choice
  },
  policy: {
    ...nPlusAdamW,
    optimiser: "ppo", // the paper, section 6
    klCoefficient: 0.05, // N+: k1, per token
    temperature: 0.7, // N+: divides logits everywhere
    promptsPerStep: 512, // N+: batch
    samplesPerPrompt: 1, // N+
    rolloutBatchSize: 64, // N+: rollout batches of a device
    microbatchSize: 8, // our choice: memory
    steps: 1953, // N+: 1,000,000 episodes in batches of 512
    epochs: 4, // N+
    learningRate: 3e-6, // N+
    schedule: "linear", // N+
    noEosForm: "replace", // N+
    noEosPenalty: 1, // N+: score −1
    maxNewTokens: 53, // N+
    chunkSteps: 5, // our choice
    // N+, and the schema's defaults.
    ppo: {
      minibatches: 1,
      clipRange: 0.2,
      valueClipRange: 0.2,
      valueCoefficient: 0.1,
      discount: 1,
      traceDecay: 0.95,
      whitenAdvantages: true,
    },
  },
  evaluation: { maxNewTokens: 53, batchSize: 64 },
};

/**
 * UltraChat with best-of-N. Starts from zephyr-7b-sft-full, which is tuned already (`--sft`); demonstrations by `--data`: rows
 * `{messages: [{role, content}, …]}` of one question and one answer.
 */
export const ultrachat: RunConfigInput = {
  preset: "ultrachat",
  iterations: 2, // the paper, section 6
  task: {
    kind: "own",
    demonstrations: 50_000, // SPIN: first turns of UltraChat200k; the paper does not say
    maxPromptTokens: 512, // SPIN
    longPrompts: "leave-out", // our choice: a question cut short is another question
  },
  // alignment-handbook/zephyr-7b-sft-full, from Mistral 7B v0.1 (Jiang et al. 2023): config.json.
  model: {
    start: "tuned",
    architecture: "mistral",
    vocabularySize: 32_000,
    hiddenSize: 4096,
    numLayers: 32,
    numHeads: 32,
    numKeyValueHeads: 8,
    intermediateSize: 14_336,
    rotaryShare: 1,
    parallelResidual: false,
    tiedEmbeddings: false,
    maxPositions: 32_768,
    slidingWindow: 4096,
  },
  generation: {
    negatives: 1, // Eq. 11: one y′ a demonstration
    temperature: 1, // SPIN
    maxNewTokens: 256, // SPIN
    batchSize: 32, // our choice: memory
  },
  reward: {
    kind: "newest", // the paper: from the SFT model
    unit: "mean", // as for TL;DR; best-of-N takes any unit
    epochs: 1, // Online-RLHF
    batchSize: 512, // Online-RLHF
    microbatchSize: 1, // our choice: memory
    learningRate: 5e-6, // Online-RLHF, 7B
    schedule: "cosine", // Online-RLHF
    rateFloor: 0,
    chunkSteps: 10, // our choice
  },
  policy: {
    optimiser: "best-of-n", // the paper, section 6
    klCoefficient: 0, // N bounds the KL
    temperature: 1, // Online-RLHF; top-p 1
    samplesPerPrompt: 8, // Online-RLHF: K
    promptsPerStep: 64, // RAFT: batch
    rolloutBatchSize: 32, // our choice: memory
    microbatchSize: 1, // our choice: memory
    epochs: 2, // RAFT: 1 to 2
    steps: 624, // Online-RLHF: 20,000 prompts an iteration; 312 batches twice
    learningRate: 5e-6, // RAFT: 5e-6 to 1e-5
    schedule: "cosine", // Online-RLHF
    rateFloor: 0,
    beta2: 0.999, // PyTorch's default
    noEosPenalty: 0, // Online-RLHF has none
    maxNewTokens: 2048, // Online-RLHF
    chunkSteps: 4, // our choice
  },
  evaluation: { maxNewTokens: 2048, batchSize: 32 },
};
