// The state machine as a drawing: supervised fine-tuning, then K times round the loop, with the current state marked.
import { html, raw } from "hono/html";
import type { Html } from "./page.ts";
import type { RunProjection, Stage } from "./run_projection.ts";

interface Node {
  stage: Stage;
  title: string;
  actor: string;
  /** Where in the paper. */
  equation: string;
}

type Mark = "before" | "current" | "after";

const tuning: Node = {
  stage: "tuningSupervised",
  title: "Fine-tune",
  actor: "PolicyOptimizer",
  equation: "Eq. 1",
};
const evaluating: Node = { stage: "evaluating", title: "Evaluate", actor: "Evaluator", equation: "held out" };
const loop: readonly Node[] = [
  { stage: "generating", title: "Generate", actor: "Generator", equation: "y′ ∼ π" },
  { stage: "learningReward", title: "Learn reward", actor: "RewardLearner", equation: "Eq. 11" },
  { stage: "optimisingPolicy", title: "Optimise policy", actor: "PolicyOptimizer", equation: "Eq. 5b" },
  evaluating,
];

export function machineSection(run: RunProjection): Html {
  const { stage, iteration } = run, total = run.config.iterations;
  const looping = iteration > 0 || stage === "done";
  const started = looping ? "after" : stage === "loading" ? "before" : "current";
  const place = placeIn(loop, run);
  return html`
    <section id="machine" data-live class="card" aria-labelledby="machine-title">
      <h2 id="machine-title">Algorithm 1</h2>
      <ol class="machine" data-state="${run.state}">
            ${group("start", started, {
              label: "Supervised fine-tuning",
              nodes: [tuning, evaluating].map((node, i) =>
                nodeItem(node, looping ? "after" : markOf(i, placeIn([tuning, evaluating], run)), run)
              ),
            })}
            <li class="arrow" aria-hidden="true">${arrow}</li>
            ${total === 0 ? "" : html`${
              group("loop", loopMark(run), {
                label: loopLabel(run),
                nodes: loop.map((node, i) =>
                  nodeItem(node, stage === "done" ? "after" : looping ? markOf(i, place) : "before", run)
                ),
              })
            }
        <li class="arrow" aria-hidden="true">${arrow}</li>`}
            <li class="end" data-mark="${stage === "done" ? "after" : "before"}" ${currentIf(
              stage === "done",
            )}>Done</li>
          </ol>
    </section>
  `;
}

function group(kind: string, mark: Mark, content: { label: Html | string; nodes: Html[] }): Html {
  const { label, nodes } = content;
  return html`<li class="group" data-kind="${kind}" data-mark="${mark}">
      <span class="label">${label}</span>
      <ol>${nodes}</ol>
      ${kind === "loop" ? back : ""}
    </li>`;
}

function nodeItem({ title, actor, equation }: Node, mark: Mark, run: RunProjection): Html {
  return html`
    <li class="node" data-mark="${mark}" ${currentIf(mark === "current")}>
      <b>${title}</b>
      <small>${actor}</small>
      <small>${equation}</small>
      ${mark === "current" ? workOf(run) : ""}
    </li>
  `;
}

function workOf({ progress, state, stage }: RunProjection): Html {
  const done = progress === undefined ? "" : `${progress.done} of ${progress.total} ${progress.unit}`;
  const words = state === stage ? done || "at work" : `stopped${done === "" ? "" : ` at ${done}`}`;
  return html`
    <progress max="${progress?.total ?? 1}" value="${progress?.done ?? 0}" aria-hidden="true"></progress>
    <small class="work">${words}</small>
  `;
}

function loopMark({ stage, iteration }: RunProjection): Mark {
  return stage === "done" ? "after" : iteration > 0 ? "current" : "before";
}

function loopLabel(run: RunProjection): Html {
  const total = run.config.iterations,
    done = run.iterations.filter((facts) => facts.completed !== undefined).length - 1;
  // More than fits a line of dots says nothing.
  const dots = total > 12
    ? ""
    : Array.from({ length: total }, (_, i) =>
      html`<i data-mark="${i < done ? "after" : i + 1 === run.iteration ? "current" : "before"}"></i>`);
  return html`Iteration ${
    run.iteration === 0 ? "1" : run.iteration
  } of ${total} <span class="dots" aria-hidden="true">${dots}</span>`;
}

/** Number of nodes that are done; the next one is current. */
function placeIn(nodes: readonly Node[], { stage }: RunProjection): number {
  if (stage === "completingIteration" || stage === "completingRun") return nodes.length;
  return nodes.findIndex((node) => node.stage === stage);
}

function markOf(index: number, place: number): Mark {
  return index < place ? "after" : index === place ? "current" : "before";
}

function currentIf(current: boolean): Html {
  return raw(current ? 'aria-current="step"' : "");
}

const arrow = html`
  <svg viewBox="0 0 24 12" width="24" height="12">
    <path d="M1 6h20M16 1l5 5-5 5" />
  </svg>
`;

/** From the last node back to the first; stretched to the loop's width, its head drawn apart. */
const back = html`
  <span class="back">
    <svg aria-hidden="true" class="way" viewBox="0 0 400 14" preserveAspectRatio="none">
      <path d="M399 0v12H1V3" />
    </svg>
    <svg aria-hidden="true" class="tip" viewBox="0 0 12 8" width="12" height="8">
      <path d="M1 7l5-6 5 6" />
    </svg>
    <span>while k &lt; K</span>
  </span>
`;
