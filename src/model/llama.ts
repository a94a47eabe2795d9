// Llama and Mistral: RMS norms, SwiGLU feed-forward (Shazeer 2020), grouped-query attention, no biases.
import * as tf from "@tensorflow/tfjs-core";
import type { ModelShape } from "./model_shape.ts";
import { gatedSilu } from "./gated_silu.ts";
import { rmsNorm } from "./rms_norm.ts";
import { attendHeads, type LayerInput, type NamedParameters } from "./transformer_layer.ts";

/** One layer: [batch · time, hidden] → the same shape, or the rows that the input picks. */
export function llamaLayer(model: ModelShape, parameters: NamedParameters, input: LayerInput): tf.Tensor {
  const { x } = input, block = `model.layers.${input.layer}`;
  const project = (y: tf.Tensor, name: string) =>
    tf.matMul(y, parameters[`${block}.${name}.weight`], false, true);
  const norm = (y: tf.Tensor, name: string) =>
    rmsNorm(y, parameters[`${block}.${name}.weight`], model.normEpsilon);
  const first = norm(x, "input_layernorm");
  const read = attendHeads(model, {
    queries: project(first, "self_attn.q_proj"),
    keys: project(first, "self_attn.k_proj"),
    values: project(first, "self_attn.v_proj"),
  }, input);
  const afterAttention = tf.add(input.pick?.(x) ?? x, project(read, "self_attn.o_proj"));
  const second = norm(afterAttention, "post_attention_layernorm");
  const gated = gatedSilu(project(second, "mlp.gate_proj"), project(second, "mlp.up_proj"));
  return tf.add(afterAttention, project(gated, "mlp.down_proj"));
}
