// Numbers that the coordinator and `algorithm1.ts` must agree on: how many training steps a step of the loop has, how it is
// cut into chunks, and which random key it gets. Plain arithmetic; worker counts, attempts and times enter nowhere.
import type { RunConfig } from "../../events/mod.ts";
import { type RandomKey, splitKey } from "../base/random.ts";

export interface Chunk {
  fromStep: number;
  toStep: number;
}

/** Steps 0 … numSteps − 1 in chunks of `chunkSteps`; at least one chunk. */
export function chunksOf(numSteps: number, chunkSteps: number): Chunk[] {
  const chunks: Chunk[] = [];
  for (let fromStep = 0; fromStep < numSteps; fromStep += chunkSteps) {
    chunks.push({ fromStep, toStep: Math.min(numSteps, fromStep + chunkSteps) });
  }
  return chunks;
}

/** Training steps of supervised fine-tuning: whole batches only, but at least one batch. */
export function numSupervisedSteps(settings: RunConfig["supervised"], numDemonstrations: number): number {
  return Math.max(1, Math.round(settings.epochs * batchesPerEpoch(numDemonstrations, settings.batchSize)));
}

/** Training steps of one reward fit on the pairs that are not held out. */
export function numRewardSteps(
  settings: RunConfig["reward"],
  { numDemonstrations, negatives }: { numDemonstrations: number; negatives: number },
): number {
  const held = Math.ceil(numDemonstrations / settings.heldOutEvery);
  const pairs = Math.max(1, (numDemonstrations - held) * negatives);
  return Math.max(1, Math.round(settings.epochs * batchesPerEpoch(pairs, settings.batchSize)));
}

export function batchesPerEpoch(numRows: number, batchSize: number): number {
  return Math.max(1, Math.floor(numRows / batchSize));
}

/** The key of a step: the same for all its chunks. */
export function stepKey(runKey: RandomKey, iteration: number, step: string, shard = 0): RandomKey {
  return splitKey(runKey, iteration, step, shard);
}
