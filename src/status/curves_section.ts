// The curves of a run's page, and the panel that sets the learned reward against the measure nobody optimised.
import { html } from "hono/html";
import { type Chart, hasGold, iterationCharts, overOptimisationChart, stepCharts } from "./charts.ts";
import { type Verdict, verdicts } from "./over_optimisation.ts";
import type { Html } from "./page.ts";
import { declineText, policyDeclines } from "./policy_decline.ts";
import { doubtText, rewardDoubts } from "./reward_doubt.ts";
import type { RunProjection } from "./run_projection.ts";

export function curvesSection(run: RunProjection): Html {
  const charts = [...iterationCharts(run), ...stepCharts(run)];
  return html`
    <section id="curves" data-live class="card" aria-labelledby="curves-title">
      <h2 id="curves-title">Curves</h2>
      ${charts.length === 0
        ? html`<p class="quiet">The first curve, the loss of fine-tuning, begins with its first saved chunk.</p>`
        : html`<div class="charts">${charts.map(chartFigure)}</div>`}
      ${[...rewardDoubts(run).map(doubtText), ...policyDeclines(run).map(declineText)].map((text) =>
        html`<p class="note" data-state="trouble">${text}</p>`
      )}
    </section>
  `;
}

export function overOptimisationSection(run: RunProjection): Html {
  const rows = verdicts(run), measure = hasGold(run) ? "slot error at T = 1" : "held-out nll";
  return html`
    <section id="over-optimisation" data-live class="card" aria-labelledby="over-title">
      <h2 id="over-title">Over-optimisation</h2>
      <div class="beside">
        ${rows.length === 0 ? "" : plot(overOptimisationChart(run))}
        <div>
          <p>
            The policy is optimised for the learned reward, not for the ${measure}. As long as both lines fall, the
            reward says something true. A margin that falls while the ${measure} rises is a reward that is being
            exploited.
          </p>
          ${rows.length === 0
            ? html`<p class="quiet">The first comparison comes after iteration 1.</p>`
            : verdictTable(rows, measure)}
        </div>
      </div>
    </section>
  `;
}

function verdictTable(rows: readonly Verdict[], measure: string): Html {
  return html`
    <div class="scroll">
      <table class="verdicts">
        <thead>
          <tr>
            <th scope="col">iteration</th>
            <th scope="col">reward of rollouts</th>
            <th scope="col">${measure}</th>
            <th scope="col">together?</th>
          </tr>
        </thead>
        <tbody>${rows.map(verdictRow)}</tbody>
      </table>
    </div>
  `;
}

function verdictRow({ iteration, learned, gold, kind, word }: Verdict): Html {
  return html`
    <tr data-kind="${kind}">
      <td>${iteration}</td>
      <td>${learned}</td>
      <td>${gold}</td>
      <td>${word}</td>
    </tr>
  `;
}

function chartFigure(chart: Chart): Html {
  return html`
    <figure>
      <figcaption><b>${chart.title}</b> <span>${chart.about}</span></figcaption>
      ${plot(chart)}
    </figure>
  `;
}

/** The script draws into it; without one, and for readers of screens, the numbers stand in its label. */
function plot(chart: Chart): Html {
  return html`
    <div class="plot" role="img" aria-label="${spoken(chart)}" data-plot="${JSON.stringify(chart)}"></div>
  `;
}

function spoken({ title, unit, x, lines }: Chart): string {
  const ends = lines.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    return `${label} ${known.at(0)} to ${known.at(-1)}`;
  });
  return `${title}, ${unit} ${x.at(0)} to ${x.at(-1)}: ${ends.join("; ")}`;
}
