// Messages as bytes: canonical JSON, a size limit, the key that makes two deliveries the same work.
// Left out: what a command or result means; the caller's schemas check that.
import { canonicalJson } from "../base/canonical.ts";
import { BusError, SchemaError } from "../base/errors.ts";
import { type Beat, type DeadLetter, type Role, ROLES } from "./port.ts";

/** Messages carry digests, counts and keys; tensors and texts are artifacts. */
export const MAX_MESSAGE_BYTES = 65_536;

const LETTER_CHARACTERS = 256;
const encoder = new TextEncoder();

/** Two commands or results with the same key are the same work. */
export function messageKey(message: { id: string; attempt: number }): string {
  return `${message.id}#${message.attempt}`;
}

/** Canonical JSON of a message; throws SchemaError when it is too big. */
export function encodeMessage(message: { id: string; attempt: number }): string {
  const text = canonicalJson(message);
  const bytes = encoder.encode(text).length;
  if (bytes > MAX_MESSAGE_BYTES) {
    throw new SchemaError(
      `Put large fields into an artifact: message "${
        messageKey(message)
      }" has ${bytes} bytes, the bus takes ${MAX_MESSAGE_BYTES}`,
    );
  }
  return text;
}

/** The parsed message, or the reason why it is none. */
export function decodeMessage(text: string): { message: unknown } | { reason: string } {
  if (text.length > MAX_MESSAGE_BYTES) return { reason: `longer than ${MAX_MESSAGE_BYTES} bytes` };
  try {
    return { message: JSON.parse(text) };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

export function deadLetter(from: DeadLetter["from"], reason: string, text: string): DeadLetter {
  return { from, reason, text: text.slice(0, LETTER_CHARACTERS) };
}

/** Text of a beat; numbers that are not finite are lost, because a curve with a hole is better than no sign of life. */
export function encodeBeat(beat: Beat): string {
  return JSON.stringify(beat);
}

/** A beat with its known fields, or undefined when the text is none. */
export function decodeBeat(text: string): Beat | undefined {
  const decoded = decodeMessage(text);
  return "message" in decoded ? parseBeat(decoded.message) : undefined;
}

/** A beat with its known fields, or undefined when role or pid are missing. */
export function parseBeat(value: unknown): Beat | undefined {
  if (!isRecord(value)) return undefined;
  const role = parseRole(value.role);
  if (role === undefined || typeof value.pid !== "number") return undefined;
  const beat: Beat = { role, pid: value.pid };
  if (typeof value.command === "string") beat.command = value.command;
  if (typeof value.attempt === "number") beat.attempt = value.attempt;
  if (typeof value.done === "number") beat.done = value.done;
  if (typeof value.total === "number") beat.total = value.total;
  if (typeof value.unit === "string") beat.unit = value.unit;
  if (isRecord(value.metrics)) {
    beat.metrics = {};
    for (const [name, number] of Object.entries(value.metrics)) {
      if (typeof number === "number") beat.metrics[name] = number;
    }
  }
  return beat;
}

export function parseDeadLetter(value: unknown): DeadLetter | undefined {
  if (!isRecord(value)) return undefined;
  const { from, reason, text } = value;
  if (from !== "commands" && from !== "results") return undefined;
  return typeof reason === "string" && typeof text === "string" ? { from, reason, text } : undefined;
}

export function parseRole(value: unknown): Role | undefined {
  return ROLES.find((role) => role === value);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * What `replace` does to a queue: walks it beside the wanted messages and keeps each queued message that is the next
 * wanted one; the others are to be dropped, the rest of the wanted ones to be added at the end.
 */
export function planReplacement<Queued extends { text: string }>(
  queue: readonly Queued[],
  wanted: readonly string[],
): { kept: Queued[]; dropped: Queued[]; missing: string[] } {
  const kept: Queued[] = [], dropped: Queued[] = [];
  for (const queued of queue) (queued.text === wanted[kept.length] ? kept : dropped).push(queued);
  return { kept, dropped, missing: wanted.slice(kept.length) };
}

export function closedBus(): BusError {
  return new BusError("Open the bus again: it is closed");
}

export function commandStillOpen(): Error {
  return new Error("Acknowledge the open command before asking for the next one");
}
