// Lists of rows as bytes: one canonical JSON value a line, so that equal rows give equal digests.
import { canonicalJson } from "./canonical.ts";

export function encodeJsonLines(rows: readonly unknown[]): Uint8Array {
  return new TextEncoder().encode(rows.map((row) => canonicalJson(row) + "\n").join(""));
}

/** The rows of bytes that `encodeJsonLines` made (artifacts are verified when read, so the form is trusted). */
export function decodeJsonLines(bytes: Uint8Array): unknown[] {
  const lines = new TextDecoder("utf-8", { fatal: true }).decode(bytes).split("\n");
  return lines.filter((line) => line !== "").map((line): unknown => JSON.parse(line));
}
