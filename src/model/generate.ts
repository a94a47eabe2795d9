// Sampling continuations of prompts of different lengths: temperature, top-k and top-p in this order, or greedy; uniform numbers
// made on the host from a key. Where functions are compiled the whole of it is one program (generate_traced.ts).
import type * as tf from "@tensorflow/tfjs-core";
import type { RandomKey } from "../base/random.ts";
import type { Tier } from "../compute/tier.ts";
import { generateEagerly } from "./generate_eagerly.ts";
import { generateTraced } from "./generate_traced.ts";
import { checkContext, type ModelShape } from "./model_shape.ts";

export interface SamplingOptions {
  /** Where it computes: the whole of it is one program where functions are compiled. */
  tier: Tier;
  key: RandomKey;
  /** Divides the logits; "greedy" takes the most likely token. */
  temperature: number | "greedy";
  /** Only the k likeliest tokens are drawn, and those as likely as the last of them; 0 is all. @default 0 */
  topK?: number;
  /**
   * Of these, only the fewest likeliest tokens whose probabilities, summing to 1 after `topK`, reach p; at least one, and those
   * as likely as the last. 1 is all. @default 1
   */
  topP?: number;
  maxNewTokens: number;
  padId: number;
  eosId: number;
  /** Token ids that are never drawn. */
  forbidden: readonly number[];
  /** Hint: so many prompts in a row are the same. Where they are, a compiled program runs each once. @default 1 */
  samplesPerPrompt?: number;
  /** Rows that a compiled program is made for, if more than there are prompts: fewer programs. */
  rows?: number;
}

export interface Generation {
  /** New tokens, EOS included where the text ended by itself. */
  tokens: number[];
  finished: boolean;
  /**
   * Σ_t log π(y_t | x, y_<t) of the drawn tokens at the sampling temperature, nats; 0 when greedy. Of π itself, as training
   * computes it: `topK` and `topP` choose what is drawn and change no probability here.
   */
  logProbability: number;
}

/**
 * One continuation per prompt. Row i draws its t-th token with the uniform number [t · prompts + i] of the key, whatever
 * happens to other rows.
 *
 * @param flat [parameters]
 */
export async function generate(
  model: ModelShape,
  flat: tf.Tensor,
  { prompts, ...options }: { prompts: readonly (readonly number[])[] } & SamplingOptions,
): Promise<Generation[]> {
  const { tier: { traced }, maxNewTokens, topK = 0, topP = 1 } = options;
  if (prompts.some((prompt) => prompt.length === 0)) throw new RangeError("generate: a prompt has no token");
  prompts.forEach((prompt, row) =>
    checkContext(model, prompt.length + maxNewTokens, `prompt ${row} with its new tokens`)
  );
  if (!Number.isSafeInteger(topK) || topK < 0) {
    throw new RangeError(`Give topK a whole number, or 0 for all tokens, got ${topK}`);
  }
  if (!(topP > 0 && topP <= 1)) throw new RangeError(`Give topP a number above 0 and up to 1, got ${topP}`);
  const isAll = topK === 0 || topK >= model.vocabularySize;
  const sampling = { ...options, prompts, topK: isAll ? 0 : topK, topP };
  return traced === undefined
    ? await generateEagerly(model, flat, sampling)
    : await generateTraced(model, flat, { ...sampling, traced });
}
