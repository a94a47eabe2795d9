// The page of one run: everything that its log tells so far, one section per question.
import { html } from "hono/html";
import { curvesSection, overOptimisationSection } from "./curves_section.ts";
import { eventsSection } from "./events_section.ts";
import { machineSection } from "./machine_section.ts";
import { bar, type Html } from "./page.ts";
import { runHeader } from "./run_header.ts";
import { projectRun } from "./run_projection.ts";
import type { RunRecord } from "./run_record.ts";
import { samplesSection } from "./samples_section.ts";
import { tableSection } from "./table_section.ts";

export interface RunPageOptions {
  /** There is no other run to go back to. */
  alone: boolean;
  /** A process writes the run now. */
  hasWriter: boolean;
  /** The command that goes on with the run. */
  resume: string;
}

export function runPage(
  name: string,
  records: readonly RunRecord[],
  { alone, ...at }: RunPageOptions,
): Html {
  return html`${bar({ name, back: !alone })}
    <main data-page="run" data-run="${name}" data-after="${records.length}">
      ${records.length === 0 ? nothingYet(name) : sections(name, records, at)}
    </main>`;
}

function sections(name: string, records: readonly RunRecord[], at: Omit<RunPageOptions, "alone">): Html {
  const run = projectRun(records);
  return html`${runHeader(name, run, at)} ${machineSection(run)} ${tableSection(run)} ${curvesSection(run)}
    ${overOptimisationSection(run)} ${samplesSection(run)} ${eventsSection(name, records)}`;
}

function nothingYet(name: string): Html {
  return html`
    <section id="head" data-live class="head">
      <div class="title">
        <h1>${name}</h1>
      </div>
      <p class="quiet">Nothing is recorded yet. The page fills itself as soon as the run has started.</p>
    </section>
  `;
}
