// A Hugging Face folder as commands take it: the model, its tokenizer as a run stores it, and how it draws texts.
// Reads only. Every file that is missing or does not fit is an error that names it.
import { join } from "node:path";
import { ConfigError } from "../src/base/errors.ts";
import { checkVocabulary } from "../src/data/check_vocabulary.ts";
import { loadTokenizer } from "../src/data/load_tokenizer.ts";
import { readTokenizerFolder } from "../src/data/read_tokenizer_folder.ts";
import { type ReadModel, readModelFolder } from "../src/model/huggingface_folder.ts";
import { folderFiles } from "../src/store/folder_files.ts";

export interface ModelFolder extends ReadModel {
  /** Text of the tokenizer artifact. */
  tokenizer: string;
}

/** Undefined when the folder has no `config.json`. */
export async function readFolder(
  folder: string,
  options: { padToken?: string } = {},
): Promise<ModelFolder | undefined> {
  const loaded = await readModelFolder(folderFiles(folder));
  if (loaded === undefined) return undefined;
  const read = (name: string) => readText(join(folder, name));
  const tokenizerJson = await read("tokenizer.json");
  if (tokenizerJson === undefined) {
    throw new ConfigError(
      `Complete the folder "${folder}": it lacks tokenizer.json (in Python: ` +
        `AutoTokenizer.from_pretrained(DIR, use_fast=True).save_pretrained(DIR))`,
    );
  }
  const tokenizer = readTokenizerFolder(
    {
      tokenizerJson,
      tokenizerConfig: await read("tokenizer_config.json"),
      specialTokensMap: await read("special_tokens_map.json"),
      generationConfig: await read("generation_config.json"),
      config: await read("config.json"),
      chatTemplateJinja: await read("chat_template.jinja"),
    },
    folder,
    options,
  );
  checkVocabulary(loadTokenizer(tokenizer), { vocabularySize: loaded.model.vocabularySize, folder });
  return { ...loaded, tokenizer };
}

/** Undefined when there is no such file. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}
