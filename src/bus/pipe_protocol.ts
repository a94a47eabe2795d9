// The lines between the pipe bus and an actor process. Each is one JSON object with a field `bus`; other lines are the
// child's own output. The actor asks with a number and asks again until that number is answered, so a lost line costs time only.
import { isRecord } from "./message.ts";

export type ActorLine =
  | { bus: "next"; number: number }
  | { bus: "ack"; number: number }
  | { bus: "reject"; number: number; reason: string }
  | { bus: "report"; number: number; result: unknown }
  | { bus: "beat"; beat: unknown };

export type CoordinatorLine =
  /** The answer to `next`. */
  | { bus: "command"; number: number; command: unknown }
  /** The answer to everything else that has a number. */
  | { bus: "done"; number: number };

export function formatLine(line: ActorLine | CoordinatorLine): string {
  return JSON.stringify(line);
}

/** The answer to `next`, around a command that is JSON text already and may be malformed on purpose. */
export function formatCommandLine(number: number, text: string): string {
  return `{"bus":"command","command":${text},"number":${number}}`;
}

/** Undefined for what is no line of the protocol. */
export function parseActorLine(text: string): ActorLine | undefined {
  const line = parseObject(text);
  if (line === undefined) return undefined;
  if (line.bus === "beat") return { bus: "beat", beat: line.beat };
  const { number } = line;
  if (typeof number !== "number") return undefined;
  switch (line.bus) {
    case "next":
    case "ack":
      return { bus: line.bus, number };
    case "reject":
      return { bus: "reject", number, reason: String(line.reason) };
    case "report":
      return { bus: "report", number, result: line.result };
    default:
      return undefined;
  }
}

export function parseCoordinatorLine(text: string): CoordinatorLine | undefined {
  const line = parseObject(text);
  if (line === undefined || typeof line.number !== "number") return undefined;
  switch (line.bus) {
    case "command":
      return { bus: "command", number: line.number, command: line.command };
    case "done":
      return { bus: "done", number: line.number };
    default:
      return undefined;
  }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
