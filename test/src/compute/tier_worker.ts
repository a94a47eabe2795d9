// A Worker that opens one tier, runs every contract case on it and answers with the numbers.
import * as tf from "@tensorflow/tfjs-core";
import { openTier, type Tier, type TierDescription, type TierOptions } from "../../../src/compute/tier.ts";
import { computeFrom, type TierCase, tierCases } from "./tier_cases.ts";

export interface CaseResult {
  name: string;
  outputs: { shape: number[]; dtype: string; values: number[] }[];
  /** Tensors and buffers left over after the second run. */
  leaked: { tensors: number; buffers: number };
  error?: string;
}

export type TierReport = { description: TierDescription; results: CaseResult[]; printed: string[] } | {
  error: string;
};

globalThis.addEventListener("message", (event) => {
  if (event instanceof MessageEvent) answer(event.data, event.ports[0]);
});

async function answer(options: TierOptions, port: MessagePort): Promise<void> {
  try {
    port.postMessage(await runCases(options));
  } catch (error) {
    port.postMessage({ error: error instanceof Error ? `${error.stack}` : String(error) });
  }
}

async function runCases(options: TierOptions): Promise<TierReport> {
  const printed: string[] = [];
  for (const name of ["log", "warn", "error", "info"] as const) {
    console[name] = (...words: unknown[]) => void printed.push(words.join(" "));
  }
  const tier = await openTier(options);
  const results: CaseResult[] = [];
  for (const tierCase of tierCases) results.push(await runCase(tier, tierCase));
  await tier.dispose();
  const { name, variant, threads, engine } = tier;
  return { description: { name, variant, threads, engine }, results, printed };
}

async function runCase(tier: Tier, { name, compute }: TierCase): Promise<CaseResult> {
  const zero = tf.scalar(0);
  try {
    const run = tier.compile(name, (argument) => computeFrom(argument, compute), [{
      shape: [],
      dtype: "float32",
    }]);
    tf.dispose(run(zero));
    const before = { tensors: tf.memory().numTensors, buffers: tf.backend().numDataIds() };
    const tensors = run(zero);
    const outputs = await Promise.all(tensors.map(async (tensor) => ({
      shape: tensor.shape,
      dtype: tensor.dtype,
      values: Array.from(await tensor.data()),
    })));
    tf.dispose(tensors);
    const leaked = {
      tensors: tf.memory().numTensors - before.tensors,
      buffers: tf.backend().numDataIds() - before.buffers,
    };
    return { name, outputs, leaked };
  } catch (error) {
    return { name, outputs: [], leaked: { tensors: 0, buffers: 0 }, error: `${error}` };
  } finally {
    zero.dispose();
  }
}
