// GPT-NeoX transformer (Pythia): parallel residual, layer norm, erf-GELU, partial rotary positions, tied output embedding.
// Pure: a flat parameter vector and token ids in, tensors out. Sequences are padded on the right; causal attention alone
// keeps padding from touching earlier positions.
import * as tf from "@tensorflow/tfjs-core";
import { checkShapes } from "../base/shapes.ts";
import { gelu, layerNorm, linear } from "./layers.ts";
import { type ModelShape, parameterLayout } from "./model_shape.ts";
import { type RotaryTables, rotaryTables, rotate } from "./rotary.ts";

const MASKED = -1e9;

export type NamedParameters = Record<string, tf.Tensor>;

/** Slices of the flat vector under their names; gradients flow back into the vector. */
export function namedParameters(model: ModelShape, flat: tf.Tensor): NamedParameters {
  const layout = parameterLayout(model);
  const pieces = tf.split(flat, layout.map((entry) => entry.size));
  return Object.fromEntries(layout.map((entry, i) => [entry.name, tf.reshape(pieces[i], entry.shape)]));
}

/** Keys and values of one layer, [batch, heads, time, head] each. */
export interface LayerCache {
  keys: tf.Tensor;
  values: tf.Tensor;
}

/** How the tokens of one call see positions and each other. */
export interface AttentionPlan {
  /** Broadcast over [batch, heads, time, head]. */
  cosines: tf.Tensor;
  sines: tf.Tensor;
  halfTurn: tf.Tensor;
  /** Added to scores, broadcast over [batch, heads, time, keys]: 0 where visible, a large negative number elsewhere. */
  bias: tf.Tensor;
}

/** The plan of a whole right-padded sequence: positions 0 … time − 1, each sees itself and what is before it. */
export function causalPlan(model: ModelShape, time: number): AttentionPlan {
  const tables: RotaryTables = rotaryTables(model.hiddenSize / model.numHeads, model.rotaryShare, time);
  const bias = new Float32Array(time * time);
  for (let row = 0; row < time; row++) bias.fill(MASKED, row * time + row + 1, (row + 1) * time);
  return { ...tables, bias: tf.tensor4d(bias, [1, 1, time, time]) };
}

/**
 * Final hidden states after the last layer norm.
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
  checkShapes("hiddenStates()", { tokens: ["batch", "time"] }, { tokens });
  const embedding = parameters["gpt_neox.embed_in.weight"];
  let x: tf.Tensor = tf.gather(embedding, tf.reshape(tokens, [-1]));
  const extended: LayerCache[] = [];
  for (let layer = 0; layer < model.numLayers; layer++) {
    const block = `gpt_neox.layers.${layer}`;
    const weight = (name: string) => parameters[`${block}.${name}.weight`];
    const bias = (name: string) => parameters[`${block}.${name}.bias`];
    const normal = layerNorm(x, weight("input_layernorm"), bias("input_layernorm"));
    const joined = linear(normal, weight("attention.query_key_value"), bias("attention.query_key_value"));
    const attended = attention(model, joined, { tokens, plan, cache: caches?.[layer] });
    extended.push(attended.cache);
    const mixed = linear(attended.output, weight("attention.dense"), bias("attention.dense"));
    const second = layerNorm(x, weight("post_attention_layernorm"), bias("post_attention_layernorm"));
    const inner = gelu(linear(second, weight("mlp.dense_h_to_4h"), bias("mlp.dense_h_to_4h")));
    const fed = linear(inner, weight("mlp.dense_4h_to_h"), bias("mlp.dense_4h_to_h"));
    x = tf.add(x, tf.add(mixed, fed));
  }
  const final = "gpt_neox.final_layer_norm";
  return {
    hidden: layerNorm(x, parameters[`${final}.weight`], parameters[`${final}.bias`]),
    caches: extended,
  };
}

/** Multi-head attention over a joined projection [batch · time, 3 · hidden], laid out as (head, query | key | value). */
function attention(
  model: ModelShape,
  joined: tf.Tensor,
  { tokens, plan, cache }: { tokens: tf.Tensor; plan: AttentionPlan; cache?: LayerCache },
): { output: tf.Tensor; cache: LayerCache } {
  const [batch, time] = tokens.shape;
  const heads = model.numHeads, head = model.hiddenSize / heads;
  const split = tf.transpose(tf.reshape(joined, [batch, time, heads, 3 * head]), [0, 2, 1, 3]);
  const [rawQueries, rawKeys, newValues] = tf.split(split, 3, 3);
  const queries = rotate(rawQueries, plan.cosines, plan.sines, plan.halfTurn);
  const newKeys = rotate(rawKeys, plan.cosines, plan.sines, plan.halfTurn);
  const keys = cache ? tf.concat([cache.keys, newKeys], 2) : newKeys;
  const values = cache ? tf.concat([cache.values, newValues], 2) : newValues;
  const scores = tf.add(tf.mul(tf.matMul(queries, keys, false, true), 1 / Math.sqrt(head)), plan.bias);
  const mixed = tf.transpose(tf.matMul(tf.softmax(scores), values), [0, 2, 1, 3]);
  return { output: tf.reshape(mixed, [batch * time, model.hiddenSize]), cache: { keys, values } };
}

/** Logits with the tied embedding. hidden [rows, hidden] → [rows, vocab]. */
export function tiedLogits(parameters: NamedParameters, hidden: tf.Tensor): tf.Tensor {
  return tf.matMul(hidden, parameters["gpt_neox.embed_in.weight"], false, true);
}
