// Sample texts of SFT and of now, side by side. They are foreign text: the template escapes them.
import { html } from "hono/html";
import type { Html } from "./page.ts";
import type { RunProjection } from "./run_projection.ts";

export function samplesSection(run: RunProjection): Html {
  const newest = run.iterations.findLast(({ evaluation }) => evaluation !== undefined);
  const samples = newest?.evaluation?.samples ?? [];
  const iteration = newest?.iteration ?? 0;
  return html`<section id="samples" data-live class="card" aria-labelledby="samples-title">
      <h2 id="samples-title">Samples</h2>
      ${
    samples.length === 0
      ? html`<p class="quiet">The first texts come when supervised fine-tuning is evaluated.</p>`
      : html`
        <ul class="samples">
          ${samples.map(({ prompt, sft, policy }) =>
            html`
              <li>
                <p class="prompt">${prompt}</p>
                <div class="pair">
                              <figure><figcaption>SFT</figcaption><blockquote>${sft}</blockquote></figure>
                              ${iteration === 0 ? "" : html`
                                <figure class="now">
                                  <figcaption>iteration ${iteration}</figcaption>
                                  <blockquote>${policy}</blockquote>
                                </figure>
                              `}
                            </div>
              </li>
            `
          )}
        </ul>
      `
  }
    </section>`;
}
