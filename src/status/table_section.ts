// The result table of a run's page: the cells of result_table.ts, with what each column measures.
import { html } from "hono/html";
import type { Html } from "./page.ts";
import { type ResultColumn, type ResultRow, type ResultTable, resultTable } from "./result_table.ts";
import type { RunProjection } from "./run_projection.ts";

export function tableSection(run: RunProjection): Html {
  const table = resultTable(run);
  return html`
    <section id="table" data-live class="card" aria-labelledby="table-title">
      <h2 id="table-title">Results on held-out prompts</h2>
      ${table.rows.length === 0 ? waiting : [resultsTable(table), legend(table)]}
    </section>
  `;
}

const waiting = html`
  <p class="quiet">
    The first rows, the demonstrations and SFT, come when supervised fine-tuning is evaluated.
  </p>
`;

function resultsTable({ columns, rows }: ResultTable): Html {
  const groups = groupsOf(columns);
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Result table">
      <table class="results">
        <thead>
          <tr><td></td>${groups.map(groupHeading)}</tr>
          <tr><td></td>${columns.map((_, place) => heading(columns, place))}</tr>
        </thead>
        <tbody>${rows.map((row) => tableRow(row, columns))}</tbody>
      </table>
    </div>
  `;
}

function groupHeading({ group, span }: { group: string; span: number }): Html {
  return html`<th scope="colgroup" colspan="${span}">${group}</th>`;
}

function heading(columns: readonly ResultColumn[], place: number): Html {
  const { name, about } = columns[place];
  return html`<th scope="col" class="${edge(columns, place)}" title="${about}">${name}</th>`;
}

function tableRow({ label, iteration, cells }: ResultRow, columns: readonly ResultColumn[]): Html {
  const kind = iteration === undefined ? "demonstrations" : iteration === 0 ? "sft" : "iteration";
  return html`
    <tr data-row="${kind}">
      <th scope="row">${label}</th>
      ${cells.map((cell, place) => html`<td class="${edge(columns, place)}">${cell || notMeasured}</td>`)}
    </tr>
  `;
}

const notMeasured = html`<span class="none" aria-label="not measured">·</span>`;

function legend({ columns }: ResultTable): Html {
  const entry = ({ group, name, about }: ResultColumn) =>
    html`
      <div>
        <dt>${group} ${name}</dt>
        <dd>${about}</dd>
      </div>
    `;
  return html`
    <details class="legend">
      <summary>What the columns measure</summary>
      <dl>${columns.map(entry)}</dl>
    </details>
  `;
}

function edge(columns: readonly ResultColumn[], place: number): string {
  return columns[place].group === columns[place - 1]?.group ? "" : "edge";
}

function groupsOf(columns: readonly ResultColumn[]): { group: string; span: number }[] {
  const groups: { group: string; span: number }[] = [];
  for (const { group } of columns) {
    const last = groups.at(-1);
    if (last?.group === group) last.span++;
    else groups.push({ group, span: 1 });
  }
  return groups;
}
