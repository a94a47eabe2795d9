// From tokens back to text, as the `decoder` of a `tokenizer.json` says. Our own: a policy draws broken UTF-8 too, and the
// library in use shows it otherwise than the original.
import { z } from "zod";
import { SchemaError } from "../base/errors.ts";
import { flatSteps } from "./bpe_file.ts";

const decoderSchema = z.discriminatedUnion("type", [
  z.looseObject({ type: z.enum(["ByteLevel", "ByteFallback", "Fuse"]) }),
  z.looseObject({
    type: z.literal("Replace"),
    pattern: z.strictObject({ String: z.string() }),
    content: z.string(),
  }),
  z.looseObject({
    type: z.literal("Strip"),
    content: z.string(),
    start: z.int().nonnegative(),
    stop: z.int().nonnegative(),
  }),
  z.looseObject({
    type: z.literal("Metaspace"),
    replacement: z.string().default("▁"),
    prepend_scheme: z.enum(["always", "first", "never"]).default("always"),
  }),
]);
type Step = z.infer<typeof decoderSchema>;

/** Makes texts of token lists; SchemaError names `file` when the decoder is none that this program computes. */
export function tokenDecoder(decoder: unknown, file: string): (tokens: readonly string[]) => string {
  const result = z.array(decoderSchema).min(1).safeParse(flatSteps(decoder, "decoders"));
  if (!result.success) {
    throw new SchemaError(
      `Use a model with another tokenizer: its decoder: ${z.prettifyError(result.error)}`,
      {
        file,
        cause: result.error,
      },
    );
  }
  const steps = result.data;
  return (tokens) =>
    steps.reduce<readonly string[]>((parts, step) => decodeStep(step, parts), tokens).join("");
}

function decodeStep(step: Step, tokens: readonly string[]): string[] {
  switch (step.type) {
    case "ByteLevel":
      return [lossyText(tokens.flatMap(byteLevelBytes))];
    case "ByteFallback":
      return decodeByteTokens(tokens);
    case "Fuse":
      return [tokens.join("")];
    case "Replace":
      return tokens.map((token) => token.replaceAll(step.pattern.String, () => step.content));
    case "Strip":
      return tokens.map((token) => strip(token, step));
    case "Metaspace":
      return tokens.map((token, i) =>
        token.replaceAll(step.replacement, i === 0 && step.prepend_scheme !== "never" ? "" : " ")
      );
    default:
      return step satisfies never;
  }
}

/** Bytes that print stand for themselves; the others, in their order, are the characters from U+0100 on. */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = new Map(
  (() => {
    const prints = (byte: number) =>
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    let others = 0;
    return Array.from({ length: 256 }, (_, byte): [string, number] => [
      String.fromCharCode(prints(byte) ? byte : 0x100 + others++),
      byte,
    ]);
  })(),
);

/** An added token may hold characters that stand for no byte; then it is its own UTF-8. */
function byteLevelBytes(token: string): number[] {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = BYTE_OF_CHARACTER.get(character);
    if (byte === undefined) return [...new TextEncoder().encode(token)];
    bytes.push(byte);
  }
  return bytes;
}

const lossyText = (bytes: readonly number[]) =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));

/** Runs of tokens like <0xE2> become their text, or U+FFFD for each byte where the run is no UTF-8. */
function decodeByteTokens(tokens: readonly string[]): string[] {
  const out: string[] = [];
  let run: number[] = [];
  const flush = () => {
    if (run.length === 0) return;
    try {
      out.push(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(run)));
    } catch {
      out.push("\ufffd".repeat(run.length));
    }
    run = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token);
    if (byte !== null) run.push(Number.parseInt(byte[1], 16));
    else {
      flush();
      out.push(token);
    }
  }
  flush();
  return out;
}

/** Takes at most `start` times `content` from the front and `stop` times from the end. */
function strip(
  token: string,
  { content, start, stop }: { content: string; start: number; stop: number },
): string {
  let text = token;
  for (let i = 0; i < start && text.startsWith(content); i++) text = text.slice(content.length);
  for (let i = 0; i < stop && text.endsWith(content); i++) text = text.slice(0, text.length - content.length);
  return text;
}
