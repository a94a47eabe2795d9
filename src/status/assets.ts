// The page's style, script and plotting library, inside the program: the page asks nobody else for anything.
import uplotScript from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import uplotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import { sha256 } from "../base/canonical.ts";
import plotsScript from "./page_plots.js" with { type: "text" };
import pageScript from "./page_script.js" with { type: "text" };
import pageStyle from "./page.css" with { type: "text" };

export interface Asset {
  body: string;
  type: string;
}

const script = "text/javascript; charset=utf-8", style = "text/css; charset=utf-8";

export const ASSETS: ReadonlyMap<string, Asset> = new Map([
  ["uplot.js", { body: uplotScript, type: script }],
  ["uplot.css", { body: uplotStyle, type: style }],
  ["plots.js", { body: plotsScript, type: script }],
  ["page.js", { body: pageScript, type: script }],
  ["page.css", { body: pageStyle, type: style }],
]);

const addresses = new Map(
  Array.from(ASSETS, ([name, { body }]) => [name, `/assets/${name}?v=${sha256(body).slice(0, 12)}`]),
);

/** The address changes with the content, so that it may be cached forever. */
export function assetAddress(name: string): string {
  return addresses.get(name) ?? `/assets/${name}`;
}
