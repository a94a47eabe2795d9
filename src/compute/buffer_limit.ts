// How large one tensor may be on the backend that computes now. Where a backend has such a limit, what would be larger is made and used
// in pieces.
import * as tf from "@tensorflow/tfjs-core";

const limits = new Map<string, number>();

/** Bytes of one tensor at most on the backend that computes now; Infinity where it does not say. */
export function bufferLimit(): number {
  return limits.get(tf.getBackend()) ?? Infinity;
}

/** Says it of a backend, by tfjs's name; undefined takes it back. */
export function setBufferLimit(backend: string, bytes: number | undefined): void {
  if (bytes === undefined) limits.delete(backend);
  else limits.set(backend, bytes);
}
