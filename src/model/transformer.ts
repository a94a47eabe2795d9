// The transformer as a pure function: a flat parameter vector and token ids in, tensors out. Layers are the architecture's
// (gpt_neox.ts, llama.ts). Sequences are padded on the right; causal attention alone keeps padding from touching earlier
// positions.
import * as tf from "@tensorflow/tfjs-core";
import { checkShapes } from "../base/shapes.ts";
import { atEnds, causalAttention, endAttention, sightMask } from "./causal_attention.ts";
import { extendedCache } from "./extended_cache.ts";
import { gptNeoXLayer, gptNeoXNorm } from "./gpt_neox.ts";
import { llamaLayer } from "./llama.ts";
import { embeddingName, type ModelShape, outputEmbeddingName, parameterLayout } from "./model_shape.ts";
import { recomputed } from "./recomputed.ts";
import { rmsNorm } from "./rms_norm.ts";
import { rotaryAt, type RotaryTables, rotaryTables } from "./rotary.ts";
import {
  type LayerCache,
  type LayerInput,
  type NamedParameters,
  plainAttention,
} from "./transformer_layer.ts";

const MASKED = -1e9;

/** Slices of the flat vector under their names; gradients flow back into the vector. */
export function namedParameters(model: ModelShape, flat: tf.Tensor): NamedParameters {
  const layout = parameterLayout(model);
  const pieces = tf.split(flat, layout.map((entry) => entry.size));
  return Object.fromEntries(layout.map((entry, i) => [entry.name, tf.reshape(pieces[i], entry.shape)]));
}

/** How the tokens of one call see positions and each other. */
export interface AttentionPlan extends RotaryTables {
  /** Added to scores, broadcast over [batch, heads, time, keys]: 0 where visible, a large negative number elsewhere. */
  bias: tf.Tensor;
}

/** The plan of a whole right-padded sequence: positions 0 … time − 1, each sees itself and what is before it. */
export function causalPlan(model: ModelShape, time: number): AttentionPlan {
  const bias = new Float32Array(time * time);
  for (let row = 0; row < time; row++) bias.fill(MASKED, row * time + row + 1, (row + 1) * time);
  return { ...rotaryTables(model, time), bias: tf.tensor4d(bias, [1, 1, time, time]) };
}

/**
 * Final hidden states after the last norm.
 *
 * @param parameters named tensors of `model`
 * @param tokens [batch, time], int32
 * @param caches per layer keys and values of earlier tokens; the extended ones are returned
 * @returns hidden [batch · time, hidden]
 */
export function hiddenStates(
  model: ModelShape,
  parameters: NamedParameters,
  { tokens, plan, caches }: { tokens: tf.Tensor; plan: AttentionPlan; caches?: readonly LayerCache[] },
): { hidden: tf.Tensor; caches: LayerCache[] } {
  const extended: LayerCache[] = [];
  const hidden = transformerLayers(model, parameters, {
    tokens,
    rotary: plan,
    attend(layer, { queries, keys: newKeys, values: newValues }) {
      const cache = caches?.[layer];
      const before = (plan.bias.shape.at(-1) ?? 0) - (tokens.shape[1] ?? 0);
      const keys = cache ? extendedCache(cache.keys, newKeys, before) : newKeys;
      const values = cache ? extendedCache(cache.values, newValues, before) : newValues;
      extended.push({ keys, values });
      return plainAttention({ queries, keys, values }, plan.bias);
    },
  });
  return { hidden, caches: extended };
}

/** Whole sequences, as training and scoring give them. */
export interface SequenceTokens {
  /** [batch, time], int32, right-padded */
  tokens: tf.Tensor;
  /**
   * [2, batch, time], int32: the position of each token in its text, then the place in its row up to which later tokens see it; of rows
   * that hold several texts, which may have a beginning in common. @default one text a row
   */
  placement?: tf.Tensor;
  /**
   * Layers are run once more for their gradients, a third more work, and keep one tensor each. @default false
   */
  recompute?: boolean;
}

/**
 * Final hidden states of whole sequences.
 *
 * @returns hidden [batch · time, hidden]
 */
export function sequenceStates(
  model: ModelShape,
  parameters: NamedParameters,
  { tokens, placement, recompute = false }: SequenceTokens,
): tf.Tensor {
  const { rotary, seenUntil } = placed(model, { tokens, placement });
  return transformerLayers(model, parameters, {
    tokens,
    rotary,
    mask: seenUntil && sightMask(seenUntil),
    attend: (_, heads, mask) => causalAttention(heads, mask),
    recompute,
  });
}

