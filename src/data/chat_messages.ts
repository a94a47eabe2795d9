// Messages of a conversation in a row of a data file.
import { SchemaError } from "../base/errors.ts";
import { kindOf, missingField, type RowPlace, textField } from "./row_fields.ts";

export interface ChatMessage {
  role: string;
  content: string;
}

/** What was said and what answers it; either has at least one message. */
export interface Conversation {
  prompt: readonly ChatMessage[];
  answer: readonly ChatMessage[];
}

/** The messages that stand in a field; SchemaError names the field and the row. */
export function readMessages(value: unknown, field: string, place: RowPlace): ChatMessage[] {
  if (!Array.isArray(value)) {
    throw new SchemaError(`Make "${field}" a list of {role, content}: it is ${kindOf(value)}`, place);
  }
  if (value.length === 0) {
    throw new SchemaError(`Fill in "${field}" or remove the row: it has no message`, place);
  }
  return value.map((message) => readMessage(message, place));
}

/** A whole conversation: its last message, an assistant's, is the answer. */
export function readConversation(value: unknown, field: string, place: RowPlace): Conversation {
  const messages = readMessages(value, field, place), prompt = messages.slice(0, -1);
  const answer = messages.slice(-1);
  if (answer[0].role !== "assistant" || prompt.length === 0) {
    throw new SchemaError(`End "${field}" with an assistant's answer to at least one earlier message`, place);
  }
  return { prompt, answer };
}

function readMessage(message: unknown, place: RowPlace): ChatMessage {
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    throw new SchemaError(`Make every message an object {role, content}: one is ${kindOf(message)}`, place);
  }
  const fields: Record<string, unknown> = Object.fromEntries(Object.entries(message));
  if (fields.role === undefined) throw missingField(fields, "role", place);
  return { role: textField(fields, "role", place), content: textField(fields, "content", place) };
}
