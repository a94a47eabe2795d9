// Switching tfjs to a backend and away from it again, without its banner.
import "@tensorflow/tfjs";
import * as tf from "@tensorflow/tfjs-core";

/**
 * Makes the registered backend `name` the one that computes. The import of the whole tfjs above registers the
 * gradients, which the core alone lacks.
 */
export async function useBackend(name: string): Promise<void> {
  tf.enableProdMode(); // no banner, no hints on the console; changes no result
  if (!await tf.setBackend(name)) {
    throw new Error(`Check the tfjs packages: backend "${name}" does not start`);
  }
  await tf.ready();
}

/** Frees a backend that its package registered when imported, and all its tensors; it can be used again. */
export function leaveBackend(name: string): void {
  const factory = tf.findBackendFactory(name);
  tf.removeBackend(name);
  tf.registerBackend(name, factory);
}
