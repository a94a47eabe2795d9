// Who may ask. On loopback: anybody who calls the server by a loopback name (a page of another site that rebinds its name
// to 127.0.0.1 does not). Elsewhere: who shows the token, as a bearer or, in a browser, as the cookie it was changed into.
import { createHmac, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { problemResponse } from "./problem.ts";
import { signInPage } from "./sign_in_page.ts";

export type Access = { kind: "loopback" } | { kind: "token"; token: string };

const cookieName = "irl_status";
/** Probes ask without a token; the answers say nothing about runs. */
const openPaths: ReadonlySet<string> = new Set(["/livez", "/readyz"]);

export function accessGuard(access: Access): MiddlewareHandler {
  return access.kind === "loopback" ? loopbackGuard : tokenGuard(access.token);
}

/** Whether a host name or address means this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

const loopbackGuard: MiddlewareHandler = async (c, next) => {
  const host = c.req.header("host") ?? new URL(c.req.url).host;
  if (isLoopback(host.replace(/:\d*$/, "").toLowerCase())) return await next();
  return problemResponse(c, {
    status: 421,
    title: "Wrong host",
    detail: "Ask for localhost or 127.0.0.1: this server answers to no other name",
  });
};

function tokenGuard(token: string): MiddlewareHandler {
  // Not the token itself, and the same after a restart.
  const session = createHmac("sha256", token).update("status session").digest("hex");
  return async (c, next) => {
    if (openPaths.has(c.req.path)) return await next();
    const bearer = /^Bearer +(.*\S) *$/i.exec(c.req.header("authorization") ?? "")?.[1];
    if (bearer !== undefined && equalTexts(bearer, token)) return await next();
    const cookie = getCookie(c, cookieName);
    if (cookie !== undefined && equalTexts(cookie, session)) return await next();
    const offered = c.req.path === "/" ? c.req.query("token") : undefined;
    if (offered !== undefined && equalTexts(offered, token)) {
      setCookie(c, cookieName, session, { httpOnly: true, sameSite: "Lax", path: "/" });
      // The token leaves the address bar, and with it history and copied links.
      return c.redirect("/", 303);
    }
    c.header("www-authenticate", 'Bearer realm="status"');
    if (c.req.path.startsWith("/api/") || c.req.path.startsWith("/assets/")) {
      return problemResponse(c, { status: 401, title: "Give the token as a bearer" });
    }
    return c.html(signInPage(), 401, { "cache-control": "no-store" });
  };
}

/** In a time that does not depend on where the texts differ, nor on their lengths. */
function equalTexts(a: string, b: string): boolean {
  const digest = (text: string) => createHmac("sha256", "compare").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
