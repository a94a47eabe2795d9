// How a conversation becomes a prompt and a completion: by the chat template of the checkpoint that is trained, or plainly where
// the model starts from nothing and knows no template.
import { ConfigError, SchemaError } from "../base/errors.ts";
import type { ChatMessage, Conversation } from "./chat_messages.ts";
import { type ChatRendering, parseChatTemplate, renderChat } from "./chat_template.ts";
import { jsonObject } from "../base/json_object.ts";
import type { RowPlace } from "./row_fields.ts";
import type { Demonstration } from "./rows.ts";
import { isBundle, parseBundle } from "./tokenizer_bundle.ts";

export interface ChatFormat {
  /** The text that an answer to the messages continues. */
  prompt(messages: readonly ChatMessage[], place: RowPlace): string;
  /** A conversation's prompt, and its answer without the token that ends a text: a run adds that itself. */
  demonstration(conversation: Conversation, place: RowPlace): Demonstration;
}

/** One message is the prompt as it stands; several are joined as lines "role: content". The answer is one message. */
export const plainChat: ChatFormat = {
  prompt: (messages) =>
    messages.length === 1
      ? messages[0].content
      : messages.map(({ role, content }) => `${role}: ${content}`).join("\n"),
  demonstration({ prompt, answer }, place) {
    if (answer.length === 1) {
      return { prompt: plainChat.prompt(prompt, place), completion: answer[0].content };
    }
    throw new SchemaError(
      `Answer with one message, or train a model that has a chat template: the answer has ${answer.length}`,
      place,
    );
  },
};

/** The format of a stored tokenizer: its template, or plain text for a word-level one of ours. `folder` is the model's, for errors. */
export function chatFormat(artifactText: string, folder: string): ChatFormat {
  const file = `${folder}/tokenizer.json`, content = jsonObject(artifactText, file);
  if (!isBundle(content)) return plainChat;
  const { chatTemplate, specialTokens } = parseBundle(content, file);
  return chatTemplate === undefined
    ? missingChat(folder)
    : templateChat(chatTemplate, { specialTokens, file: `${folder}: chat template` });
}

/**
 * A template's format. Prompt and completion joined are exactly the template's text of the whole conversation, up to the token
 * that ends it; SchemaError at the row where a template would not have it so.
 */
export function templateChat(
  source: string,
  { specialTokens, file }: { specialTokens: ChatRendering["specialTokens"]; file: string },
): ChatFormat {
  const template = parseChatTemplate(source, file);
  const render = (messages: readonly ChatMessage[], addGenerationPrompt: boolean, place: RowPlace) => {
    try {
      return renderChat(template, messages, { specialTokens, addGenerationPrompt });
    } catch (error) {
      throw error instanceof SchemaError ? new SchemaError(error.message, { ...place, cause: error }) : error;
    }
  };
  return {
    prompt: (messages, place) => render(messages, true, place),
    demonstration(conversation, place) {
      const prompt = render(conversation.prompt, true, place);
      const whole = render([...conversation.prompt, ...conversation.answer], false, place);
      if (!whole.startsWith(prompt)) {
        throw new SchemaError(
          `Give rows with texts for "prompt" and "completion": ${file}: the conversation with its answer does not ` +
            "begin as the prompt alone does",
          place,
        );
      }
      const completion = withoutEnd(whole.slice(prompt.length), specialTokens.eos);
      if (completion.trim() !== "") return { prompt, completion };
      throw new SchemaError(`Remove the row: ${file}: nothing is left of its answer`, place);
    },
  };
}

/** Refuses every conversation: the model's folder says nothing of how it was trained to read one. */
function missingChat(folder: string): ChatFormat {
  const refuse = (place: RowPlace): never => {
    throw new ConfigError(
      `Put a chat_template.jinja into "${folder}", or give rows with texts: ${place.file}:${place.line} holds messages, ` +
        "and the model has no chat template",
    );
  };
  return { prompt: (_, place) => refuse(place), demonstration: (_, place) => refuse(place) };
}

/** Without the last end token and the white space that templates put behind it. */
function withoutEnd(text: string, eos: string): string {
  const end = text.trimEnd();
  return end.endsWith(eos) ? end.slice(0, end.length - eos.length) : text;
}
