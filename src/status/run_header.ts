// The head of a run's page: name, state, and the facts that tell runs apart.
import { html } from "hono/html";
import { durationText } from "./number_text.ts";
import type { Html } from "./page.ts";
import { isAtStand, type RunProjection, secondsLeft, type ShownState, shownState } from "./run_projection.ts";

/** In the words of the drawing. */
const stateWords: Readonly<Record<ShownState | "unreadable", string>> = {
  idle: "nothing yet",
  loading: "loading data",
  tuningSupervised: "supervised fine-tuning",
  generating: "generating",
  learningReward: "learning the reward",
  optimisingPolicy: "optimising the policy",
  evaluating: "evaluating",
  completingIteration: "evaluating",
  completingRun: "evaluating",
  done: "done",
  paused: "paused",
  failed: "failed",
  stopped: "stopped",
  unreadable: "unreadable",
};

export function statePill(state: ShownState | "unreadable"): Html {
  return html`<span class="pill" data-state="${state}">${stateWords[state]}</span>`;
}

/** Local and relative time are the script's business. */
export function timeText(at: string): Html {
  return html`<time datetime="${at}">${at.slice(0, 16).replace("T", " ")} UTC</time>`;
}

export function runHeader(
  name: string,
  run: RunProjection,
  at: { hasWriter: boolean; resume: string },
): Html {
  const { config, started } = run, state = shownState(run.state, at);
  const { tier } = started;
  const left = secondsLeft(run);
  const facts: (readonly [string, Html | string])[] = [
    ["iteration", `${run.iteration} of ${config.iterations}`],
    ...(run.state === "done"
      ? []
      : [["time left", left === undefined ? "not known yet" : `about ${durationText(left)}`] as const]),
    ["work", durationText(run.iterations.reduce((sum, { seconds }) => sum + seconds, 0))],
    ["preset", config.preset],
    ["seed", String(config.seed)],
    ["compute", `${tier.name} ${tier.variant}, ${tier.threads} ${tier.threads === 1 ? "thread" : "threads"}`],
    ["started", timeText(run.startedAt)],
    ["last event", timeText(run.lastAt)],
    ["events", String(run.numEvents)],
    [
      "log head",
      html`<code title="${run.head}">${run.head.slice(0, 12)}</code> ${
        copyButton(run.head, "Copy the log head")
      }`,
    ],
  ];
  return html`<section id="head" data-live class="head">
      <div class="title">
        <h1>${name}</h1>
        ${statePill(state)}
      </div>
      <dl class="facts">${
    facts.map(([term, value]) =>
      html`
        <div>
          <dt>${term}</dt>
          <dd>${value}</dd>
        </div>
      `
    )
  }</dl>
      ${troubleNote(at.resume, run, state)}
    </section>`;
}

/** A button that copies a text. */
export function copyButton(text: string, label: string): Html {
  return html`
    <button type="button" class="copy" data-copy="${text}" title="${label}"
      aria-label="${label}">copy</button>
  `;
}

function troubleNote(resume: string, run: RunProjection, state: ShownState): Html | string {
  const trouble = run.troubles.at(-1);
  if (isAtStand(state)) {
    const what = {
      paused: "Paused. Nothing is lost",
      failed: `Failed: ${trouble?.message ?? "no reason given"}`,
      stopped: "Stopped: no process works on it. What is recorded is not lost",
    }[state];
    return html`<p class="note" data-state="${state}">
        ${what}. Go on with <code>${resume}</code> ${copyButton(resume, "Copy the command")}
      </p>`;
  }
  if (trouble === undefined) return "";
  const of = run.config.supervision.maxAttempts;
  return html`<p class="note" data-state="trouble">
      Attempt ${
    trouble.attempt ?? 1
  } of ${of} failed: ${trouble.message}. It is tried again with the same random key.
    </p>`;
}
