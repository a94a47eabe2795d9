// Batches of (prompt, continuation) token lists as fixed-shape arrays: padded on the right to a few lengths.

export interface TokenSequence {
  prompt: readonly number[];
  /** With EOS where the text ended. */
  continuation: readonly number[];
}

export interface SequenceBatch {
  batch: number;
  time: number;
  /** [batch · time], PAD beyond the end */
  tokens: Int32Array;
  /** [batch · time]: label of position t is token t + 1; 0 where there is none */
  labels: Int32Array;
  /** [batch · time]: 1 where the label is a counted continuation token */
  continuationMask: Float32Array;
  /** [batch]: flat index of each sequence's last token */
  lastIndex: Int32Array;
  numTokens: number;
}

export interface BatchOptions {
  padId: number;
  /** Lengths are rounded up to a multiple of this, so that few shapes occur. */
  lengthMultiple?: number;
  /** Rows of the batch where there are fewer sequences: the others hold PAD and count nowhere. */
  rows?: number;
  /** Count the loss on prompt tokens too. */
  promptLoss?: boolean;
  /** Token ids that give no loss (unknown words). */
  uncounted?: readonly number[];
}

const LENGTH_MULTIPLE = 8;

export function sequenceBatch(sequences: readonly TokenSequence[], options: BatchOptions): SequenceBatch {
  const multiple = options.lengthMultiple ?? LENGTH_MULTIPLE;
  const longest = Math.max(...sequences.map((s) => s.prompt.length + s.continuation.length));
  const batch = Math.max(sequences.length, options.rows ?? 0),
    time = Math.ceil(longest / multiple) * multiple;
  const tokens = new Int32Array(batch * time).fill(options.padId);
  const labels = new Int32Array(batch * time);
  const continuationMask = new Float32Array(batch * time);
  const lastIndex = new Int32Array(batch);
  const uncounted = new Set(options.uncounted);
  let numTokens = 0;
  sequences.forEach(({ prompt, continuation }, row) => {
    const text = [...prompt, ...continuation];
    tokens.set(text, row * time);
    for (let t = 0; t + 1 < text.length; t++) {
      labels[row * time + t] = text[t + 1];
      const counted = options.promptLoss || t + 1 >= prompt.length;
      if (counted && !uncounted.has(text[t + 1])) continuationMask[row * time + t] = 1;
    }
    lastIndex[row] = row * time + text.length - 1;
    numTokens += text.length;
  });
  return { batch, time, tokens, labels, continuationMask, lastIndex, numTokens };
}
