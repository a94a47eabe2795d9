// Browser script 2 of 2: keeps the page current. An event that arrives makes it fetch itself again and exchange the sections
// that differ; so all rendering is the server's. Also: plots, times as people say them, copy buttons.

const main = document.querySelector("main");
const feed = document.querySelector("#feed");
const run = main instanceof HTMLElement ? main.dataset.run : undefined;
/** Sections as the server sent them, before anything was drawn into them. @type {Map<string, string>} */
const served = new Map();
/** @type {number | undefined} */
let refreshTimer;
let refreshing = false;

start();

function start() {
  remember(document);
  drawPlots(document);
  tellTimes();
  setInterval(tellTimes, 5000);
  document.addEventListener("click", copyOnClick);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawPlots);
  document.addEventListener("visibilitychange", () => document.hidden || askRefresh());
  if (run !== undefined) {
    // That nobody works on the run any more is no event.
    setInterval(askRefresh, 15_000);
    return follow(run);
  }
  askRefresh();
  setInterval(askRefresh, 3000);
}

/** One connection for the events of a run; the browser opens it again by itself, from the last event on. */
function follow(/** @type {string} */ name) {
  const after = (main instanceof HTMLElement && main.dataset.after) || "0";
  const stream = new EventSource(`/api/runs/${name}/stream?after=${after}`);
  stream.addEventListener("open", () => showFeed("live"));
  stream.addEventListener("message", askRefresh);
  stream.addEventListener("problem", () => showFeed("problem", "the log cannot be read"));
  stream.addEventListener("error", () => {
    showFeed("lost", "connection lost");
    // Refused, not interrupted: the browser gives up, this page does not.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => follow(name), 5000);
  });
}

function showFeed(/** @type {string} */ state, text = state) {
  if (!(feed instanceof HTMLElement) || feed.dataset.feed === state) return;
  feed.dataset.feed = state;
  feed.textContent = text;
}

/** Several events in a moment are one refresh. */
function askRefresh() {
  if (document.hidden) return;
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(refresh, 120);
}

async function refresh() {
  if (refreshing) return askRefresh();
  refreshing = true;
  try {
    const answer = await fetch(location.pathname, { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    exchange(new DOMParser().parseFromString(await answer.text(), "text/html"));
    if (run === undefined) showFeed("live");
  } catch {
    showFeed("lost", "connection lost");
  } finally {
    refreshing = false;
  }
}

/** Brings the sections of this page to those of the new one. */
function exchange(/** @type {Document} */ fresh) {
  const target = document.querySelector("main"), source = fresh.querySelector("main");
  if (target === null || source === null) return;
  if (target.dataset.page !== source.dataset.page) return location.reload();
  for (const section of source.querySelectorAll("section[id]")) {
    const known = document.getElementById(section.id);
    const html = section.outerHTML;
    if (known === null) target.append(section);
    else if (section.hasAttribute("data-live") && served.get(section.id) !== html) {
      keepOpen(known, section);
      known.replaceWith(section);
    } else exchangeItems(known, section);
    served.set(section.id, html);
  }
  drawPlots(document);
  tellTimes();
}

/** A list whose items never change: new ones are put on top, old ones fall off unless somebody reads them. */
function exchangeItems(/** @type {Element} */ known, /** @type {Element} */ section) {
  const list = known.querySelector("[data-live-items]"), items = section.querySelector("[data-live-items]");
  if (list === null || items === null) return;
  const wanted = new Set(Array.from(items.children, (item) => item.id));
  for (const item of [...list.children]) {
    if (!wanted.has(item.id) && item.querySelector("details[open]") === null) item.remove();
  }
  for (const item of [...items.children].reverse()) {
    if (document.getElementById(item.id) === null) list.prepend(item);
  }
}

function keepOpen(/** @type {Element} */ known, /** @type {Element} */ section) {
  const details = section.querySelectorAll("details");
  known.querySelectorAll("details").forEach((before, i) => {
    if (before.open && details[i] !== undefined) details[i].open = true;
  });
}

function remember(/** @type {Document} */ page) {
  for (const section of page.querySelectorAll("section[id]")) served.set(section.id, section.outerHTML);
}

function tellTimes() {
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  for (const time of document.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    time.title = local.format(at);
    time.textContent = ago((Date.now() - at.getTime()) / 1000);
  }
}

function ago(/** @type {number} */ seconds) {
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} days ago`;
}

function copyOnClick(/** @type {Event} */ event) {
  const button = event.target instanceof Element ? event.target.closest("button[data-copy]") : null;
  if (!(button instanceof HTMLButtonElement)) return;
  const text = button.dataset.copy ?? "";
  // Plain HTTP at another address than this machine's has no clipboard.
  const copying = navigator.clipboard === undefined ? Promise.reject() : navigator.clipboard.writeText(text);
  copying.then(() => notify("Copied"), () => notify(`Copy by hand: ${text}`));
}

function notify(/** @type {string} */ text) {
  const notice = document.querySelector("#notice");
  if (!(notice instanceof HTMLElement)) return;
  notice.textContent = text;
  notice.hidden = false;
  setTimeout(() => notice.hidden = true, 4000);
}
