// The works of `deno task bench`: what is measured, at which sizes, and what ratio to the peer is aimed at.
import type { BenchModel, WorkSpec } from "./bench_protocol.ts";

export interface BenchWork {
  name: string;
  about: string;
  spec: WorkSpec;
  /** Wanted ratio: the peer's time / our time. */
  aim: number;
  /** Most peak memory, as a multiple of the peer's. */
  memoryAim?: number;
  /** Rounds that count; another number is asked for with --rounds. */
  rounds: number;
}

const small: BenchModel = { layers: 2, hidden: 128, heads: 4, vocabulary: 512, positions: 128 };
const pythia14m: BenchModel = { layers: 6, hidden: 128, heads: 4, vocabulary: 50_304, positions: 128 };
const middle: BenchModel = { layers: 6, hidden: 256, heads: 8, vocabulary: 8192, positions: 1024 };
const pythia70m: BenchModel = { layers: 6, hidden: 512, heads: 8, vocabulary: 50_304, positions: 128 };
const lengths = { promptTokens: 16, newTokens: 48 };

export const BENCH_WORKS: readonly BenchWork[] = [
  {
    name: "train-0.5m",
    about: "training step, 0.5 M parameters, vocabulary 512, 32 x 64 tokens",
    spec: { kind: "training", model: small, batch: 32, time: 64 },
    aim: 1.1,
    rounds: 9,
  },
  {
    name: "train-14m",
    about: "training step, 14 M parameters, vocabulary 50,304, 8 x 128 tokens",
    spec: { kind: "training", model: pythia14m, batch: 8, time: 128 },
    aim: 1.1,
    rounds: 9,
  },
  {
    name: "train-512",
    about: "training step, 9 M parameters, 4 x 512 tokens",
    spec: { kind: "training", model: middle, batch: 4, time: 512 },
    aim: 1.05,
    memoryAim: 1.3,
    rounds: 7,
  },
  {
    name: "train-1024",
    about: "training step, 9 M parameters, 2 x 1024 tokens",
    spec: { kind: "training", model: middle, batch: 2, time: 1024 },
    aim: 0.95,
    memoryAim: 1.3,
    rounds: 7,
  },
  {
    name: "train-70m",
    about: "training step, 70 M parameters, vocabulary 50,304, 4 x 128 tokens",
    spec: { kind: "training", model: pythia70m, batch: 4, time: 128 },
    aim: 1.05,
    memoryAim: 1.2,
    rounds: 7,
  },
  {
    name: "rollout-512",
    about: "64 sampled rollouts with log-probabilities, 16 + 48 tokens, vocabulary 512",
    spec: { kind: "rollout", model: small, prompts: 64, samplesPerPrompt: 1, ...lengths },
    aim: 2.5,
    rounds: 9,
  },
  {
    name: "rollout-50304",
    about: "the same, vocabulary 50,304",
    spec: { kind: "rollout", model: pythia14m, prompts: 64, samplesPerPrompt: 1, ...lengths },
    aim: 6,
    rounds: 4,
  },
  {
    name: "rollout-top",
    about: "the same with top-k 50 and top-p 0.9",
    spec: {
      kind: "rollout",
      model: pythia14m,
      prompts: 64,
      samplesPerPrompt: 1,
      ...lengths,
      topK: 50,
      topP: 0.9,
    },
    aim: 6,
    rounds: 4,
  },
  {
    name: "inner-loop",
    about: "64 prompts x 4 samples: rollouts, rewards, reference, one policy step",
    spec: { kind: "inner-loop", model: small, prompts: 64, samplesPerPrompt: 4, ...lengths },
    aim: 2.5,
    rounds: 7,
  },
  {
    name: "inner-loop-long",
    about: "the same, 16 prompts of 384 tokens x 4 samples of 48",
    spec: {
      kind: "inner-loop",
      model: { ...small, positions: 512 },
      prompts: 16,
      samplesPerPrompt: 4,
      promptTokens: 384,
      newTokens: 48,
    },
    aim: 2.5,
    rounds: 4,
  },
  {
    name: "scoring",
    about: "rewards of 256 sequences of 64 tokens",
    spec: { kind: "scoring", model: small, sequences: 256, time: 64 },
    aim: 1.2,
    rounds: 9,
  },
  {
    name: "demo",
    about: "one iteration of the preset demo: sample, reward, 60 policy steps, evaluate",
    spec: {
      kind: "demo",
      demonstrations: 2000,
      evaluationPrompts: 400,
      supervisedEpochs: 6,
      policySteps: 60,
    },
    aim: 2,
    rounds: 1,
  },
];
