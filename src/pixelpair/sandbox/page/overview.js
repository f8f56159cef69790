/* How each event name fares, from /api/overview; asked at most once a second, and so seldom that the
   sandbox spends a tenth of its time on it (10,000 events take it 0.2 s). */
import { $, compare, element, group, lasting, place, say, sortable } from "./dom.js";
import { filters } from "./store.js";

const SHORT = { client_ip_address: "IP address", client_user_agent: "user agent" };
const COUNTS = ["browser", "server", "paired", "browser_only", "server_only"];
const EVERY = 1000;
const SHARE = 10;
const body = $("overview").tBodies[0];
const drawn = new Map();
const sorting = { key: "browser", falls: true, chosen: false };
let names = [];
let unfolded = "";
let next = 0;
let timer = 0;

export function start(choose) {
  body.addEventListener("click", (click) => {
    const button = click.target.closest("button");
    if (!button) return;
    if (button.dataset.name !== undefined) choose(button.dataset.name);
    else unfold(button.closest("tr").dataset.name);
  });
  sortable($("overview"), (key, falls) => {
    Object.assign(sorting, { key, falls, chosen: true });
    draw();
  });
}

export function refresh() {
  if (timer) return;
  timer = setTimeout(async () => {
    timer = 0;
    const asked = performance.now();
    const answer = await fetch(`/api/overview?pixel=${encodeURIComponent(filters.pixel)}`).catch(() => null);
    if (!answer || !answer.ok) return;
    names = (await answer.json()).names;
    next = performance.now() + Math.max(EVERY, SHARE * (performance.now() - asked));
    draw();
  }, Math.max(0, next - performance.now()));
}

export function draw() {
  const rows = sorting.chosen ? [...names].sort(compare(sorting.key, sorting.falls)) : names;
  const kept = new Set(rows.map((row) => row.name));
  for (const name of drawn.keys()) if (!kept.has(name)) drawn.delete(name);
  place(body, rows.flatMap(lines));
}

function lines(row) {
  let nodes = drawn.get(row.name);
  if (!nodes) {
    nodes = blank(row.name);
    drawn.set(row.name, nodes);
  }
  fill(nodes[0], row);
  if (unfolded !== row.name || !row.keys.length) return [nodes[0]];
  fillKeys(nodes[1], row);
  return nodes;
}

function blank(name) {
  const line = element("tr");
  line.dataset.name = name;
  const button = element("button", name, "row");
  button.type = "button";
  button.dataset.name = name;
  const head = group("th", "", button);
  head.scope = "row";
  const score = group("button", "score", element("span", undefined, "bar"), element("b"));
  score.type = "button";
  line.append(head, ...COUNTS.map(() => element("td", undefined, "number")), group("td", "", score, element("span")), element("td", undefined, "number"));
  const keys = group("tr", "keys", element("td"));
  keys.cells[0].colSpan = 8;
  return [line, keys];
}

function fill(line, row) {
  const cells = line.cells;
  cells[0].firstElementChild.setAttribute("aria-pressed", String(filters.name === row.name));
  COUNTS.forEach((key, at) => {
    say(cells[at + 1], row[key].toLocaleString("en"));
    cells[at + 1].classList.toggle("bad", key.endsWith("only") && row[key] > 0);
    cells[at + 1].classList.toggle("zero", row[key] === 0);
  });
  const [button, dash] = cells[6].children;
  button.hidden = row.score === null;
  say(dash, row.score === null ? "–" : "");
  if (row.score !== null) fillScore(button, row);
  say(cells[7], lasting(row.delay));
  cells[7].title = row.slowest === null ? "" : `the slowest took ${lasting(row.slowest)}`;
}

function fillScore(button, row) {
  button.setAttribute("aria-expanded", String(unfolded === row.name));
  button.setAttribute("aria-label", `${row.score.toFixed(1)} of 10, by key`);
  button.firstElementChild.style.setProperty("--share", `${row.score * 10}%`);
  say(button.lastElementChild, row.score.toFixed(1));
}

function fillKeys(line, row) {
  const list = group("ul", "", ...row.keys.map(({ key, percentage }) => {
    const bar = element("span", undefined, "bar");
    bar.style.setProperty("--share", `${percentage}%`);
    return group("li", percentage ? "" : "zero", element("span", SHORT[key] || key), bar, element("b", `${Math.round(percentage)} %`));
  }));
  list.setAttribute("aria-label", `Share of ${row.name} server halves with each key of user_data`);
  line.cells[0].replaceChildren(list);
}

function unfold(name) {
  unfolded = unfolded === name ? "" : name;
  draw();
}
