// The kind and size of a transformer and the layout of its parameters, under Hugging Face names and in their shapes.
// A model is one flat float32 vector; the layout says which slice is which tensor. Linear weights are [out, in].

/** Hugging Face's `model_type`. GPT-NeoX is Pythia's; Llama and Mistral share one network. */
export type Architecture = "gpt_neox" | "llama" | "mistral";

export interface ModelShape {
  architecture: Architecture;
  /** Rows of the embedding; may be more than the tokenizer has tokens. */
  vocabularySize: number;
  hiddenSize: number;
  numLayers: number;
  numHeads: number;
  /** Fewer than numHeads: grouped-query attention. */
  numKeyValueHeads: number;
  /** Features of one head. */
  headSize: number;
  intermediateSize: number;
  /** Share of each head that is rotated. */
  rotaryShare: number;
  /** θ of the rotary angles position · θ^(−2i / rotated). */
  rotaryBase: number;
  normEpsilon: number;
  /** Attention and feed-forward read the same input (Pythia), or one the other's output; GPT-NeoX only. */
  parallelResidual: boolean;
  /** The output embedding is the input embedding. */
  tiedEmbeddings: boolean;
  maxPositions: number;
  /** Mistral: positions that a token sees; null is all. This program computes no window: `contextLimit` forbids longer texts. */
  slidingWindow: number | null;
  /** "policy": an output embedding, tied or not; "reward": a score head of one output instead. */
  head: "policy" | "reward";
  /**
   * Subtracted from a reward's score. Only where no bias of the network can hold it, which `normalisedReward` sees to.
   * @default 0
   */
  rewardShift?: number;
}

/** What a run's configuration says of a model's shape; null follows from the other fields. */
export type ModelConfig =
  & Omit<ModelShape, "vocabularySize" | "numKeyValueHeads" | "headSize" | "head" | "rewardShift">
  & Record<"vocabularySize" | "numKeyValueHeads" | "headSize", number | null>;

export interface LayoutEntry {
  name: string;
  shape: number[];
  offset: number;
  size: number;
  /** How it starts: normal with the configured deviation, ones, or zeros. */
  start: "normal" | "ones" | "zeros";
}

/** The body in the order of the network, alike for policy and reward; the head comes last. */
export function parameterLayout(model: ModelShape): LayoutEntry[] {
  const entries: LayoutEntry[] = [];
  let offset = 0;
  const add: AddEntry = (name, shape, start) => {
    const size = shape.reduce((a, b) => a * b, 1);
    entries.push({ name, shape, offset, size, start });
    offset += size;
  };
  add(embeddingName(model), [model.vocabularySize, model.hiddenSize], "normal");
  if (model.architecture === "gpt_neox") addGptNeoXBody(model, add);
  else addLlamaBody(model, add);
  if (model.head === "reward") add(SCORE_NAME, [1, model.hiddenSize], "normal");
  else if (!model.tiedEmbeddings) {
    add(outputEmbeddingName(model), [model.vocabularySize, model.hiddenSize], "normal");
  }
  return entries;
}

export function numParameters(model: ModelShape): number {
  return parameterLayout(model).reduce((sum, entry) => sum + entry.size, 0);
}

/** Weight of a reward's head, [1, hidden]. */
export const SCORE_NAME = "score.weight";

/** Weight of the input embedding, [vocab, hidden]. */
export function embeddingName({ architecture }: ModelShape): string {
  return architecture === "gpt_neox" ? "gpt_neox.embed_in.weight" : "model.embed_tokens.weight";
}

/** Weight of a policy's output embedding, [vocab, hidden]. */
export function outputEmbeddingName(model: ModelShape): string {
  if (model.tiedEmbeddings) return embeddingName(model);
  return model.architecture === "gpt_neox" ? "embed_out.weight" : "lm_head.weight";
}

/** The most tokens, prompt and continuation together, that the network computes as it was trained. */
export function contextLimit(
  { maxPositions, slidingWindow }: Pick<ModelShape, "maxPositions" | "slidingWindow">,
): number {
  return Math.min(maxPositions, slidingWindow ?? Infinity);
}

/** Throws where a text of `length` tokens is longer than `contextLimit`; `what` names it, e.g. "Row 3". */
export function checkContext(model: ModelShape, length: number, what: string): void {
  const { maxPositions, slidingWindow } = model;
  if (length <= contextLimit(model)) return;
  const limit = length > maxPositions
    ? `the model has ${maxPositions} positions`
    : `the model sees ${slidingWindow} of them at a time (its sliding window), and this program computes no window`;
  throw new RangeError(`Shorten the text to ${contextLimit(model)} tokens: ${what} has ${length}, ${limit}`);
}

type AddEntry = (name: string, shape: number[], start: LayoutEntry["start"]) => void;

function addGptNeoXBody(model: ModelShape, add: AddEntry): void {
  const { hiddenSize: hidden, intermediateSize: inner } = model;
  const addNorm = (name: string) => {
    add(`${name}.weight`, [hidden], "ones");
    add(`${name}.bias`, [hidden], "zeros");
  };
  const addLinear = (name: string, out: number, input: number) => {
    add(`${name}.weight`, [out, input], "normal");
    add(`${name}.bias`, [out], "zeros");
  };
  for (let layer = 0; layer < model.numLayers; layer++) {
    const block = `gpt_neox.layers.${layer}`, width = model.numHeads * model.headSize;
    addNorm(`${block}.input_layernorm`);
    addNorm(`${block}.post_attention_layernorm`);
    addLinear(`${block}.attention.query_key_value`, 3 * width, hidden);
    addLinear(`${block}.attention.dense`, hidden, width);
    addLinear(`${block}.mlp.dense_h_to_4h`, inner, hidden);
    addLinear(`${block}.mlp.dense_4h_to_h`, hidden, inner);
  }
  addNorm("gpt_neox.final_layer_norm");
}

function addLlamaBody(model: ModelShape, add: AddEntry): void {
  const { hiddenSize: hidden, intermediateSize: inner, headSize } = model;
  const addLinear = (name: string, out: number, input: number) =>
    add(`${name}.weight`, [out, input], "normal");
  for (let layer = 0; layer < model.numLayers; layer++) {
    const block = `model.layers.${layer}`;
    add(`${block}.input_layernorm.weight`, [hidden], "ones");
    addLinear(`${block}.self_attn.q_proj`, model.numHeads * headSize, hidden);
    addLinear(`${block}.self_attn.k_proj`, model.numKeyValueHeads * headSize, hidden);
    addLinear(`${block}.self_attn.v_proj`, model.numKeyValueHeads * headSize, hidden);
    addLinear(`${block}.self_attn.o_proj`, hidden, model.numHeads * headSize);
    add(`${block}.post_attention_layernorm.weight`, [hidden], "ones");
    addLinear(`${block}.mlp.gate_proj`, inner, hidden);
    addLinear(`${block}.mlp.up_proj`, inner, hidden);
    addLinear(`${block}.mlp.down_proj`, hidden, inner);
  }
  add("model.norm.weight", [hidden], "ones");
}
