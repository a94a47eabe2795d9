// A run's report from its records: for people and for programs.
import { STEP_ORDER } from "../events/mod.ts";
import { projectReport, type Report } from "../src/status/report.ts";
import { reportText } from "../src/status/report_text.ts";
import type { LogRecord } from "../src/store/event_log.ts";
import { outcomeDigest } from "../src/store/outcome_digest.ts";

export function runReport(records: readonly LogRecord[]): { text: string; report: Report } {
  const digests = { outcome: outcomeDigest(records, STEP_ORDER) };
  return { text: reportText(records, digests).trimEnd(), report: projectReport(records, digests) };
}
