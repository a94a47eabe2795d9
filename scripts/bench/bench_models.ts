// The models of the benchmark: the one place that makes their shapes, their made-up parameters and tokens, and the
// Hugging Face folders that the peer opens.
import { join } from "node:path";
import { ModelConfig } from "../../events/run_config.ts";
import { modelShape } from "../../src/model/checkpoint.ts";
import { modelConfigFields } from "../../src/model/model_config_fields.ts";
import { type ModelShape, numParameters, parameterLayout } from "../../src/model/model_shape.ts";
import { writeWeights } from "../../src/model/write_weights.ts";
import { folderWriter } from "../../src/store/folder_files.ts";
import type { BenchModel } from "./bench_protocol.ts";

/** Special tokens of made-up texts; no prompt holds one. */
export const EOS = 0, PAD = 1;

export function benchShape(
  { layers, hidden, heads, vocabulary, positions }: BenchModel,
  head: ModelShape["head"],
): ModelShape {
  const config = ModelConfig.parse({
    hiddenSize: hidden,
    numLayers: layers,
    numHeads: heads,
    intermediateSize: 4 * hidden,
    maxPositions: positions,
    tiedEmbeddings: false,
  });
  return modelShape(config, vocabulary, head);
}

/** Standard deviation of weights. */
const DEVIATION = 0.02;

/**
 * Made-up parameters: uniform weights of deviation 0.02, unit norms, zero biases. From a multiplicative generator, because
 * keyed normal numbers for 70 M parameters take a minute.
 */
export function benchParameters(model: ModelShape): Float32Array {
  const flat = new Float32Array(numParameters(model)), scale = DEVIATION * Math.sqrt(12);
  let state = 12_345;
  for (const { offset, size, start } of parameterLayout(model)) {
    const values = flat.subarray(offset, offset + size);
    if (start === "ones") values.fill(1);
    if (start !== "normal") continue;
    for (let i = 0; i < size; i++) {
      state = Math.imul(state, 747_796_405) + 2_891_336_453 | 0;
      values[i] = scale * ((state >>> 8) / 0x1000000 - 0.5);
    }
  }
  return flat;
}

/** The same tokens as the peer's made_up_tokens(): [rows][time]; none is a special one. */
export function madeUpTokens(
  rows: number,
  time: number,
  { vocabulary, seed }: { vocabulary: number; seed: number },
): number[][] {
  return Array.from({ length: rows }, (_, row) =>
    Array.from(
      { length: time },
      (_, place) => 2 + (row * 7919 + place * 104_729 + seed * 611_953) % (vocabulary - 2),
    ));
}

/** Writes what `from_pretrained` reads: configuration and weights. */
export async function writeModelFolder(
  folder: string,
  model: ModelShape,
  { flat, eos = EOS, pad = PAD }: { flat: Float32Array; eos?: number; pad?: number },
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const config = modelConfigFields(model, { tokens: { bos: eos, eos, pad } });
  await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(config));
  await writeWeights(folderWriter(folder), { model, flat });
}
