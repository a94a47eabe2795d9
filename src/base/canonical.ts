// Canonical JSON and sha256: the one way values become bytes and bytes become digests.
// Canonical = keys sorted by code unit, no spaces, finite numbers only, no undefined.
import { createHash } from "node:crypto";

const encoder = new TextEncoder();

/** Canonical JSON text of a plain value. Throws on NaN, infinities, undefined inside arrays, functions and cycles (by depth). */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > 100) throw new RangeError("canonicalJson: nested deeper than 100 levels");
  if (value === null) return "null";
  switch (typeof value) {
    case "boolean":
      return value ? "true" : "false";
    case "string":
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw new RangeError(`canonicalJson: ${value} is not a finite number`);
      return JSON.stringify(value === 0 ? 0 : value);
    case "object": {
      if (Array.isArray(value)) {
        return `[${value.map((item) => canonicalJson(item, depth + 1)).join(",")}]`;
      }
      const parts: string[] = [];
      for (const [key, item] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
        if (item !== undefined) parts.push(`${JSON.stringify(key)}:${canonicalJson(item, depth + 1)}`);
      }
      return `{${parts.join(",")}}`;
    }
    default:
      throw new TypeError(`canonicalJson: cannot write a ${typeof value}`);
  }
}

/** sha256 of bytes or of a text's UTF-8, as 64 lower-case hex digits. */
export function sha256(input: Uint8Array | string): string {
  return createHash("sha256").update(typeof input === "string" ? encoder.encode(input) : input).digest("hex");
}

/** sha256 of the canonical JSON of a value. */
export function digestOf(value: unknown): string {
  return sha256(canonicalJson(value));
}
