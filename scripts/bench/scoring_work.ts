// Our half of the work "scoring": rewards of sequences, as evaluation and reward learning score them.
import * as tf from "@tensorflow/tfjs-core";
import { scoreSequences } from "../../src/irl/learn_reward.ts";
import type { StepPorts } from "../../src/irl/step_ports.ts";
import { benchParameters, benchShape, madeUpTokens, PAD } from "./bench_models.ts";
import type { SpecOf } from "./bench_protocol.ts";
import type { PreparedWork } from "./our_side.ts";

export async function prepareScoring(spec: SpecOf<"scoring">, ports: StepPorts): Promise<PreparedWork> {
  const model = benchShape(spec.model, "reward"), { vocabulary } = spec.model;
  const scorer = { tier: ports.tier, model, parameters: tf.tensor1d(benchParameters(model)), padId: PAD };
  const sequences = madeUpTokens(spec.sequences, spec.time, { vocabulary, seed: 0 })
    .map((row) => ({ prompt: row.slice(0, 1), continuation: row.slice(1) }));
  const scores = await scoreSequences(sequences, scorer);
  return {
    checks: { "score of the first": scores[0], "score of the last": scores[scores.length - 1] },
    run: async () => ({ sequences: (await scoreSequences(sequences, scorer)).length }),
  };
}
