// The list of runs.
import { html } from "hono/html";
import { bar, type Html } from "./page.ts";
import { statePill, timeText } from "./run_header.ts";
import type { RunEntry } from "./run_list.ts";

export function runsPage(entries: readonly RunEntry[]): Html {
  return html`
    ${bar({ name: "Runs", back: false })}
        <main data-page="runs">
      <section id="runs" data-live class="card" aria-labelledby="runs-title">
            <h1 id="runs-title">Runs</h1>
            ${entries.length === 0 ? noRuns : runsTable(entries)}
          </section>
    </main>
  `;
}

const noRuns =
  html`<p class="quiet">There is no run yet. Start one with <code>deno task irl</code>; it appears here.</p>`;

function runsTable(entries: readonly RunEntry[]): Html {
  return html`
    <div class="scroll">
      <table class="runs">
        <thead>
          <tr>
            <th scope="col">run</th>
            <th scope="col">state</th>
            <th scope="col">iteration</th>
            <th scope="col">preset</th>
            <th scope="col" class="number">seed</th>
            <th scope="col" class="number">events</th>
            <th scope="col">started</th>
            <th scope="col">last event</th>
          </tr>
        </thead>
        <tbody>${entries.map(runRow)}</tbody>
      </table>
    </div>
  `;
}

function runRow(entry: RunEntry): Html {
  const name = html`<th scope="row"><a href="/runs/${entry.run}">${entry.run}</a></th>`;
  if (entry.state === "unreadable") {
    return html`<tr>${name}<td>${statePill("unreadable")}</td><td colspan="6">${entry.problem}</td></tr>`;
  }
  if (!("preset" in entry)) {
    return html`<tr>${name}<td>${
      statePill(entry.state)
    }</td><td colspan="6" class="quiet">nothing recorded yet</td></tr>`;
  }
  return html`<tr>
      ${name}
      <td>${statePill(entry.state)}</td>
      <td>
        <progress max="${Math.max(1, entry.iterations)}" value="${doneIterations(entry)}"></progress>
        ${entry.iteration} of ${entry.iterations}
      </td>
      <td>${entry.preset}</td>
      <td class="number">${entry.seed}</td>
      <td class="number">${entry.events}</td>
      <td>${timeText(entry.startedAt)}</td>
      <td>${timeText(entry.lastAt)}</td>
    </tr>`;
}

function doneIterations(
  { state, iteration, iterations }: { state: string; iteration: number; iterations: number },
) {
  return state === "done" ? Math.max(1, iterations) : Math.max(0, iteration - 1);
}
