// The size of a GPT-NeoX transformer and the layout of its parameters, under Hugging Face names and in their shapes.
// A model is one flat float32 vector; the layout says which slice is which tensor. Linear weights are [out, in].

export interface ModelShape {
  vocabularySize: number;
  hiddenSize: number;
  numLayers: number;
  numHeads: number;
  intermediateSize: number;
  /** Share of each head that is rotated. */
  rotaryShare: number;
  maxPositions: number;
  /** "policy": tied output embedding; "reward": a score head of one output instead. */
  head: "policy" | "reward";
}

export interface LayoutEntry {
  name: string;
  shape: number[];
  offset: number;
  size: number;
  /** How it starts: normal with the configured deviation, ones, or zeros. */
  start: "normal" | "ones" | "zeros";
}

export function parameterLayout(model: ModelShape): LayoutEntry[] {
  const { hiddenSize: hidden, intermediateSize: inner } = model;
  const entries: LayoutEntry[] = [];
  let offset = 0;
  const add = (name: string, shape: number[], start: LayoutEntry["start"]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    entries.push({ name, shape, offset, size, start });
    offset += size;
  };
  const addNorm = (name: string) => {
    add(`${name}.weight`, [hidden], "ones");
    add(`${name}.bias`, [hidden], "zeros");
  };
  const addLinear = (name: string, out: number, input: number) => {
    add(`${name}.weight`, [out, input], "normal");
    add(`${name}.bias`, [out], "zeros");
  };
  add("gpt_neox.embed_in.weight", [model.vocabularySize, hidden], "normal");
  for (let layer = 0; layer < model.numLayers; layer++) {
    const block = `gpt_neox.layers.${layer}`;
    addNorm(`${block}.input_layernorm`);
    addNorm(`${block}.post_attention_layernorm`);
    addLinear(`${block}.attention.query_key_value`, 3 * hidden, hidden);
    addLinear(`${block}.attention.dense`, hidden, hidden);
    addLinear(`${block}.mlp.dense_h_to_4h`, inner, hidden);
    addLinear(`${block}.mlp.dense_4h_to_h`, hidden, inner);
  }
  addNorm("gpt_neox.final_layer_norm");
  if (model.head === "reward") add("score.weight", [1, hidden], "normal");
  return entries;
}

export function numParameters(model: ModelShape): number {
  return parameterLayout(model).reduce((sum, entry) => sum + entry.size, 0);
}
