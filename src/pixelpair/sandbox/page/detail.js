/* One event opened: its two halves side by side, and what of them differs. */
import { $, chip, element, group, lasting, precise, say } from "./dom.js";
import { beside, focus } from "./list.js";
import { events } from "./store.js";

const SHORT = { client_ip_address: "IP", client_user_agent: "user agent" };
const dialog = $("detail");
let opened = null;
let shown = null; // the row of the list that was drawn

export function start() {
  $("close").addEventListener("click", () => dialog.close());
  $("newer").addEventListener("click", () => step(-1));
  $("older").addEventListener("click", () => step(1));
  dialog.addEventListener("click", (click) => { if (click.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => {
    const number = opened;
    opened = shown = null;
    focus(number);
  });
}

export async function open(number) {
  const row = events.get(number);
  const answer = await fetch(`/api/events/${number}`);
  if (!answer.ok) return;
  const fresh = !dialog.open;
  const other = opened !== number;
  opened = number;
  shown = row;
  draw(await answer.json());
  if (fresh) dialog.showModal();
  if (fresh) $("detail-title").focus();
  if (other) dialog.scrollTop = 0;
}

/* The list has news: perhaps of the event that is open. */
export function refresh() {
  if (opened === null) return;
  if (!events.has(opened)) dialog.close();
  else if (events.get(opened) !== shown) open(opened);
  else neighbours();
}

function step(by) {
  const next = beside(opened, by);
  if (next !== undefined) open(next);
}

function neighbours() {
  for (const [id, by] of [["newer", -1], ["older", 1]]) {
    $(id).setAttribute("aria-disabled", String(beside(opened, by) === undefined));
  }
}

function draw(event) {
  say($("detail-title"), event.name);
  chip($("detail-state"), event.status);
  say($("detail-why"), event.why);
  const differs = event.lines.some((line) => line.differs);
  $("detail-why").className = event.status !== "paired" ? "bad" : differs ? "warn" : "good";
  $("detail-faults").replaceChildren(...event.faults.map((text) => element("li", text)));
  $("detail-remarks").replaceChildren(...event.remarks.map((text) => element("li", text)));
  const delay = event.delay === null ? [] : ["Delay", `${lasting(event.delay)} from the act to the server half’s arrival`];
  $("detail-key").replaceChildren(...facts("event_id", event.event_id || "none", "Pixel", event.pixel_id, ...delay));
  heads(event);
  $("halves").tBodies[0].replaceChildren(...event.lines.map((line) => drawLine(line, event)));
  $("raw").textContent = JSON.stringify({ browser: event.browser, server: event.server }, null, 2);
  neighbours();
}

export function facts(...pairs) {
  const made = [];
  for (let at = 0; at < pairs.length; at += 2) made.push(element("dt", pairs[at]), element("dd", pairs[at + 1]));
  return made;
}

function heads(event) {
  const cells = $("halves").tHead.rows[0].cells;
  ["browser", "server"].forEach((side, at) => {
    const half = event[side];
    const text = half ? `${precise(half.received)}${half.noscript ? ", noscript image" : ""}${half.repeats ? `, ${half.repeats + 1} times` : ""}` : "missing";
    cells[at + 1].replaceChildren(at ? "Server" : "Browser", element("small", text));
    cells[at + 1].className = half ? "" : "missing";
  });
}

function drawLine(line, event) {
  const label = group("th", "", line.label, line.differs ? element("span", "≠ differs", "badge warn") : "");
  label.scope = "row";
  const cells = ["browser", "server"].map((side) => (event[side] ? cell(line[side]) : element("td", "", "missing")));
  return group("tr", line.differs ? "differs" : "", label, ...cells);
}

function cell(said) {
  if (said.length === 0) return element("td", "–", "nothing");
  if (!Array.isArray(said)) return element("td", said);
  return group("td", "", ...said.flatMap((name) => [element("span", SHORT[name] || name, "key"), " "]));
}
