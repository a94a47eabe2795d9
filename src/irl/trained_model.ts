// What a step trains, opened on the backend: all of a network, or an adapter on a frozen one. It knows the vector that training
// starts from and how what was trained is stored; between them stands train_chunk.ts.
import * as tf from "@tensorflow/tfjs-core";
import type { RunConfig } from "../../events/mod.ts";
import { canonicalJson } from "../base/canonical.ts";
import type { Digest } from "../base/ports.ts";
import { type RandomKey, splitKey } from "../base/random.ts";
import { adapterLayout, initialAdapter, linearModules, type LoraConfig } from "../model/lora.ts";
import type { ModelShape } from "../model/model_shape.ts";
import { normalisedReward } from "../model/reward_model.ts";
import { roundFloats } from "../model/stored_floats.ts";
import {
  encodeAdapter,
  mergedNetwork,
  type Network,
  normalisedAdapter,
  readStoredModel,
  type StoredAdapter,
} from "../model/stored_model.ts";
import { loraAdapter, type Trainable, wholeModel } from "../model/trainable.ts";
import { readModel, saveModel } from "./run_artifacts.ts";
import type { StepPorts } from "./step_ports.ts";

/** Close it, whatever happens. */
export interface TrainedModel {
  /** The network. */
  model: ModelShape;
  trainable: Trainable;
  /** Trained vector that the first chunk starts from. */
  first(): Promise<Float32Array>;
  /** Stores the model of a trained vector, or of a reward that with scale · (r − shift) as its output. */
  save(trained: Float32Array, unit?: { scale: number; shift: number }): Promise<Digest>;
  close(): void;
}

/** The section `lora` of a configuration that has one. */
export type LoraSettings = NonNullable<RunConfig["lora"]>;

/** All of a network. */
export function trainWhole(
  ports: StepPorts,
  model: ModelShape,
  first: () => Promise<Float32Array>,
): TrainedModel {
  return {
    model,
    trainable: wholeModel(model),
    first,
    async save(trained, unit) {
      const network = unit === undefined ? { model, flat: trained } : normalisedReward(model, trained, unit);
      return await saveModel(ports, network.model, network.flat);
    },
    close() {},
  };
}

/** An adapter on a network of a stored model's numbers; `flat` is taken over. It starts as that network. */
export function trainFreshAdapter(
  ports: StepPorts,
  { model, flat, base }: Network & { base: Digest },
  { lora, key }: { lora: LoraSettings; key: RandomKey },
): TrainedModel {
  const config = loraConfig(model, lora), { baseType } = lora;
  const first = initialAdapter({ model, config }, { base: flat, key: splitKey(key, "adapter") });
  roundFloats(flat, baseType);
  return trainAdapter(ports, { model, config, base, baseType, flat: first }, flat);
}

/**
 * What a training that starts from a stored model trains: with `lora` null all of it. An adapter of these settings goes on,
 * so that a run has one adapter on one base, whose rank does not grow from iteration to iteration; any other model gets a
 * fresh one.
 */
export async function trainStored(
  ports: StepPorts,
  digest: Digest,
  { lora, key }: { lora: LoraSettings | null; key: RandomKey },
): Promise<TrainedModel> {
  if (lora === null) {
    const { model, flat } = await readModel(ports, digest);
    return trainWhole(ports, model, () => Promise.resolve(flat));
  }
  const stored = await readStoredModel(ports.artifacts, digest);
  if (stored.kind === "adapter" && goesOn(stored.adapter, lora)) {
    return trainAdapter(ports, stored.adapter, stored.base);
  }
  return trainFreshAdapter(ports, { ...mergedNetwork(stored), base: digest }, { lora, key });
}

/** The network that the first chunk starts from, [parameters]. The caller disposes it. */
export async function firstNetwork({ trainable, first }: TrainedModel): Promise<tf.Tensor> {
  const trained = await first();
  return tf.tidy(() => trainable.network(tf.tensor1d(trained), ...trainable.constants));
}

/** Throws ConfigError where `lora.targetModules` names no layer of the model. */
export function checkLora(model: ModelShape, lora: LoraSettings | null): void {
  if (lora !== null) adapterLayout({ model, config: loraConfig(model, lora) });
}

export function loraConfig(
  model: ModelShape,
  { rank, alpha, rankStabilised, targetModules }: LoraSettings,
): LoraConfig {
  return {
    rank,
    alpha,
    rankStabilised,
    targetModules: targetModules === "all-linear" ? linearModules(model) : targetModules,
  };
}

function goesOn({ model, config, baseType }: StoredAdapter, lora: LoraSettings): boolean {
  return baseType === lora.baseType && canonicalJson(config) === canonicalJson(loraConfig(model, lora));
}

function trainAdapter(ports: StepPorts, adapter: StoredAdapter, base: Float32Array): TrainedModel {
  const { model, config, flat: first } = adapter, frozen = tf.tensor1d(base);
  return {
    model,
    trainable: loraAdapter({ model, config }, frozen),
    first: () => Promise.resolve(first),
    async save(trained, unit) {
      const saved = { ...adapter, flat: trained };
      return await ports.artifacts.put(
        encodeAdapter(unit === undefined ? saved : normalisedAdapter(saved, unit)),
      );
    },
    close: () => frozen.dispose(),
  };
}
