// Reads a run's data files, prepares the rows and puts them into the artifact store: all before RunStarted is recorded.
// Every bad file, row or length is an error here, not in the middle of the run.
import { basename } from "node:path";
import type { EventData, RunConfig } from "../events/mod.ts";
import { sha256 } from "../src/base/canonical.ts";
import { ConfigError } from "../src/base/errors.ts";
import { encodeJsonLines } from "../src/base/json_lines.ts";
import type { ArtifactStore } from "../src/base/ports.ts";
import { keyFromSeed, splitKey } from "../src/base/random.ts";
import { type ChatFormat, chatFormat, plainChat } from "../src/data/chat_format.ts";
import { goldFor } from "../src/data/gold.ts";
import { limitPrompts } from "../src/data/limit_prompts.ts";
import { decodeUtf8 } from "../src/data/parse_json_lines.ts";
import { type PreparedData, prepareE2e, prepareMadeUp, prepareOwn } from "../src/data/prepare_data.ts";
import { type FieldMapping, parseDemonstrations } from "../src/data/read_demonstrations.ts";
import { parsePreferences } from "../src/data/read_preferences.ts";
import type { Demonstration, PreferencePair } from "../src/data/rows.ts";
import { contextLimit } from "../src/model/model_shape.ts";
import { buildTokenizer } from "../src/data/tokenizer_json.ts";
import { loadTokenizer } from "../src/data/load_tokenizer.ts";
import { encodePrompt, type Tokenizer } from "../src/data/tokenizer.ts";

export interface DataFiles {
  data?: string;
  evaluationData?: string;
  preferences?: string;
  fields: FieldMapping;
}

/** What a run takes from the folder of `--model` or `--sft`. */
export interface BaseModel {
  /** For messages. */
  folder: string;
  /** Bytes of `model.safetensors`, as `encodeModel` makes them. */
  weights: Uint8Array;
  /** Text of the tokenizer artifact. */
  tokenizer: string;
}

export interface LoadedData {
  rows: PreparedData;
  preferences?: readonly PreferencePair[];
  gold: EventData<"DemonstrationsLoaded">["gold"];
  /** Text of the tokenizer artifact: the base model's, or a tokenizer.json that was built from the rows. */
  tokenizer: string;
  base?: BaseModel;
  vocabularySize: number;
  /** sha256 of every file that was read, by role. */
  sources: Record<string, string>;
  /** Lines for people about what was passed over. */
  notes: string[];
}

/** Reads and prepares everything; writes nothing. Throws ConfigError or SchemaError. */
export async function loadData(
  config: RunConfig,
  files: DataFiles,
  { base }: { base?: BaseModel } = {},
): Promise<LoadedData> {
  checkFiles(config, files);
  const reading = {
    fields: files.fields,
    chat: base === undefined ? plainChat : chatFormat(base.tokenizer, base.folder),
  };
  const data = await readRows(files.data, "data", reading);
  const held = await readRows(files.evaluationData, "eval-data", reading);
  const labelled = await readPairs(files.preferences, reading.chat);
  const prepared = prepareRows(config, { data: data?.rows, held: held?.rows });
  const tokenizer = base?.tokenizer ?? buildTokenizer({ ...prepared, minCount: config.tokenizer.minCount });
  const words = loadTokenizer(tokenizer);
  const numTokens = (prompt: string) => encodePrompt(words, prompt).length;
  const { rows, counts } = limitPrompts({ ...prepared, preferences: labelled?.pairs }, {
    ...config.task,
    numTokens,
  });
  const { demonstrations } = rows;
  checkLengths(config, rows, { words, file: files.data });
  if (config.generation.shards > demonstrations.length) {
    throw new ConfigError(
      `Set generation.shards to at most ${demonstrations.length}, the number of demonstrations: it is ${config.generation.shards}`,
    );
  }
  const { kind } = config.task;
  return {
    rows: { ...rows, counts: { ...rows.counts, ...counts, ...labelled?.counts } },
    preferences: rows.preferences,
    gold: kind === "own" ? null : { name: kind, version: goldFor(kind).version },
    tokenizer,
    base,
    vocabularySize: words.vocabularySize,
    sources: {
      ...(data && { data: data.hash }),
      ...(held && { evaluation: held.hash }),
      ...(labelled && { preferences: labelled.hash }),
    },
    notes: [...labelled?.notes ?? [], ...unknownNotes(rows, words, config)],
  };
}

/** Above this share of unknown words a policy cannot learn to write the texts: a person should know. */
const MANY_UNKNOWN = 0.05;

function unknownNotes(
  { demonstrations }: PreparedData,
  words: Tokenizer,
  { tokenizer: { minCount } }: RunConfig,
): string[] {
  const tokens = demonstrations.flatMap(({ completion }) => words.encode(completion));
  const share = tokens.filter((id) => id === words.unkId).length / Math.max(1, tokens.length);
  if (share <= MANY_UNKNOWN) return [];
  const advice = minCount > 1
    ? "lower tokenizer.minCount with --set, or give more demonstrations"
    : "give other texts";
  return [
    `${
      Math.round(100 * share)
    } % of the words of the demonstrations occur fewer than ${minCount} times and are unknown to ` +
    `the word tokenizer, which is built from them: ${advice}`,
  ];
}

