// A run's models as its artifacts: whole ones, and of what LoRA trained the adapter alone, with the digest of its base, which is
// a stored model again. A reader merges the two.
import { z } from "zod";
import { canonicalJson } from "../base/canonical.ts";
import { SchemaError } from "../base/errors.ts";
import type { ArtifactStore, Digest } from "../base/ports.ts";
import { decodeModel, readShape, shapeMetadata } from "./checkpoint.ts";
import { rewardBody } from "./initial_parameters.ts";
import { checkedObject } from "./checked_object.ts";
import { type AdaptedModel, adapterLayout, adapterSize, mergedParameters } from "./lora.ts";
import { type ModelShape, numParameters } from "./model_shape.ts";
import { normalisedReward } from "./reward_model.ts";
import { decodeSafetensors, encodeSafetensors, readHeader } from "./safetensors.ts";
import { roundFloats } from "./stored_floats.ts";

export interface StoredAdapter extends AdaptedModel {
  /** The stored model that it adapts; where it is a policy's and the adapter a reward's, the body of it. */
  base: Digest;
  /** What the base's numbers are rounded to. */
  baseType: "F32" | "BF16";
  /** [adapter] */
  flat: Float32Array;
}

export interface Network {
  model: ModelShape;
  /** [parameters] */
  flat: Float32Array;
}

export type StoredModel =
  | { kind: "whole"; network: Network }
  /** `base`: [parameters], rounded */
  | { kind: "adapter"; adapter: StoredAdapter; base: Float32Array };

/** Reads a stored model and all that it stands on. SchemaError names the artifact. */
export async function readStoredModel(
  artifacts: Pick<ArtifactStore, "get">,
  digest: Digest,
): Promise<StoredModel> {
  const bytes = await artifacts.get(digest), adapter = decodeAdapter(bytes, digest);
  if (adapter === undefined) return { kind: "whole", network: decodeModel(bytes, digest) };
  const { model, flat } = mergedNetwork(await readStoredModel(artifacts, adapter.base));
  const base = adapter.model.head === model.head ? flat : rewardBody(flat, model);
  if (base.length !== numParameters(adapter.model)) {
    throw new SchemaError(
      `Restore the artifacts from a copy: the base "${adapter.base}" is of another model`,
      {
        file: digest,
      },
    );
  }
  roundFloats(base, adapter.baseType);
  return { kind: "adapter", adapter, base };
}

/** The network as if it had been trained whole. */
export function mergedNetwork(stored: StoredModel): Network {
  if (stored.kind === "whole") return stored.network;
  const { adapter, base } = stored, { rewardShift: shift, ...model } = adapter.model;
  const flat = mergedParameters(adapter, { base, adapter: adapter.flat });
  return shift === undefined ? { model, flat } : normalisedReward(model, flat, { scale: 1, shift });
}

/** A reward's adapter with scale · (r − shift) as the output: the scale goes into the score head, the shift into the shape. */
export function normalisedAdapter(
  adapter: StoredAdapter,
  { scale, shift }: { scale: number; shift: number },
): StoredAdapter {
  const { rewardShift: before = 0, ...model } = adapter.model, rewardShift = scale * (before + shift);
  const flat = adapter.flat.slice();
  for (const { part, offset, size } of adapterLayout(adapter)) {
    if (part === "whole") { for (let i = offset; i < offset + size; i++) flat[i] *= scale; }
  }
  return { ...adapter, model: rewardShift === 0 ? model : { ...model, rewardShift }, flat };
}

const MARK = "adapter", VECTOR = "adapter";
const markSchema = z.strictObject({
  base: z.string(),
  baseType: z.enum(["F32", "BF16"]),
  config: z.strictObject({
    rank: z.int().positive(),
    alpha: z.number().positive(),
    rankStabilised: z.boolean(),
    targetModules: z.array(z.string()).min(1),
  }),
});

/** Equal adapters on equal bases give equal bytes. */
export function encodeAdapter({ model, config, base, baseType, flat }: StoredAdapter): Uint8Array {
  return encodeSafetensors({ [VECTOR]: { shape: [flat.length], data: flat } }, {
    ...shapeMetadata(model),
    [MARK]: canonicalJson({ base, baseType, config }),
  });
}

/** Undefined where the file is a whole model. */
function decodeAdapter(bytes: Uint8Array, file: string): StoredAdapter | undefined {
  const { metadata: { shape, [MARK]: mark } } = readHeader(bytes, file);
  if (mark === undefined) return undefined;
  const described = { model: readShape(shape, file), ...checkedObject(mark, markSchema, file) };
  const { [VECTOR]: vector, ...others } = decodeSafetensors(bytes, file).tensors;
  if (vector?.data.length === adapterSize(described) && Object.keys(others).length === 0) {
    return { ...described, flat: vector.data };
  }
  throw new SchemaError(
    `Restore the artifact from a copy: it must hold one vector "${VECTOR}" of ${
      adapterSize(described)
    } numbers`,
    { file },
  );
}
