// Which rows a training step sees: a fresh permutation per epoch, a function of key and step alone.
import { permutation, type RandomKey, splitKey } from "../base/random.ts";
import { batchesPerEpoch } from "./plan_steps.ts";

/** Row indices of each training step. The remainder of an epoch that fills no batch is left out of that epoch. */
export function minibatches(
  key: RandomKey,
  { numRows, batchSize }: { numRows: number; batchSize: number },
): (step: number) => Int32Array {
  const perEpoch = batchesPerEpoch(numRows, batchSize);
  let epoch = -1, order: Int32Array = new Int32Array(0);
  return (step) => {
    const wanted = Math.floor(step / perEpoch);
    if (wanted !== epoch) {
      epoch = wanted;
      order = permutation(splitKey(key, "epoch", epoch), numRows);
    }
    const start = (step % perEpoch) * batchSize;
    return order.subarray(start, start + batchSize);
  };
}
