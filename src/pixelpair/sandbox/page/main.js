/* The page: news from the stream, the filters, and which view is shown. */
import * as catalog from "./catalog.js";
import * as detail from "./detail.js";
import { $, many, say } from "./dom.js";
import * as list from "./list.js";
import * as overview from "./overview.js";
import * as rehearse from "./rehearse.js";
import * as rejected from "./rejected.js";
import { events, filters, known, matching, take } from "./store.js";

const VIEWS = ["events", "catalog", "rejected", "rehearse"];
const TITLE = document.title;
const SILENT = 5000; // who listens to the page is told of news this seldom
let source = null;
let mark = "";
let frame = 0;
let unsaid = 0;

/* ---- news ---- */

function connect() {
  if (source) source.close();
  source = new EventSource(`/api/stream?since=${encodeURIComponent(mark)}`);
  source.onmessage = (message) => {
    mark = message.lastEventId;
    receive(JSON.parse(message.data));
  };
  source.onerror = () => {
    status("no answer from the sandbox", true);
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000); // refused, not broken
  };
}

function receive(news) {
  const before = events.size;
  take(news);
  rejected.take(news);
  rehearse.take(news);
  if (!news.reset) unsaid += Math.max(0, events.size - before);
  if (news.more) return;
  status("live", false);
  frame = frame || requestAnimationFrame(draw);
  overview.refresh();
  catalog.refresh();
}

function status(text, lost) {
  say($("live"), text);
  $("live").classList.toggle("lost", lost);
}

setInterval(() => {
  if (!unsaid) return;
  say($("announce"), `${many(unsaid, "new event")} at ${new Date().toLocaleTimeString()}`);
  unsaid = 0;
}, SILENT);

/* A tab that nobody sees holds no connection; the mark brings it up to date. */
document.addEventListener("visibilitychange", () => {
  if (document.hidden) source?.close();
  else connect();
});

/* ---- drawing ---- */

function draw() {
  frame = 0;
  const { rows, counts } = matching();
  const any = events.size > 0;
  $("alarm").hidden = !rejected.any();
  $("empty").hidden = any;
  $("full").hidden = !any;
  for (const tile of $("tiles").children) {
    const { status: state } = tile.dataset;
    say(tile.firstElementChild, counts[state].toLocaleString("en"));
    tile.classList.toggle("some", counts[state] > 0);
    tile.setAttribute("aria-pressed", String(filters.status === state));
  }
  options($("name"), known.name);
  options($("pixel"), known.pixel_id);
  list.draw(rows);
  const narrowed = Object.values(filters).some(Boolean);
  say($("matching"), narrowed ? `${rows.length.toLocaleString("en")} of ${many(events.size, "event")}` : "");
  $("none").hidden = rows.length > 0;
  $("reset").hidden = !narrowed;
  $("code-hint").hidden = !filters.code;
  detail.refresh();
}

function options(select, counts) {
  const wanted = ["", ...[...counts.keys()].sort()].slice(0, 200);
  const have = [...select.options].map((option) => option.value);
  if (wanted.length === have.length && wanted.every((value, at) => value === have[at])) return;
  const chosen = select.value;
  const made = wanted.map((value) => new Option(value || "all", value));
  select.replaceChildren(...made);
  select.value = wanted.includes(chosen) ? chosen : "";
  if (select.value !== chosen) narrow();
}

/* ---- filters ---- */

const FIELDS = { text: "text", name: "name", pixel: "pixel", consent: "consent", code: "code" };

function narrow() {
  const pixel = filters.pixel;
  for (const [key, id] of Object.entries(FIELDS)) filters[key] = $(id).value.trim();
  filters.name = $("name").value; // a name may begin with a space
  list.rewind();
  draw();
  overview.draw();
  if (filters.pixel !== pixel) overview.refresh();
}

