// Step "sft": supervised fine-tuning of the policy on demonstrations. Paper: Eq. (1), the start of Algorithm 1.
import * as tf from "@tensorflow/tfjs-core";
import type { TuneSupervised, WorkTypes } from "../../events/mod.ts";
import { ConfigError } from "../base/errors.ts";
import { splitKey } from "../base/random.ts";
import { supervisedLoss } from "../math/supervised_loss.ts";
import { modelShape } from "../model/checkpoint.ts";
import { contextLimit, type ModelShape } from "../model/model_shape.ts";
import { initialParameters } from "../model/initial_parameters.ts";
import { policyLogProbabilities } from "../model/policy_model.ts";
import type { TokenSequence } from "../model/token_sequence.ts";
import type { Demonstration } from "../data/rows.ts";
import { encodePrompt, type Tokenizer, unknownIds } from "../data/tokenizer.ts";
import { minibatches } from "./minibatches.ts";
import { readDemonstrations, readModel, readTokenizer } from "./run_artifacts.ts";
import { disposeParts, lanesForBatch, numTokensIn, sequenceParts, weightedParts } from "./sequence_parts.ts";
import type { StepOutcome, StepPorts } from "./step_ports.ts";
import { chunkPlace, openTrainer, saveState, trainingState } from "./train_chunk.ts";
import { type TrainedModel, trainFreshAdapter, trainWhole } from "./trained_model.ts";
import { trainerSettings } from "./trainer_settings.ts";

type Outcome = StepOutcome<WorkTypes["TuneSupervised"]["data"]>;

export async function tuneSupervised(command: TuneSupervised, ports: StepPorts): Promise<Outcome> {
  const tokenizer = await readTokenizer(ports, command.tokenizer);
  const demonstrations = await readDemonstrations(ports, command.demonstrations);
  const sequences = tokenSequences(demonstrations, tokenizer, contextLimit(command.model));
  const model = modelShape(command.model, tokenizer.vocabularySize, "policy");
  const trained = await openPolicy(command, model, ports);
  try {
    return await runChunk(command, ports, { sequences, tokenizer, trained });
  } finally {
    trained.close();
  }
}

/** Parameters that nobody has trained yet are trained whole: there is nothing to adapt. */
async function openPolicy(
  { base, lora, key, model: { initialDeviation } }: TuneSupervised,
  model: ModelShape,
  ports: StepPorts,
): Promise<TrainedModel> {
  if (base === null) {
    const drawn = () => initialParameters(model, initialDeviation, splitKey(key, "init"));
    return trainWhole(ports, model, () => Promise.resolve(drawn()));
  }
  const read = async () => (await readModel(ports, base)).flat;
  if (lora === null) return trainWhole(ports, model, read);
  return trainFreshAdapter(ports, { model, flat: await read(), base }, { lora, key });
}

async function runChunk(
  command: TuneSupervised,
  ports: StepPorts,
  { sequences, tokenizer, trained }: {
    sequences: readonly TokenSequence[];
    tokenizer: Tokenizer;
    trained: TrainedModel;
  },
): Promise<Outcome> {
  const { settings, key } = command, { model, trainable } = trained, recompute = settings.recomputeLayers;
  const trainer = openTrainer(ports, await trainingState(ports, command.state, trained), {
    name: "supervised step",
    model,
    trainable,
    ...trainerSettings(settings, command),
    lossSettings: { model, recompute },
    loss: (flat, tokens, labels, mask, placement) =>
      supervisedLoss(
        tf.reshape(
          policyLogProbabilities(model, flat, {
            tokens,
            labels,
            placement,
            temperature: 1,
            forbidden: [],
            recompute,
          }),
          [
            -1,
          ],
        ),
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
      const batch = Array.from(rows(step), (row) => sequences[row]);
      const parts = sequenceParts(batch, {
        size: settings.microbatchSize,
        lanes: lanesForBatch(ports.tier, model, batch),
        padId: tokenizer.padId,
        promptLoss: settings.promptLoss,
        uncounted: unknownIds(tokenizer),
      });
      const loss = await trainer.update(step, weightedParts(parts)).finally(() => disposeParts(parts));
      totalLoss += loss;
      tokensTrained += numTokensIn(batch);
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
        policy: last ? await trained.save(state.parameters) : null,
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
  tokenizer: Tokenizer,
  limit: number,
): TokenSequence[] {
  return demonstrations.map(({ prompt, completion }, row) => {
    const sequence = {
      prompt: encodePrompt(tokenizer, prompt),
      continuation: [...tokenizer.encode(completion), tokenizer.eosId],
    };
    const length = sequence.prompt.length + sequence.continuation.length;
    if (length > limit) {
      throw new ConfigError(
        `Raise model.maxPositions or shorten the row: demonstration ${
          row + 1
        } has ${length} tokens, the context has ${limit}`,
      );
    }
    return sequence;
  });
}
