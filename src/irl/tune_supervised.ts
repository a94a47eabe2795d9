// Step "sft": supervised fine-tuning of the policy on demonstrations. Paper: Eq. (1), the start of Algorithm 1.
import * as tf from "@tensorflow/tfjs-core";
import type { TuneSupervised, WorkTypes } from "../../events/mod.ts";
import { ConfigError } from "../base/errors.ts";
import { splitKey } from "../base/random.ts";
import { supervisedLoss } from "../math/supervised_loss.ts";
import { modelShape } from "../model/checkpoint.ts";
import { initialParameters } from "../model/initial_parameters.ts";
import { policyLogProbabilities } from "../model/policy_model.ts";
import { sequenceBatch, type TokenSequence } from "../model/sequence_batch.ts";
import type { Demonstration } from "../data/rows.ts";
import type { WordTokenizer } from "../data/word_tokenizer.ts";
import { minibatches } from "./minibatches.ts";
import { readDemonstrations, readTokenizer, saveModel } from "./run_artifacts.ts";
import type { StepOutcome, StepPorts } from "./step_ports.ts";
import { chunkPlace, openTrainer, saveState, trainingState } from "./train_chunk.ts";

type Outcome = StepOutcome<WorkTypes["TuneSupervised"]["data"]>;

export async function tuneSupervised(command: TuneSupervised, ports: StepPorts): Promise<Outcome> {
  const { settings, key } = command;
  const tokenizer = await readTokenizer(ports, command.tokenizer);
  const demonstrations = await readDemonstrations(ports, command.demonstrations);
  const sequences = tokenSequences(demonstrations, tokenizer, command.model.maxPositions);
  const model = modelShape(command.model, tokenizer.vocabularySize, "policy");
  const start = await trainingState(ports, command.state, {
    model,
    fresh: () =>
      Promise.resolve(initialParameters(model, command.model.initialDeviation, splitKey(key, "init"))),
  });
  const trainer = openTrainer(ports, start, {
    name: "supervised step",
    model,
    optimiser: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, ...settings },
    learningRate: settings.learningRate,
    warmupSteps: settings.warmupSteps,
    floor: 0.05,
    numSteps: command.numSteps,
    loss: (flat, tokens, labels, mask) =>
      supervisedLoss(
        tf.reshape(policyLogProbabilities(model, flat, { tokens, labels, temperature: 1, forbidden: [] }), [
          -1,
        ]),
        tf.reshape(mask, [-1]),
      ),
  });
  const rows = minibatches(splitKey(key, "batches"), {
    numRows: sequences.length,
    batchSize: settings.batchSize,
  });
  let totalLoss = 0, tokensTrained = 0;
  try {
    for (let step = command.fromStep; step < command.toStep; step++) {
      const batch = sequenceBatch(Array.from(rows(step), (row) => sequences[row]), {
        padId: tokenizer.padId,
        promptLoss: settings.promptLoss,
        uncounted: [tokenizer.unkId],
      });
      const tensors = [
        tf.tensor2d(batch.tokens, [batch.batch, batch.time], "int32"),
        tf.tensor2d(batch.labels, [batch.batch, batch.time], "int32"),
        tf.tensor2d(batch.continuationMask, [batch.batch, batch.time]),
      ];
      const loss = await trainer.update(step, [{ tensors, weight: 1 }]).finally(() => tf.dispose(tensors));
      totalLoss += loss;
      tokensTrained += batch.numTokens;
      ports.progress({ done: step + 1, total: command.numSteps, unit: "steps", metrics: { loss } });
    }
    const state = await trainer.state(command.toStep);
    const last = command.toStep === command.numSteps;
    return {
      data: {
        ...chunkPlace(command),
        state: await saveState(ports, model, state),
        tokensTrained,
        loss: totalLoss / (command.toStep - command.fromStep),
        policy: last ? await saveModel(ports, model, state.parameters) : null,
      },
      meta: {},
    };
  } finally {
    trainer.close();
  }
}

/** Demonstrations as token lists with EOS; one that does not fit the context is an error that names its row. */
export function tokenSequences(
  demonstrations: readonly Demonstration[],
  tokenizer: WordTokenizer,
  maxPositions: number,
): TokenSequence[] {
  return demonstrations.map(({ prompt, completion }, row) => {
    const sequence = {
      prompt: tokenizer.encode(prompt),
      continuation: [...tokenizer.encode(completion), tokenizer.eosId],
    };
    const length = sequence.prompt.length + sequence.continuation.length;
    if (length > maxPositions) {
      throw new ConfigError(
        `Raise model.maxPositions or shorten the row: demonstration ${
          row + 1
        } has ${length} tokens, the context has ${maxPositions}`,
      );
    }
    return sequence;
  });
}
