// The frame of every page: head, bar, body. Values are escaped by the template, so foreign text stays text.
import { html } from "hono/html";
import { assetAddress } from "./assets.ts";

export type Html = ReturnType<typeof html>;

const icon = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E" +
  "%3Cpath d='M13 8a5 5 0 1 1-1.6-3.7M13 1.5v3.2H9.8' fill='none' stroke='%233b7a8c' stroke-width='2'/%3E%3C/svg%3E";

export function page(content: { title: string; body: Html; nonce: string }): Html {
  const { title, body, nonce } = content;
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <meta name="color-scheme" content="light dark">
        <title>${title}</title>
        <link rel="icon" href="${icon}">
        <link rel="stylesheet" href="${assetAddress("uplot.css")}">
        <link rel="stylesheet" href="${assetAddress("page.css")}">
        <script nonce="${nonce}" src="${assetAddress("uplot.js")}" defer></script>
        <script nonce="${nonce}" src="${assetAddress("plots.js")}" defer></script>
        <script nonce="${nonce}" src="${assetAddress("page.js")}" defer></script>
      </head>
      <body>
            ${body}
            <p id="notice" role="status" hidden></p>
          </body>
    </html>
  `;
}

/** One line at the top: where one is, the way back, and whether the page is fed. */
export function bar(place: { name: string; back: boolean }): Html {
  return html`
    <header class="bar">
      <nav aria-label="Place">
            ${place.back ? html`<a href="/">All runs</a>` : html`<span>irl</span>`}
            <span aria-hidden="true">/</span> <b>${place.name}</b>
          </nav>
      <span id="feed" data-feed="connecting" role="status">connecting</span>
    </header>
  `;
}
