// The tiny tokenizers of test/golden/bpe_parity.json as the files of a model's folder.
import type { TokenizerFolderFiles } from "../../src/data/read_tokenizer_folder.ts";
import parity from "../golden/bpe_parity.json" with { type: "json" };

export type TinyBpe = keyof typeof parity.tokenizers;

export function tinyBpeFiles(name: TinyBpe, config: Record<string, unknown> = {}): TokenizerFolderFiles {
  const { tokenizer, config: own } = parity.tokenizers[name];
  return {
    tokenizerJson: JSON.stringify(tokenizer),
    tokenizerConfig: JSON.stringify({ ...own, ...config }),
  };
}
