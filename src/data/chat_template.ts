// A checkpoint's chat template: messages to the text that its model was trained on. Jinja, as `transformers` runs it.
// Left out on purpose: the time of day, which some templates ask for; equal rows must give equal texts.
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { SchemaError } from "../base/errors.ts";
import type { ChatMessage } from "./chat_messages.ts";

export interface ChatTemplate {
  program: ReturnType<typeof parse>;
  /** Where it came from, for errors. */
  file: string;
}

/** A template from its source; SchemaError names `file` when it is none. */
export function parseChatTemplate(source: string, file: string): ChatTemplate {
  try {
    return { program: parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })), file };
  } catch (cause) {
    throw new SchemaError(`Write the chat template again: ${messageOf(cause)}`, { file, cause });
  }
}

export interface ChatRendering {
  /** Tokens by role, as the template writes them around messages. */
  specialTokens: { eos: string; bos?: string; pad?: string; unk?: string };
  /** Whether the text ends where the assistant's next message begins. */
  addGenerationPrompt: boolean;
}

/** The text of messages; SchemaError with the template's own words when it refuses them. */
export function renderChat(
  { program, file }: ChatTemplate,
  messages: readonly ChatMessage[],
  { specialTokens, addGenerationPrompt }: ChatRendering,
): string {
  const environment = new Environment();
  const variables = {
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
    range,
    raise_exception: (message: unknown) => {
      throw new Error(String(message));
    },
    messages,
    add_generation_prompt: addGenerationPrompt,
    tools: null,
    documents: null,
    ...Object.fromEntries(Object.entries(specialTokens).map(([role, token]) => [`${role}_token`, token])),
  };
  for (const [name, value] of Object.entries(variables)) environment.set(name, value);
  try {
    const { value } = new Interpreter(environment).run(program);
    if (typeof value === "string") return value;
    throw new Error("it gives no text");
  } catch (cause) {
    throw new SchemaError(`Change the messages or the chat template, which says: ${messageOf(cause)}`, {
      file,
      cause,
    });
  }
}

/** Python's: one argument is the end; two, start and end. */
function range(first: number, second?: number, step = 1): number[] {
  const [start, end] = second === undefined ? [0, first] : [first, second];
  return Array.from({ length: Math.max(0, Math.ceil((end - start) / step)) }, (_, i) => start + i * step);
}

const messageOf = (cause: unknown) => cause instanceof Error ? cause.message : String(cause);
