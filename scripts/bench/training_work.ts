// Our half of the work "training": supervised steps by the trainer that every training of a run uses.
import * as tf from "@tensorflow/tfjs-core";
import type { StepPorts } from "../../src/irl/step_ports.ts";
import { disposeParts, lanesForBatch, sequenceParts, weightedParts } from "../../src/irl/sequence_parts.ts";
import { openTrainer, type Trainer } from "../../src/irl/train_chunk.ts";
import { supervisedLoss } from "../../src/math/supervised_loss.ts";
import { numParameters } from "../../src/model/model_shape.ts";
import { policyLogProbabilities } from "../../src/model/policy_model.ts";
import type { TokenSequence } from "../../src/model/token_sequence.ts";
import { wholeModel } from "../../src/model/trainable.ts";
import { benchParameters, benchShape, madeUpTokens, PAD } from "./bench_models.ts";
import type { SpecOf } from "./bench_protocol.ts";
import type { PreparedWork } from "./our_side.ts";

const NUM_BATCHES = 4;
/** Steps before the clock starts: the losses of the first three must be the peer's. */
const CHECKED_STEPS = 3;

export async function prepareTraining(spec: SpecOf<"training">, ports: StepPorts): Promise<PreparedWork> {
  const trainer = openSupervised(spec, ports), batches = trainingBatches(spec);
  const model = benchShape(spec.model, "policy");
  let step = 0;
  const run = async () => {
    const batch = batches[step % NUM_BATCHES];
    const parts = sequenceParts(batch, {
      size: null,
      lanes: lanesForBatch(ports.tier, model, batch),
      padId: PAD,
    });
    return await trainer.update(step++, weightedParts(parts)).finally(() => disposeParts(parts));
  };
  const checks: Record<string, number> = {};
  for (let i = 0; i < CHECKED_STEPS; i++) checks[`loss ${i}`] = await run();
  return { checks, run: async () => ({ loss: await run() }) };
}

function openSupervised({ model: size }: SpecOf<"training">, ports: StepPorts): Trainer {
  const model = benchShape(size, "policy"), length = numParameters(model);
  const start = {
    parameters: benchParameters(model),
    firstMoment: new Float32Array(length),
    secondMoment: new Float32Array(length),
    step: 0,
  };
  return openTrainer(ports, start, {
    name: "supervised step",
    model,
    trainable: wholeModel(model),
    optimiser: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, gradientNorm: 1 },
    learningRate: 1e-4,
    schedule: "constant",
    warmupSteps: 0,
    rateFloor: 1,
    numSteps: 1e9,
    lossSettings: model,
    loss: (flat, tokens, labels, mask) =>
      supervisedLoss(
        tf.reshape(
          policyLogProbabilities(model, flat, { tokens, labels, temperature: 1, forbidden: [] }),
          [-1],
        ),
        tf.reshape(mask, [-1]),
      ),
  });
}

/** Every token but the first is a counted label. */
function trainingBatches({ model: { vocabulary }, batch, time }: SpecOf<"training">): TokenSequence[][] {
  return Array.from({ length: NUM_BATCHES }, (_, seed) => {
    const rows = madeUpTokens(batch, time, { vocabulary, seed });
    return rows.map((row) => ({ prompt: row.slice(0, 1), continuation: row.slice(1) }));
  });
}
