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
export interface AttentionPlan extends RotaryTables {
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
  const extended: LayerCache[] = [];
  const hidden = transformerBlocks(model, parameters, {
    tokens,
    rotary: plan,
    attend(layer, { queries, keys: newKeys, values: newValues }) {
      const cache = caches?.[layer];
      const keys = cache ? tf.concat([cache.keys, newKeys], 2) : newKeys;
      const values = cache ? tf.concat([cache.values, newValues], 2) : newValues;
      extended.push({ keys, values });
      return tf.matMul(tf.softmax(attentionScores(queries, keys, plan.bias)), values);
    },
  });
  return { hidden, caches: extended };
}

/** Scaled products of queries and keys plus the bias. [batch, heads, time, head] twice → [batch, heads, time, keys]. */
export function attentionScores(queries: tf.Tensor, keys: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const head = queries.shape[3] ?? 0;
  return tf.add(tf.mul(tf.matMul(queries, keys, false, true), 1 / Math.sqrt(head)), bias);
}

/** Queries, keys and values of one layer's new tokens, rotated: [batch, heads, time, head] each. */
export interface HeadTensors extends LayerCache {
  queries: tf.Tensor;
}

export interface BlockInput {
  /** [batch, time], int32 */
  tokens: tf.Tensor;
  /** Cosines and sines broadcast over [batch, heads, time, head]. */
  rotary: RotaryTables;
  /** What the heads of a layer read for each query: [batch, heads, time, head]. Called once a layer, in order. */
  attend(layer: number, heads: HeadTensors): tf.Tensor;
}

/** The whole network but the way that queries meet keys. Returns hidden [batch · time, hidden]. */
export function transformerBlocks(
  model: ModelShape,
  parameters: NamedParameters,
  { tokens, rotary, attend }: BlockInput,
): tf.Tensor {
  checkShapes("hiddenStates()", { tokens: ["batch", "time"] }, { tokens });
  const [batch, time] = tokens.shape;
  const embedding = parameters["gpt_neox.embed_in.weight"];
  let x: tf.Tensor = tf.gather(embedding, tf.reshape(tokens, [-1]));
  for (let layer = 0; layer < model.numLayers; layer++) {
    const block = `gpt_neox.layers.${layer}`;
    const weight = (name: string) => parameters[`${block}.${name}.weight`];
    const bias = (name: string) => parameters[`${block}.${name}.bias`];
    const normal = layerNorm(x, weight("input_layernorm"), bias("input_layernorm"));
    const joined = linear(normal, weight("attention.query_key_value"), bias("attention.query_key_value"));
    const read = attend(layer, splitHeads(model, joined, { batch, time, rotary }));
    const attended = tf.reshape(tf.transpose(read, [0, 2, 1, 3]), [batch * time, model.hiddenSize]);
    const mixed = linear(attended, weight("attention.dense"), bias("attention.dense"));
    const second = layerNorm(x, weight("post_attention_layernorm"), bias("post_attention_layernorm"));
    const inner = gelu(linear(second, weight("mlp.dense_h_to_4h"), bias("mlp.dense_h_to_4h")));
    const fed = linear(inner, weight("mlp.dense_4h_to_h"), bias("mlp.dense_4h_to_h"));
    x = tf.add(x, tf.add(mixed, fed));
  }
  const final = "gpt_neox.final_layer_norm";
  return layerNorm(x, parameters[`${final}.weight`], parameters[`${final}.bias`]);
}

/** The heads of a joined projection [batch · time, 3 · hidden], laid out as (head, query | key | value). */
function splitHeads(
  model: ModelShape,
  joined: tf.Tensor,
  { batch, time, rotary }: { batch: number; time: number; rotary: RotaryTables },
): HeadTensors {
  const heads = model.numHeads, head = model.hiddenSize / heads;
  const split = tf.transpose(tf.reshape(joined, [batch, time, heads, 3 * head]), [0, 2, 1, 3]);
  const [queries, keys, values] = tf.split(split, 3, 3);
  const turned = (x: tf.Tensor) => rotate(x, rotary.cosines, rotary.sines, rotary.halfTurn);
  return { queries: turned(queries), keys: turned(keys), values };
}

/** Logits with the tied embedding. hidden [rows, hidden] → [rows, vocab]. */
export function tiedLogits(parameters: NamedParameters, hidden: tf.Tensor): tf.Tensor {
  return tf.matMul(hidden, parameters["gpt_neox.embed_in.weight"], false, true);
}
