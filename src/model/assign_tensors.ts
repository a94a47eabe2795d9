// Which stored tensor fills which slice of the flat vector. Hugging Face's older and newer names of one tensor are both known;
// buffers that old versions stored are passed over.
import { checkStoredShape, matchLayout, type MatchOptions, type NamedTensor } from "./match_layout.ts";
import { type Architecture, type LayoutEntry, type ModelShape, parameterLayout } from "./model_shape.ts";

export interface Assignment {
  /** Name in the file. */
  name: string;
  entry: LayoutEntry;
  /** `compare`: a second copy of a tied embedding, which must equal the one that fills it. */
  use: "fill" | "compare";
}

/** transformers 4 and 5 name GPT-NeoX's output embedding differently. */
const OUTPUT_NAMES: Record<Architecture, readonly string[]> = {
  gpt_neox: ["embed_out.weight", "lm_head.weight"],
  llama: ["lm_head.weight"],
  mistral: ["lm_head.weight"],
};

/** Masks and angles that transformers once stored and computes today. */
const BUFFERS: Record<Architecture, RegExp> = {
  gpt_neox: /^gpt_neox\.layers\.\d+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$/,
  llama: /^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$/,
  mistral: /^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$/,
};

/**
 * One assignment for every tensor of the layout, plus copies of a tied embedding. A missing, extra or mis-shaped tensor is a
 * SchemaError that names file and tensor.
 */
export function assignTensors(
  model: ModelShape,
  stored: ReadonlyMap<string, NamedTensor>,
  { file, describedBy }: Pick<MatchOptions, "file" | "describedBy">,
): Assignment[] {
  const layout = parameterLayout(model), names = OUTPUT_NAMES[model.architecture];
  // A tied checkpoint may hold the output embedding as well; a reward network has none.
  const isTied = model.head === "policy" && model.tiedEmbeddings;
  const copies = names.filter((name) => isTied && stored.has(name));
  const filled = matchLayout(layout, stored, {
    file,
    describedBy,
    otherNames: (name) => names.includes(name) ? names : [],
    mayStay: (name) => copies.includes(name) || BUFFERS[model.architecture].test(name),
  });
  const [embedding] = layout;
  for (const name of copies) checkStoredShape(name, embedding, { stored, describedBy });
  return [
    ...filled.map(({ name, entry }) => ({ name, entry, use: "fill" as const })),
    ...copies.map((name) => ({ name, entry: embedding, use: "compare" as const })),
  ];
}
