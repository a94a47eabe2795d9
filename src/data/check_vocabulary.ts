// Whether a tokenizer fits a model: every token must have a row in the embedding.
import { ConfigError } from "../base/errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * ConfigError when the tokenizer has more ids than the model's embedding has rows. Fewer are fine: many checkpoints pad their
 * embedding to a round number, and such a row means nothing.
 */
export function checkVocabulary(
  tokenizer: Pick<Tokenizer, "vocabularySize">,
  { vocabularySize, folder }: { vocabularySize: number; folder: string },
): void {
  if (tokenizer.vocabularySize <= vocabularySize) return;
  throw new ConfigError(
    `Put the model's own tokenizer.json into "${folder}": it has ${tokenizer.vocabularySize} tokens, the model of its ` +
      `config.json ${vocabularySize}`,
  );
}
