// Labelled pairs from JSON Lines: {prompt, chosen, rejected} with texts or messages, or {chosen, rejected} with whole
// conversations, and an optional subset. For the Evaluator alone.
import { SchemaError } from "../base/errors.ts";
import { type ChatFormat, plainChat } from "./chat_format.ts";
import { type ChatMessage, readMessages } from "./chat_messages.ts";
import { type JsonLine, parseJsonLines } from "./parse_json_lines.ts";
import { kindOf, rowObject, type RowPlace, textField } from "./row_fields.ts";
import type { PreferencePair } from "./rows.ts";

export interface PreferenceRows {
  pairs: PreferencePair[];
  /** Lines passed over because a field was missing, empty or no text; empty unless `invalidRows` is "skip". */
  skippedLines: number[];
}

export interface PreferenceOptions {
  file: string;
  invalidRows?: "refuse" | "skip";
  /** How messages become texts. @default plainChat */
  chat?: ChatFormat;
}

/** Every row as a pair. A line that is no JSON is refused even where invalid rows are skipped: the file is damaged. */
export function parsePreferences(
  text: string,
  { file, invalidRows = "refuse", chat = plainChat }: PreferenceOptions,
): PreferenceRows {
  const pairs: PreferencePair[] = [], skippedLines: number[] = [];
  for (const entry of parseJsonLines(text, file)) {
    try {
      pairs.push(readPair(entry, { file, chat }));
    } catch (error) {
      if (invalidRows === "refuse" || !(error instanceof SchemaError)) throw error;
      skippedLines.push(entry.line);
    }
  }
  if (pairs.length === 0) {
    throw new SchemaError("Give at least one valid pair: every row was skipped", { file });
  }
  return { pairs, skippedLines };
}

function readPair(entry: JsonLine, { file, chat }: { file: string; chat: ChatFormat }): PreferencePair {
  const row = rowObject(entry, file), place = { file, line: entry.line };
  const pair = Array.isArray(row.chosen) ? fromMessages(row, { chat, place }) : {
    prompt: textField(row, "prompt", place),
    chosen: textField(row, "chosen", place),
    rejected: textField(row, "rejected", place),
  };
  if (row.subset === undefined || row.subset === null) return pair;
  if (typeof row.subset !== "string") {
    throw new SchemaError(`Make "subset" a text: it is ${kindOf(row.subset)}`, place);
  }
  return { ...pair, subset: row.subset };
}

/** Where `prompt` is no list of messages, both conversations are whole and begin alike: what they share is the prompt. */
function fromMessages(
  row: Record<string, unknown>,
  { chat, place }: { chat: ChatFormat; place: RowPlace },
): PreferencePair {
  const chosen = readMessages(row.chosen, "chosen", place);
  const rejected = readMessages(row.rejected, "rejected", place);
  const isApart = Array.isArray(row.prompt);
  const numShared = isApart ? 0 : sharedMessages(chosen, rejected);
  const prompt = isApart ? readMessages(row.prompt, "prompt", place) : chosen.slice(0, numShared);
  const answers = [chosen, rejected].map((messages) => messages.slice(numShared));
  if (prompt.length === 0 || answers.some((answer) => answer[0]?.role !== "assistant")) {
    throw new SchemaError(
      `Make "chosen" and "rejected" two assistant's answers to the same messages, which stand in "prompt" or before both`,
      place,
    );
  }
  const [better, worse] = answers.map((answer) => chat.demonstration({ prompt, answer }, place));
  return { prompt: better.prompt, chosen: better.completion, rejected: worse.completion };
}

function sharedMessages(a: readonly ChatMessage[], b: readonly ChatMessage[]): number {
  const differs = (message: ChatMessage, i: number) =>
    message.role !== b.at(i)?.role || message.content !== b.at(i)?.content;
  const first = a.findIndex((message, i) => i >= b.length || differs(message, i));
  return first === -1 ? a.length : first;
}