/** The event's data; every artifact is durable when it returns. */
export async function storeData(
  { rows, preferences, gold, tokenizer, base, vocabularySize, sources }: LoadedData,
  artifacts: ArtifactStore,
): Promise<EventData<"DemonstrationsLoaded">> {
  const put = (list: readonly unknown[]) => artifacts.put(encodeJsonLines(list));
  return {
    v: 1,
    sources,
    counts: rows.counts,
    demonstrations: await put(rows.demonstrations),
    prompts: await put(rows.prompts),
    evaluation: await put(rows.evaluation),
    preferences: preferences === undefined ? null : await put(preferences),
    tokenizer: await artifacts.put(new TextEncoder().encode(tokenizer)),
    base: base === undefined ? null : await artifacts.put(base.weights),
    numDemonstrations: rows.demonstrations.length,
    numPrompts: rows.prompts.length,
    numEvaluationPrompts: rows.evaluation.length,
    vocabularySize,
    gold,
  };
}

/** What a kind of task needs, and what makes no sense with it. */
export function checkFiles({ preset, task }: RunConfig, { data, evaluationData }: DataFiles): void {
  if (task.kind === "made-up") {
    if (data === undefined && evaluationData === undefined) return;
    throw new ConfigError(
      `Choose --preset own or --set task.kind=own to learn from a file: the preset "${preset}" makes its data up`,
    );
  }
  if (data !== undefined) return;
  if (task.kind === "own") throw new ConfigError("Give --data FILE: your demonstrations as JSON Lines");
  throw new ConfigError(
    "Give --data FILE and --eval-data FILE: the E2E NLG data set (Novikova, Dušek and Rieser; licence CC BY-SA 4.0) is not " +
      "part of this software; its public home is github.com/tuetschek/e2e-dataset",
  );
}

function prepareRows(
  { task, seed }: RunConfig,
  { data, held }: { data?: readonly Demonstration[]; held?: readonly Demonstration[] },
): PreparedData {
  const key = splitKey(keyFromSeed(seed), "task");
  const numDemonstrations = task.demonstrations ?? undefined;
  switch (task.kind) {
    case "made-up": {
      if (numDemonstrations === undefined) {
        throw new ConfigError("Set task.demonstrations to a number: the made-up task has no end");
      }
      const prompts = Math.max(task.prompts ?? 0, numDemonstrations);
      const { evaluationPrompts } = task;
      return prepareMadeUp({ key, demonstrations: numDemonstrations, prompts, evaluationPrompts });
    }
    case "e2e":
      return prepareE2e({
        train: data ?? [],
        dev: held,
        key,
        numDemonstrations: numDemonstrations ?? Infinity,
        maxSlots: task.maxSlots,
        maxCompletionCharacters: task.maxCompletionCharacters,
        numEvaluationPrompts: task.evaluationPrompts,
        clean: task.cleanDemonstrations,
      });
    case "own":
      return prepareOwn({
        rows: data ?? [],
        evaluationRows: held,
        key,
        evaluationShare: task.evaluationShare,
        numEvaluationPrompts: task.evaluationPrompts,
        numDemonstrations,
      });
    default:
      return task.kind satisfies never;
  }
}

interface RowReading {
  fields: FieldMapping;
  /** How conversations become texts. */
  chat: ChatFormat;
}

async function readRows(file: string | undefined, option: string, { fields, chat }: RowReading) {
  if (file === undefined) return undefined;
  const { text, hash } = await readText(file, option);
  return { rows: parseDemonstrations(text, { file, fields, chat }), hash };
}

/** Labelled pairs as they come are seldom whole; which rows are left out is said and counted. */
async function readPairs(file: string | undefined, chat: ChatFormat) {
  if (file === undefined) return undefined;
  const { text, hash } = await readText(file, "preferences");
  const { pairs, skippedLines } = parsePreferences(text, { file, invalidRows: "skip", chat });
  const shown = skippedLines.slice(0, 10).join(", ") + (skippedLines.length > 10 ? ", …" : "");
  const note = `${
    basename(file)
  }: ${skippedLines.length} rows without a full pair are left out (lines ${shown})`;
  return {
    pairs,
    hash,
    counts: { preferencePairs: pairs.length, droppedPreferences: skippedLines.length },
    notes: skippedLines.length === 0 ? [] : [note],
  };
}

async function readText(path: string, option: string): Promise<{ text: string; hash: string }> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound
      ? "there is no such file"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    throw new ConfigError(`Give --${option} a file that can be read: "${path}": ${reason}`, { cause });
  }
  return { text: decodeUtf8(bytes, path), hash: sha256(bytes) };
}

/** Everything must fit the context: a demonstration with its end, a prompt with at least one word behind it. */
function checkLengths(
  { model }: RunConfig,
  { demonstrations, prompts, evaluation }: PreparedData,
  { words, file = "the made-up task" }: { words: Tokenizer; file?: string },
): void {
  const length = (prompt: string) => encodePrompt(words, prompt).length;
  const full = ({ prompt, completion }: Demonstration) =>
    length(prompt) + words.encode(completion).length + 1;
  const held = evaluation.flatMap(({ prompt, completions }) =>
    completions.map((completion) => full({ prompt, completion }))
  );
  const alone = [...prompts, ...evaluation.map(({ prompt }) => prompt)].map((prompt) => length(prompt) + 1);
  const lengths = demonstrations.map(full);
  const longest = [...lengths, ...held, ...alone].reduce((a, b) => Math.max(a, b), 0);
  const limit = contextLimit(model);
  if (longest <= limit) return;
  const numLonger = lengths.filter((tokens) => tokens > limit).length;
  if (longest <= model.maxPositions) {
    throw new ConfigError(
      `Shorten the rows: in "${file}" a prompt with its completion takes up to ${longest} tokens, and this version computes ` +
        `no attention window: model.slidingWindow is ${limit} (${numLonger} demonstrations are longer)`,
    );
  }
  throw new ConfigError(
    `Raise the context with --set model.maxPositions=${longest}, or shorten the rows: in "${file}" a prompt with its ` +
      `completion takes up to ${longest} tokens, the context has ${model.maxPositions} (${numLonger} demonstrations are longer)`,
  );
}
