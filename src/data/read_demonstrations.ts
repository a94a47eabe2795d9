// Demonstrations from JSON Lines, in TRL's shapes: {prompt, completion} with texts or with messages, and {messages}.
import { SchemaError } from "../base/errors.ts";
import { type ChatFormat, plainChat } from "./chat_format.ts";
import { readConversation, readMessages } from "./chat_messages.ts";
import { parseJsonLines } from "./parse_json_lines.ts";
import { kindOf, missingField, rowObject, type RowPlace, textField } from "./row_fields.ts";
import type { Demonstration } from "./rows.ts";

/** Which fields of a row hold what. Without a mapping, `response` stands in for an absent `completion`. */
export interface FieldMapping {
  prompt?: string;
  completion?: string;
}

export interface DemonstrationOptions {
  file: string;
  fields?: FieldMapping;
  /** How messages become texts. @default plainChat */
  chat?: ChatFormat;
}

/** Every row of the text as a demonstration. */
export function parseDemonstrations(
  text: string,
  { file, fields = {}, chat = plainChat }: DemonstrationOptions,
): Demonstration[] {
  return parseJsonLines(text, file).map((entry) => {
    const row = rowObject(entry, file), place = { file, line: entry.line };
    const isMapped = fields.prompt !== undefined || fields.completion !== undefined;
    // Some data sets give a conversation's first prompt beside it.
    if (!isMapped && row.messages !== undefined && row[completionField(row)] === undefined) {
      return chat.demonstration(readConversation(row.messages, "messages", place), place);
    }
    const names = {
      prompt: fields.prompt ?? "prompt",
      completion: fields.completion ?? completionField(row),
    };
    if (Array.isArray(row[names.prompt])) return fromMessages(row, names, { chat, place });
    const textOf = (role: keyof FieldMapping) => textField(row, names[role], place, mappingAdvice(role));
    return { prompt: textOf("prompt"), completion: textOf("completion") };
  });
}

const completionField = (row: Record<string, unknown>) =>
  row.completion === undefined && row.response !== undefined ? "response" : "completion";

/** As every command spells it that reads demonstrations. */
const mappingAdvice = (role: keyof FieldMapping) => `name the one that holds it (--fields ${role}=NAME)`;

function fromMessages(
  row: Record<string, unknown>,
  names: { prompt: string; completion: string },
  { chat, place }: { chat: ChatFormat; place: RowPlace },
): Demonstration {
  const completion = row[names.completion];
  if (completion === undefined) throw missingField(row, names.completion, place, mappingAdvice("completion"));
  if (!Array.isArray(completion)) {
    throw new SchemaError(
      `Make "${names.completion}" a list of {role, content}, as "${names.prompt}" is one: it is ${
        kindOf(completion)
      }`,
      place,
    );
  }
  const prompt = readMessages(row[names.prompt], names.prompt, place);
  return chat.demonstration({ prompt, answer: readMessages(completion, names.completion, place) }, place);
}
