// Errors as answers: application/problem+json (RFC 9457). They name what was asked, never a path or a stack.
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { DamageError, SchemaError } from "../base/errors.ts";

export interface Problem {
  status: ContentfulStatusCode;
  title: string;
  detail?: string;
}

export function problemResponse(c: Context, { status, title, detail }: Problem): Response {
  const body = { type: "about:blank", title, status, ...(detail === undefined ? {} : { detail }) };
  return c.body(JSON.stringify(body), status, {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
  });
}

/** Why a run's log cannot be shown, in words that hold no path; undefined for other errors. */
export function logProblem(error: unknown): Problem | undefined {
  if (error instanceof DamageError) {
    const line = error.line === undefined ? "" : ` at line ${error.line}`;
    return {
      status: 500,
      title: "The log is damaged",
      detail: `Restore it from a copy: it was changed${line}`,
    };
  }
  if (error instanceof SchemaError) {
    return { status: 500, title: "The log cannot be read", detail: "Upgrade: a newer version wrote it" };
  }
  return undefined;
}
