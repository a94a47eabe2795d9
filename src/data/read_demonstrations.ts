// Demonstrations from JSON Lines, in TRL's shapes: {prompt, completion} and {messages}.
// A conversation is flattened plainly, without a chat template.
import { SchemaError } from "../base/errors.ts";
import { parseJsonLines } from "./parse_json_lines.ts";
import { kindOf, missingField, rowObject, type RowPlace, textField } from "./row_fields.ts";
import type { Demonstration } from "./rows.ts";

/** Which fields of a row hold what. Without a mapping, `response` stands in for an absent `completion`. */
export interface FieldMapping {
  prompt?: string;
  completion?: string;
}

/** Every row of the text as a demonstration. */
export function parseDemonstrations(
  text: string,
  { file, fields = {} }: { file: string; fields?: FieldMapping },
): Demonstration[] {
  return parseJsonLines(text, file).map((entry) => {
    const row = rowObject(entry, file), place = { file, line: entry.line };
    const isMapped = fields.prompt !== undefined || fields.completion !== undefined;
    if (!isMapped && row.messages !== undefined && row.prompt === undefined) {
      return fromMessages(row.messages, place);
    }
    const prompt = textField(row, fields.prompt ?? "prompt", place);
    return { prompt, completion: textField(row, fields.completion ?? completionField(row), place) };
  });
}

const completionField = (row: Record<string, unknown>) =>
  row.completion === undefined && row.response !== undefined ? "response" : "completion";

/**
 * The last message, an assistant's, is the completion. One message before it is the prompt as it stands; several are
 * joined as lines "role: content".
 */
function fromMessages(messages: unknown, place: RowPlace): Demonstration {
  if (!Array.isArray(messages)) {
    throw new SchemaError(`Make "messages" a list of {role, content}: it is ${kindOf(messages)}`, place);
  }
  const turns = messages.map((message) => readTurn(message, place));
  const last = turns.pop();
  if (last === undefined || last.role !== "assistant" || turns.length === 0) {
    throw new SchemaError(`End "messages" with an assistant's answer to at least one earlier message`, place);
  }
  const prompt = turns.length === 1
    ? turns[0].content
    : turns.map(({ role, content }) => `${role}: ${content}`).join("\n");
  return { prompt, completion: last.content };
}

function readTurn(message: unknown, place: RowPlace): { role: string; content: string } {
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    throw new SchemaError(`Make every message an object {role, content}: one is ${kindOf(message)}`, place);
  }
  const fields: Record<string, unknown> = Object.fromEntries(Object.entries(message));
  if (fields.role === undefined) throw missingField(fields, "role", place);
  return { role: textField(fields, "role", place), content: textField(fields, "content", place) };
}
