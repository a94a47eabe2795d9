// The status server as a function of requests: page, JSON, server-sent events and probes. Read-only; it opens no port and
// no file. What it may say, and to whom: access.ts; how it fails: problem.ts.
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { NONCE, secureHeaders, type SecureHeadersVariables } from "hono/secure-headers";
import { z } from "zod";
import { RunName } from "../../events/mod.ts";
import { type Access, accessGuard } from "./access.ts";
import { ASSETS } from "./assets.ts";
import { type Html, page } from "./page.ts";
import { logProblem, type Problem, problemResponse } from "./problem.ts";
import { streamRecords } from "./record_stream.ts";
import { reportOf } from "./report.ts";
import { runPage } from "./run_page.ts";
import { projectRun } from "./run_projection.ts";
import { listRunEntries } from "./run_list.ts";
import type { RunRecord } from "./run_record.ts";
import type { RunSource } from "./run_source.ts";
import { runsPage } from "./runs_page.ts";

export interface StatusAppOptions {
  source: RunSource;
  access: Access;
  /** `digests.outcome` of a run's records. */
  outcome(records: readonly RunRecord[]): string;
  /** What went wrong inside; the client learns only that something did. */
  onError(error: unknown): void;
  /** Ends open streams when the server stops. */
  signal: AbortSignal;
  /** @default 32 */
  maxStreams?: number;
  /** @default 15_000 */
  heartbeatMs?: number;
}

type Env = { Variables: SecureHeadersVariables };
type Ask = Context<Env>;

/** Nothing that the server takes is longer. */
const maxBodyBytes = 16 * 1024;
const wholeNumber = z.string().regex(/^\d{1,15}$/).transform(Number);
const EventsQuery = z.object({
  after: wholeNumber.default(0),
  limit: wholeNumber.pipe(z.number().min(1).max(1000)).default(100),
});

export function createStatusApp(options: StatusAppOptions): Hono<Env> {
  const app = new Hono<Env>();
  app.use(secureHeaders({
    // Sent over plain HTTP it would be wrong, and on loopback it would bind every other server of the user.
    strictTransportSecurity: false,
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: [NONCE],
      styleSrc: ["'self'"],
      imgSrc: ["data:"],
      connectSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  }));
  app.use(accessGuard(options.access));
  app.use(bodyLimit({
    maxSize: maxBodyBytes,
    onError: (c) => problemResponse(c, { status: 413, title: "Send a smaller body" }),
  }));
  app.use(async (c, next) => {
    if (c.req.method === "GET" || c.req.method === "HEAD") return await next();
    c.header("allow", "GET, HEAD");
    return problemResponse(c, { status: 405, title: "Read only" });
  });
  addProbes(app, options);
  addPages(app, options);
  addApi(app, options);
  app.notFound((c) => problemResponse(c, { status: 404, title: "Nothing is here" }));
  app.onError((error, c) => answerError(error, c, options));
  return app;
}

function addProbes(app: Hono<Env>, { source }: StatusAppOptions): void {
  app.get("/livez", (c) => c.json({ status: "ok" }));
  app.get("/readyz", async (c) => {
    const runs = await source.names().then(() => "ok", () => "the runs folder cannot be read");
    return c.json(
      { status: runs === "ok" ? "ready" : "not ready", checks: { runs } },
      runs === "ok" ? 200 : 503,
    );
  });
}

function addPages(app: Hono<Env>, options: StatusAppOptions): void {
  const { source } = options;
  const show = (c: Ask, title: string, body: Html) =>
    c.html(page({ title, body, nonce: c.get("secureHeadersNonce") ?? "" }), 200, {
      "cache-control": "no-store",
    });
  const showRun = async (c: Ask, name: string) => {
    const hasWriter = await source.hasWriter(name), records = await recordsOf(source, name);
    const alone = (await source.names()).length === 1;
    return show(
      c,
      `${name} · irl`,
      runPage(name, records, { alone, hasWriter, resume: source.resumeCommand(name) }),
    );
  };
  app.get("/", async (c) => {
    const names = await source.names();
    if (names.length === 1) return await showRun(c, names[0]);
    return show(c, "Runs · irl", runsPage(await listRunEntries(source)));
  });
  app.get("/runs/:run", (c) => showRun(c, runName(c)));
  app.get("/assets/:file", (c) => {
    const asset = ASSETS.get(c.req.param("file"));
    if (asset === undefined) return c.notFound();
    const caching = "private, max-age=31536000, immutable";
    return c.body(asset.body, 200, { "content-type": asset.type, "cache-control": caching });
  });
}

function addApi(app: Hono<Env>, options: StatusAppOptions): void {
  const { source } = options;
  let streams = 0;
  app.use("/api/*", async (c, next) => {
    await next();
    c.header("cache-control", "no-store");
  });
  app.get("/api/runs", async (c) => c.json({ runs: await listRunEntries(source) }));
  app.get("/api/runs/:run", async (c) => {
    const name = runName(c), records = await recordsOf(source, name);
    if (records.length === 0) {
      throw new ProblemError({ status: 404, title: `Run "${name}" has recorded nothing yet` });
    }
    return c.json(reportOf(projectRun(records), { outcome: options.outcome(records) }));
  });
  app.get("/api/runs/:run/events", async (c) => {
    const name = runName(c), { after, limit } = eventsQuery(c.req.query());
    const records = await recordsOf(source, name);
    const events = records.slice(after, after + limit);
    const last = events.at(-1)?.seq ?? after;
    return c.json({ run: name, events, next: last < records.length ? last : null });
  });
  app.get("/api/runs/:run/stream", async (c) => {
    const name = runName(c), { after } = eventsQuery(c.req.query());
    await recordsOf(source, name);
    if (streams >= (options.maxStreams ?? 32)) {
      c.header("retry-after", "30");
      return problemResponse(c, { status: 503, title: "Too many open streams" });
    }
    streams++;
    const lastSeen = wholeNumber.safeParse(c.req.header("last-event-id"));
    return streamRecords(c, {
      source,
      name,
      after: lastSeen.success ? lastSeen.data : after,
      heartbeatMs: options.heartbeatMs ?? 15_000,
      signal: options.signal,
      onError: options.onError,
      onEnd: () => streams--,
    });
  });
}

/** An answer that a handler gives up with. */
class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.title);
    this.problem = problem;
  }
}

function runName(c: Ask): string {
  const name = RunName.safeParse(c.req.param("run"));
  if (name.success) return name.data;
  throw new ProblemError({
    status: 400,
    title: "Give a run name",
    detail: "1 to 64 lower-case letters, digits and dashes, beginning with a letter or digit",
  });
}

async function recordsOf(source: RunSource, name: string): Promise<readonly RunRecord[]> {
  const records = await source.records(name);
  if (records === undefined) throw new ProblemError({ status: 404, title: `There is no run "${name}"` });
  return records;
}

function eventsQuery(query: Record<string, string>): z.infer<typeof EventsQuery> {
  const parsed = EventsQuery.safeParse(query);
  if (parsed.success) return parsed.data;
  throw new ProblemError({
    status: 400,
    title: "Give whole numbers",
    detail: "after: from 0; limit: 1 to 1000",
  });
}

function answerError(error: Error, c: Context, { onError }: StatusAppOptions): Response {
  if (error instanceof ProblemError) return problemResponse(c, error.problem);
  if (error instanceof HTTPException) {
    return problemResponse(c, { status: error.status, title: "The request cannot be answered" });
  }
  onError(error);
  return problemResponse(c, logProblem(error) ?? { status: 500, title: "Something went wrong inside" });
}
