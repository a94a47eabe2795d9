// Reading and writing the artifacts that steps exchange: row lists, tokenizer, models.
import type { Digest } from "../base/ports.ts";
import { demonstrationSchema, evaluationPromptSchema, preferencePairSchema } from "../data/rows.ts";
import { generationSchema, storedPrompts, storedRows } from "../data/stored_rows.ts";
import { loadTokenizer } from "../data/load_tokenizer.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import { encodeModel } from "../model/checkpoint.ts";
import type { ModelShape } from "../model/model_shape.ts";
import { mergedNetwork, type Network, readStoredModel } from "../model/stored_model.ts";
import type { StepPorts } from "./step_ports.ts";

async function rowsOf<Schema extends Parameters<typeof storedRows>[1]>(
  ports: StepPorts,
  digest: Digest,
  schema: Schema,
) {
  return storedRows(await ports.artifacts.get(digest), schema);
}

export const readDemonstrations = (ports: StepPorts, digest: Digest) =>
  rowsOf(ports, digest, demonstrationSchema);
export const readEvaluation = (ports: StepPorts, digest: Digest) =>
  rowsOf(ports, digest, evaluationPromptSchema);
export const readPreferences = (ports: StepPorts, digest: Digest) =>
  rowsOf(ports, digest, preferencePairSchema);
export const readGenerations = (ports: StepPorts, digest: Digest) => rowsOf(ports, digest, generationSchema);

export async function readPrompts(ports: StepPorts, digest: Digest): Promise<string[]> {
  return storedPrompts(await ports.artifacts.get(digest));
}

export async function readTokenizer(ports: StepPorts, digest: Digest): Promise<Tokenizer> {
  return loadTokenizer(new TextDecoder().decode(await ports.artifacts.get(digest)));
}

/** The network of a stored model; an adapter is merged with its base. */
export async function readModel(ports: StepPorts, digest: Digest): Promise<Network> {
  return mergedNetwork(await readStoredModel(ports.artifacts, digest));
}

export async function saveModel(ports: StepPorts, model: ModelShape, flat: Float32Array): Promise<Digest> {
  return await ports.artifacts.put(encodeModel(model, flat));
}
