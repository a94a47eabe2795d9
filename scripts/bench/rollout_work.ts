// Our half of the work "rollout": `generate`, as every sampling step of a run calls it.
import * as tf from "@tensorflow/tfjs-core";
import { keyFromSeed, splitKey } from "../../src/base/random.ts";
import type { StepPorts } from "../../src/irl/step_ports.ts";
import { generate, type Generation } from "../../src/model/generate.ts";
import { benchParameters, benchShape, EOS, madeUpTokens, PAD } from "./bench_models.ts";
import type { SpecOf } from "./bench_protocol.ts";
import type { PreparedWork } from "./our_side.ts";

export async function prepareRollout(spec: SpecOf<"rollout">, ports: StepPorts): Promise<PreparedWork> {
  const model = benchShape(spec.model, "policy"), flat = tf.tensor1d(benchParameters(model));
  const { vocabulary } = spec.model, { samplesPerPrompt, newTokens, topK, topP } = spec;
  const prompts = madeUpTokens(spec.prompts, spec.promptTokens, { vocabulary, seed: 0 })
    .flatMap((prompt) => Array.from({ length: samplesPerPrompt }, () => prompt));
  const key = keyFromSeed(1);
  let call = 0;
  const run = (): Promise<Generation[]> =>
    generate(model, flat, {
      tier: ports.tier,
      prompts,
      samplesPerPrompt,
      key: splitKey(key, "rollouts", call++),
      temperature: 1,
      topK,
      topP,
      maxNewTokens: newTokens,
      padId: PAD,
      eosId: EOS,
      // No text ends early: both sides make the same number of tokens.
      forbidden: [EOS, PAD],
    });
  const first = await run();
  const tokens = first.reduce((sum, generation) => sum + generation.tokens.length, 0);
  const total = first.reduce((sum, { logProbability }) => sum + logProbability, 0);
  return {
    checks: { tokens, "log-probability per token": total / tokens },
    run: async () => {
      await run();
      return { tokens };
    },
  };
}
