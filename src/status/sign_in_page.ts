// What a browser without a session sees on a server that asks for a token.
import { html } from "hono/html";
import type { Html } from "./page.ts";

export function signInPage(): Html {
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <meta name="color-scheme" content="light dark">
        <title>Token needed</title>
      </head>
      <body>
        <main>
          <h1>Token needed</h1>
          <p>
                Open <code>/?token=…</code> with the token that the server was started with. Programs send the header
                <code>Authorization: Bearer …</code>.
              </p>
        </main>
      </body>
    </html>
  `;
}