/**
 * Final hidden states of a few positions alone. The last layer makes keys and values of all tokens, and the rest of its work is
 * done for these.
 *
 * @param ends [batch, slots], int32: positions, or −1 for none
 * @returns hidden [batch · slots, hidden]; meaningless where `ends` is −1
 */
export function endStates(
  model: ModelShape,
  parameters: NamedParameters,
  { tokens, placement, ends, recompute = false }: SequenceTokens & { ends: tf.Tensor },
): tf.Tensor {
  const { rotary, seenUntil } = placed(model, { tokens, placement });
  const [batch, time] = tokens.shape, [, slots] = ends.shape, last = model.numLayers - 1;
  return transformerLayers(model, parameters, {
    tokens,
    rotary,
    recompute,
    mask: seenUntil && sightMask(seenUntil),
    attend: (layer, heads, mask) =>
      layer < last ? causalAttention(heads, mask) : endAttention(heads, { ends, mask }),
    pickLast: (x) =>
      tf.reshape(tf.matMul(atEnds(ends, time), tf.reshape(x, [batch, time, -1])), [
        batch * slots,
        model.hiddenSize,
      ]),
  });
}

/** Rotary tables by each token's position, and how far it is seen. */
function placed(
  model: ModelShape,
  { tokens, placement }: Pick<SequenceTokens, "tokens" | "placement">,
): { rotary: RotaryTables; seenUntil?: tf.Tensor } {
  const rotary = rotaryTables(model, tokens.shape[1] ?? 0);
  if (placement === undefined) return { rotary };
  const [positions, seenUntil] = tf.unstack(placement);
  return { rotary: rotaryAt(rotary, positions), seenUntil };
}

export interface TransformerInput extends Pick<LayerInput, "rotary" | "attend" | "mask"> {
  /** [batch, time], int32 */
  tokens: tf.Tensor;
  /** Whether gradients run the layers again; `attend` must then be pure. @default false */
  recompute?: boolean;
  /** `pick` of the last layer. */
  pickLast?: LayerInput["pick"];
}

/** The whole network but the way that queries meet keys. Returns hidden [batch · time or picked, hidden] after the last norm. */
export function transformerLayers(
  model: ModelShape,
  parameters: NamedParameters,
  { tokens, rotary, attend, mask, recompute = false, pickLast }: TransformerInput,
): tf.Tensor {
  checkShapes("hiddenStates()", { tokens: ["batch", "time"] }, { tokens });
  const [batch, time] = tokens.shape;
  const layerOf = model.architecture === "gpt_neox" ? gptNeoXLayer : llamaLayer;
  let x: tf.Tensor = tf.gather(parameters[embeddingName(model)], tf.reshape(tokens, [-1]));
  for (let layer = 0; layer < model.numLayers; layer++) {
    const pick = layer === model.numLayers - 1 ? pickLast : undefined;
    const input = { layer, x, batch, time, rotary, attend, mask, pick };
    x = recompute
      ? recomputedLayer(parameters, input, (named, again) => layerOf(model, named, again))
      : layerOf(model, parameters, input);
  }
  return model.architecture === "gpt_neox"
    ? gptNeoXNorm(model, parameters, { x, name: "gpt_neox.final_layer_norm" })
    : rmsNorm(x, parameters["model.norm.weight"], model.normEpsilon);
}

/** A layer that keeps its input and is run again for its gradient. */
function recomputedLayer(
  parameters: NamedParameters,
  input: LayerInput,
  run: (parameters: NamedParameters, input: LayerInput) => tf.Tensor,
): tf.Tensor {
  const names = Object.keys(parameters).filter((name) => name.includes(`.layers.${input.layer}.`));
  const { rotary: { cosines, sines, halfTurn }, mask } = input;
  return recomputed({
    run([x, ...weights], [cosines, sines, halfTurn, mask]) {
      const own = Object.fromEntries(names.map((name, i) => [name, weights[i]]));
      return run(own, { ...input, x, mask, rotary: { ...input.rotary, cosines, sines, halfTurn } });
    },
    inputs: [input.x, ...names.map((name) => parameters[name])],
    constants: [cosines, sines, halfTurn, ...(mask === undefined ? [] : [mask])],
  });
}

/** Logits of a policy. hidden [rows, hidden] → [rows, vocab]. */
export function outputLogits(model: ModelShape, parameters: NamedParameters, hidden: tf.Tensor): tf.Tensor {
  return tf.matMul(hidden, parameters[outputEmbeddingName(model)], false, true);
}
