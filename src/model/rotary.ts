// Rotary position embedding (Su et al. 2021) in the form of GPT-NeoX and Llama: the first share of each head, or all of it, is
// rotated in two halves.
// rotate(x) = x · cos + (x R) · sin, with R a constant [head, head] matrix of 0 and ±1, so that one product replaces
// slicing and joining; unrotated features have cos = 1, sin = 0.
import * as tf from "@tensorflow/tfjs-core";
import type { ModelShape } from "./model_shape.ts";

export interface RotaryTables {
  /** [positions, head], or of each token, [batch, 1, time, head] */
  cosines: tf.Tensor;
  sines: tf.Tensor;
  /** [head, head] */
  halfTurn: tf.Tensor;
}

/** How many features of a head are rotated: an even number. */
export function numRotated(headSize: number, rotaryShare: number): number {
  return 2 * Math.floor(Math.floor(headSize * rotaryShare) / 2);
}

/** Tables for positions 0 … numPositions − 1. The caller disposes them (or is inside a tidy). */
export function rotaryTables(
  { headSize, rotaryShare, rotaryBase }: Pick<ModelShape, "headSize" | "rotaryShare" | "rotaryBase">,
  numPositions: number,
): RotaryTables {
  const rotated = numRotated(headSize, rotaryShare), half = rotated / 2;
  const cosines = new Float32Array(numPositions * headSize).fill(1);
  const sines = new Float32Array(numPositions * headSize);
  const turn = new Float32Array(headSize * headSize);
  for (let position = 0; position < numPositions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * Math.pow(rotaryBase, -2 * i / rotated), row = position * headSize;
      cosines[row + i] = cosines[row + i + half] = Math.cos(angle);
      sines[row + i] = sines[row + i + half] = Math.sin(angle);
    }
  }
  for (let i = 0; i < half; i++) {
    turn[(i + half) * headSize + i] = -1;
    turn[i * headSize + i + half] = 1;
  }
  return {
    cosines: tf.tensor2d(cosines, [numPositions, headSize]),
    sines: tf.tensor2d(sines, [numPositions, headSize]),
    halfTurn: tf.tensor2d(turn, [headSize, headSize]),
  };
}

/** The tables' rows for tokens at these positions, [batch, time], int32: [batch, 1, time, head]. */
export function rotaryAt({ cosines, sines, halfTurn }: RotaryTables, positions: tf.Tensor): RotaryTables {
  const [batch, time] = positions.shape, flat = tf.reshape(positions, [-1]);
  const rows = (table: tf.Tensor) =>
    tf.reshape(tf.gather(table, flat), [batch, 1, time, table.shape[1] ?? 0]);
  return { cosines: rows(cosines), sines: rows(sines), halfTurn };
}

/** x [batch, heads, time, head]; cosines and sines broadcast over it → the same shape. */
export function rotate(x: tf.Tensor, cosines: tf.Tensor, sines: tf.Tensor, halfTurn: tf.Tensor): tf.Tensor {
  const [batch, heads, time, head] = x.shape;
  const turned = tf.reshape(tf.matMul(tf.reshape(x, [batch * heads * time, head]), halfTurn), x.shape);
  return tf.add(tf.mul(x, cosines), tf.mul(turned, sines));
}
