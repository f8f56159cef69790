/* The list of events: a bounded number of rows, walked with the arrow keys. */
import { $, chip, clock, element, group, lasting, many, place, say, sortable } from "./dom.js";
import { sorting } from "./store.js";

const STEP = 50;
const MOVES = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
const body = $("event-list").tBodies[0];
const drawn = new Map(); // by number: the row and what it shows
let shown = STEP;
let rows = [];
let current = null;

export function start(open, redraw) {
  body.addEventListener("click", (click) => {
    const line = click.target.closest("tr");
    if (line) open(Number(line.dataset.n));
  });
  body.addEventListener("keydown", walk);
  body.addEventListener("focusin", (focus) => rove(focus.target.closest("tr")));
  sortable($("event-list"), (key, falls) => {
    Object.assign(sorting, { key, falls });
    rewind();
    redraw();
  });
  $("more").addEventListener("click", () => {
    const next = rows[shown];
    shown += STEP;
    redraw();
    focus(next.n);
  });
}

/* The filters or the order changed: back to the first rows. */
export function rewind() {
  shown = STEP;
}

export function draw(found) {
  rows = found;
  const visible = rows.slice(0, shown);
  const kept = new Set(visible.map((row) => row.n));
  for (const number of drawn.keys()) if (!kept.has(number)) drawn.delete(number);
  place(body, visible.map(line));
  if (!kept.has(current)) rove(body.rows[0]);
  $("event-list").hidden = rows.length === 0;
  $("more").hidden = rows.length <= shown;
  say($("more"), `Show ${Math.min(STEP, rows.length - shown)} more of ${many(rows.length, "event")}`);
}

/* The number of the event beside this one, in the order of the list. */
export function beside(number, step) {
  const at = rows.findIndex((row) => row.n === number);
  return at < 0 ? undefined : rows[at + step]?.n;
}

export function focus(number) {
  const at = rows.findIndex((row) => row.n === number);
  const target = drawn.get(number)?.node || body.rows[Math.max(0, Math.min(at, body.rows.length - 1))];
  (target?.querySelector("button") || $("text")).focus();
}

function line(row) {
  let known = drawn.get(row.n);
  if (!known) {
    known = { node: blank(row.n), row: null };
    drawn.set(row.n, known);
  }
  if (known.row !== row) fill(known.node, row);
  known.row = row;
  return known.node;
}

function blank(number) {
  const node = element("tr");
  node.dataset.n = number;
  const button = element("button", undefined, "row");
  button.type = "button";
  button.tabIndex = -1;
  const name = group("th", "", button, element("span", undefined, "id"), element("span", undefined, "badges"));
  name.scope = "row";
  node.append(name, group("td", "", element("span")), element("td", undefined, "roomy page"));
  node.append(element("td", undefined, "roomy number"), element("td", undefined, "roomy number"), element("td", undefined, "roomy number"));
  return node;
}

function fill(node, row) {
  const [name, state, page, amount, delay, arrived] = node.cells;
  const [button, id, badges] = name.children;
  node.className = row.status === "paired" ? "" : "lone";
  say(button, row.name);
  say(id, row.event_id || "no id");
  badges.replaceChildren(...labels(row));
  chip(state.firstElementChild, row.status);
  say(page, row.page);
  say(amount, row.amount);
  say(delay, lasting(row.delay));
  say(arrived, clock(row.received));
}

function labels(row) {
  const found = [
    [row.consent === "granted", "consent", ""],
    [row.ldu === "on", "LDU", ""],
    [row.ldu === "differs", "LDU differs", "bad"],
    [row.differs.some((label) => label !== "LDU"), `differs: ${row.differs.filter((label) => label !== "LDU").join(", ").toLowerCase()}`, "warn"],
    [row.repeats > 0, `came ${row.repeats + 1} times`, ""],
    [row.notes > 0, many(row.notes, "remark"), "warn"],
    [row.code !== "", row.code, "test"],
  ];
  return found.filter(([applies]) => applies).map(([, text, kind]) => element("span", text, `badge ${kind}`));
}

function walk(key) {
  const move = MOVES[key.key];
  const line = key.target.closest("tr");
  if (move === undefined || !line || key.altKey || key.ctrlKey || key.metaKey) return;
  key.preventDefault();
  const at = Math.max(0, Math.min(body.rows.length - 1, [...body.rows].indexOf(line) + move));
  body.rows[at].querySelector("button").focus();
}

/* One row is in the tab order: the one that was walked to. */
function rove(line) {
  for (const button of body.querySelectorAll('button[tabindex="0"]')) button.tabIndex = -1;
  if (!line) return;
  current = Number(line.dataset.n);
  line.querySelector("button").tabIndex = 0;
}
