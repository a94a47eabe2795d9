// GPT-NeoX (Pythia): layer norms with biases, erf-GELU, one joined projection of queries, keys and values.
// Attention and feed-forward read the same input (parallel residual) or the second reads the first one's output.
import * as tf from "@tensorflow/tfjs-core";
import { gelu, layerNorm, linear } from "./layers.ts";
import type { ModelShape } from "./model_shape.ts";
import { attendJoined, type LayerInput, type NamedParameters } from "./transformer_layer.ts";

/** One layer: [batch · time, hidden] → the same shape, or the rows that the input picks. */
export function gptNeoXLayer(model: ModelShape, parameters: NamedParameters, input: LayerInput): tf.Tensor {
  const { x } = input, block = `gpt_neox.layers.${input.layer}`;
  const project = (y: tf.Tensor, name: string) =>
    linear(y, parameters[`${block}.${name}.weight`], parameters[`${block}.${name}.bias`]);
  const joined = project(
    gptNeoXNorm(model, parameters, { x, name: `${block}.input_layernorm` }),
    "attention.query_key_value",
  );
  const mixed = project(attendJoined(model, joined, input), "attention.dense");
  const kept = input.pick?.(x) ?? x;
  const afterAttention = model.parallelResidual ? kept : tf.add(kept, mixed);
  const second = gptNeoXNorm(model, parameters, {
    x: afterAttention,
    name: `${block}.post_attention_layernorm`,
  });
  const fed = project(gelu(project(second, "mlp.dense_h_to_4h")), "mlp.dense_4h_to_h");
  return model.parallelResidual ? tf.add(kept, tf.add(mixed, fed)) : tf.add(afterAttention, fed);
}

/** Layer norm of [rows, hidden] with the named weight and bias. */
export function gptNeoXNorm(
  model: ModelShape,
  parameters: NamedParameters,
  { x, name }: { x: tf.Tensor; name: string },
): tf.Tensor {
  return layerNorm(x, parameters[`${name}.weight`], parameters[`${name}.bias`], model.normEpsilon);
}