$("filters").addEventListener("input", narrow);
$("filters").addEventListener("submit", (submit) => submit.preventDefault());
$("filters").addEventListener("reset", () => {
  filters.status = "";
  setTimeout(() => {
    narrow();
    $("text").focus();
  });
});
$("tiles").addEventListener("click", (click) => {
  const tile = click.target.closest("button");
  if (!tile) return;
  filters.status = tile.dataset.status;
  narrow();
});
$("clear").addEventListener("click", async () => {
  await fetch("/api/events", { method: "DELETE" });
  $("main").focus();
});
document.addEventListener("keydown", (key) => {
  const typing = key.target.closest("input, select, dialog");
  if (key.key !== "/" || typing || key.ctrlKey || key.metaKey || key.altKey || $("full").hidden) return;
  key.preventDefault();
  $("text").focus();
});

/* ---- views ---- */

function view(moved) {
  const wanted = location.hash.slice(1);
  if (moved && !VIEWS.includes(wanted)) return; // the skip link
  const name = VIEWS.includes(wanted) ? wanted : "events";
  for (const each of VIEWS) $(`view-${each}`).hidden = each !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = name === "events" ? TITLE : `${name} · ${TITLE}`;
  if (name === "catalog") catalog.refresh();
  if (moved && name !== "events") $(`${name}-title`).focus({ preventScroll: true });
  if (moved) scrollTo(0, 0);
}

addEventListener("hashchange", () => view(true));

/* ---- the first minute ---- */

function environment() {
  const here = location.origin;
  return [
    "PIXELPAIR_PIXEL_ID=1234567890",
    "PIXELPAIR_ACCESS_TOKEN=sandbox-token",
    "PIXELPAIR_SECRET=anything-for-now",
    `PIXELPAIR_GRAPH_URL=${here}`,
    `PIXELPAIR_PIXEL_SCRIPT_URL=${here}/en_US/fbevents.js`,
    `PIXELPAIR_PIXEL_IMAGE_URL=${here}/tr`,
    "PIXELPAIR_SPOOL=/tmp/sandbox-spool",
  ].join("\n");
}

$("copy").addEventListener("click", async () => {
  const done = await navigator.clipboard?.writeText(environment()).then(() => true, () => false);
  say($("copied"), done ? "copied" : "not allowed here: mark the lines and copy them");
});
$("example").addEventListener("click", async () => {
  const id = `example-${Date.now()}`;
  const custom = { value: 24.5, currency: "EUR", content_ids: ["sencha-100"] };
  const fbp = `fb.1.${Date.now()}.${Math.floor(Math.random() * 1e10)}`;
  const data = { id: "1234567890", ev: "AddToCart", eid: id, dl: "https://shop.example/products/sencha", fbp };
  for (const [key, value] of Object.entries(custom)) data[`cd[${key}]`] = Array.isArray(value) ? JSON.stringify(value) : value;
  await fetch("/tr/", { method: "POST", body: new URLSearchParams(data) });
  const event = {
    event_name: "AddToCart", event_time: Math.floor(Date.now() / 1000), event_id: id, action_source: "website",
    event_source_url: data.dl, custom_data: custom,
    user_data: { client_ip_address: "203.0.113.9", client_user_agent: navigator.userAgent, fbp },
  };
  await fetch("/v26.0/1234567890/events", {
    method: "POST", body: JSON.stringify({ data: [event], access_token: "sandbox-token" }), headers: { "Content-Type": "application/json" },
  });
});

/* ---- colours ---- */

$("theme").value = document.documentElement.dataset.theme || "";
$("theme").addEventListener("change", () => {
  document.documentElement.dataset.theme = $("theme").value;
  try {
    localStorage.setItem("theme", $("theme").value);
  } catch { /* for this visit only */ }
});

list.start(detail.open, draw);
detail.start();
overview.start((name) => {
  $("name").value = filters.name === name.slice(0, 200) ? "" : name;
  narrow();
});
catalog.start();
rehearse.start().catch(() => status("no answer from the sandbox", true));
say($("environment"), environment());
view(false);
connect();
