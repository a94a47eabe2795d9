// The last events of a run, newest first; each opens to its record and the command that folds the log up to it.
import { html } from "hono/html";
import { eventOf, type RunRecord, secondsOf } from "./run_record.ts";
import type { Html } from "./page.ts";
import { copyButton, timeText } from "./run_header.ts";

const shown = 30;

export function eventsSection(name: string, records: readonly RunRecord[]): Html {
  const last = records.slice(-shown).reverse();
  const replay = `deno task replay ${name}`;
  return html`
    <section id="events" class="card" aria-labelledby="events-title">
      <h2 id="events-title">Events</h2>
      <p class="quiet">
            <code>${replay}</code> ${copyButton(
              replay,
              "Copy the replay command",
            )} folds this log again and checks every line.
            <a href="/api/runs/${name}/events?limit=1000">All as JSON</a>
          </p>
      <ol class="events" data-live-items reversed>${last.map((record) => eventItem(name, record))}</ol>
    </section>
  `;
}

function eventItem(name: string, record: RunRecord): Html {
  const { seq, type, hash, at } = record;
  const until = `deno task replay ${name} --until ${seq} --print`;
  return html`
    <li id="event-${seq}" value="${seq}">
      <details>
        <summary>
          <span class="seq">${seq}</span>
          <b data-type="${type}">${type}</b>
          <span class="gist">${gist(record)}</span>
          <span class="when">${timeText(at)}</span>
          <code class="hash">${hash.slice(0, 8)}</code>
        </summary>
        <p><code>${until}</code> ${copyButton(until, "Copy the replay command up to here")}</p>
        <pre tabindex="0">${JSON.stringify(record, null, 2)}</pre>
      </details>
    </li>
  `;
}

/** The event in a few words. */
function gist(record: RunRecord): string {
  const event = eventOf(record);
  const seconds = secondsOf(record), took = seconds === 0 ? "" : `, ${seconds.toFixed(1)} s`;
  switch (event.type) {
    case "RunStarted":
      return `preset ${event.data.config.preset}, seed ${event.data.config.seed}`;
    case "DemonstrationsLoaded":
      return `${event.data.numDemonstrations} demonstrations, ${event.data.numPrompts} prompts`;
    case "SupervisedTuned":
    case "RewardLearned":
      return `${place(event.data)}, loss ${event.data.loss.toFixed(3)}${took}`;
    case "GenerationsSampled":
      return `iteration ${event.data.iteration}, shard ${
        event.data.shard + 1
      }, ${event.data.numGenerations} texts${took}`;
    case "PolicyOptimised":
      return `${place(event.data)}, reward ${event.data.reward.toFixed(2)}, KL ${
        event.data.kl.toFixed(2)
      }${took}`;
    case "PolicyEvaluated":
      return `iteration ${event.data.iteration}${took}`;
    case "IterationCompleted":
      return `iteration ${event.data.iteration}`;
    case "RunCompleted":
      return event.data.iterations === 1 ? "1 iteration" : `${event.data.iterations} iterations`;
    case "StepFailed":
    case "RunFailed":
      return event.data.message;
    case "StepTimedOut":
    case "StepRetried":
      return `${event.data.step}, attempt ${event.data.attempt}`;
    case "RunPaused":
      return event.data.reason;
    case "RunResumed":
      return `version ${event.data.software}`;
  }
}

function place(
  { iteration, toStep, numSteps }: { iteration: number; toStep: number; numSteps: number },
): string {
  return `${iteration === 0 ? "SFT" : `iteration ${iteration}`}, step ${toStep} of ${numSteps}`;
}
