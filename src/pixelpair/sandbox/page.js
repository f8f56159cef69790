/* The sandbox's page: asks for the events every second and shows them newest first. Everything
   that was received reaches the page as text, never as markup. */
"use strict";

const SHOWN = 200;
const INTERVAL = 1000;
const CHIPS = { paired: "paired", browser_only: "browser only", server_only: "server only" };
const SHORT = { client_ip_address: "IP", client_user_agent: "user agent" };
const LDU = "LDU";
const LDU_DIFFERS = "A fault of the shop: the halves disagree about Limited Data Use; pixel and server must be told the same.";
const $ = (id) => document.getElementById(id);

const cards = new Map();
let events = [];
let rejections = [];
let filter = "";
let tag = null;

/* ---- reading the halves ---- */

const custom = (half) => (half && half.custom_data) || {};
const user = (half) => (half && half.user_data) || {};
const list = (value) => (Array.isArray(value) ? value : value === undefined ? [] : [value]);

function money(half) {
  const { value, currency } = custom(half);
  const unit = typeof currency === "string" ? currency.toUpperCase() : currency; // either case counts
  return [value, unit].filter((part) => part !== undefined).join(" ");
}

function contents(half) {
  return list(custom(half).contents).map((item) => {
    const known = item || {};
    const price = known.item_price === undefined ? "" : ` at ${known.item_price}`;
    return `${known.quantity === undefined ? "" : `${known.quantity} × `}${known.id}${price}`;
  }).join(", ");
}

function page(half) {
  const url = (half && (half.url || half.event_source_url)) || "";
  try {
    const parsed = new URL(url);
    return parsed.pathname + parsed.search;
  } catch {
    return url;
  }
}

/* The names of what a half knows of its customer; fbp and fbc have lines of their own. */
function people(half) {
  return list((half || {}).match_keys).filter((key) => !["fbp", "fbc"].includes(key));
}

/* Meta's API has no field for consent, so a server half can say no more than that it was sent. */
function consent(half) {
  if (!half) return "";
  return half.consent === "sent" ? "sent, which counts as agreed" : half.consent;
}

function limited(half) {
  if (!half) return "";
  if (!half.ldu) return "off";
  const [country, state] = half.ldu.map((place) => (place === null ? "none" : place));
  return `on, country ${country}, state ${state}`;
}

const of = (key) => (half) => {
  const value = custom(half)[key];
  return value === undefined ? "" : String(value);
};

/* label, reader, whether the halves should agree on it, and how a cell is drawn */
const FIELDS = [
  ["Data", (half) => list((half || {}).data_keys), false, drawNames],
  ["Customer", people, false, drawNames],
  ["Consent", consent, false],
  [LDU, limited, true],
  ["Content ids", (half) => list(custom(half).content_ids).join(", "), true],
  ["Contents", contents, true],
  ["Value", money, true],
  ["Items", of("num_items"), true],
  ["Search", of("search_string"), true],
  ["Order", of("order_id"), true],
  ["Page", page, false],
  ["fbp", (half) => (half && (half.fbp || user(half).fbp)) || "", true],
  ["fbc", (half) => (half && (half.fbc || user(half).fbc)) || "", true],
  ["Test code", (half) => (half && half.test_event_code) || "", false],
];

function clock(seconds) {
  const date = new Date(seconds * 1000);
  return date.toLocaleTimeString([], { hour12: false }) + "." + String(date.getMilliseconds()).padStart(3, "0");
}

const says = (value) => Boolean(Array.isArray(value) ? value.length : value);

function rows(event) {
  return FIELDS.map(([label, read, shared, drawn = drawText]) => {
    const browser = read(event.browser);
    const server = read(event.server);
    const differs = shared && browser !== "" && server !== "" && browser !== server;
    return { label, browser, server, differs, drawn };
  }).filter((row) => says(row.browser) || says(row.server));
}

/* ---- why ---- */

function why(event, byId) {
  if (event.status === "paired") return matched(event);
  const browser = event.status === "browser_only";
  if (!event.event_id) {
    return browser
      ? "The browser half has no eventID: no server half can ever match it."
      : "The server half has no event_id: no browser half can ever match it.";
  }
  const near = nearMiss(event, byId);
  if (near) return near;
  return browser
    ? "No server half yet: no event with this name and event_id has come through the Conversions API."
    : "No browser half yet: no pixel has sent this name with this eventID (script blocked, no consent, or a page that never fired it).";
}

function matched(event) {
  const again = ["browser", "server"].filter((side) => event[side].repeats)
    .map((side) => ` The ${side} half came ${event[side].repeats + 1} times; Meta counts it once.`);
  const differing = rows(event).filter((row) => row.differs).map(nameOf);
  const but = differing.length ? ` The halves differ in: ${differing.join(", ")}.` : "";
  return `Matched: same pixel, name and event_id.${again.join("")}${but}`;
}

const nameOf = ({ label }) => (label === LDU ? label : label.toLowerCase());

const faults = (event) => rows(event).some((row) => row.label === LDU && row.differs) ? [LDU_DIFFERS] : [];

function nearMiss(event, byId) {
  const others = (byId.get(event.event_id) || []).filter((other) => other !== event);
  const other = others.find((each) => each.status !== event.status && each.status !== "paired");
  if (!other) return "";
  const side = other.server ? "server" : "browser";
  if (other.name !== event.name) return `Not matched: the ${side} sent this event_id as “${other.name}”; the names must agree.`;
  if (other.pixel_id !== event.pixel_id) return `Not matched: the ${side} sent it to pixel ${other.pixel_id}.`;
  return `Not matched: the ${side} half came more than 48 hours apart.`;
}

function groupById() {
  const found = new Map();
  for (const event of events) {
    if (!event.event_id) continue;
    found.set(event.event_id, [...(found.get(event.event_id) || []), event]);
  }
  return found;
}

/* ---- drawing ---- */

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function received(event) {
  return Math.max(...[event.browser, event.server].filter(Boolean).map((half) => half.received));
}

function first(event) {
  return Math.min(...[event.browser, event.server].filter(Boolean).map((half) => half.received));
}

function draw(card, event, reason) {
  const find = (selector) => card.querySelector(selector);
  card.classList.toggle("lone", event.status !== "paired");
  find("h3").textContent = event.name;
  find(".chip").textContent = CHIPS[event.status];
  find("time").textContent = clock(received(event));
  find("time").dateTime = new Date(received(event) * 1000).toISOString();
  find(".id").textContent = event.event_id || "none";
  find(".pixel").textContent = event.pixel_id;
  find(".why").textContent = reason;
  drawTable(find("table"), event);
  card.classList.toggle("faulty", faults(event).length > 0);
  find(".faults").replaceChildren(...faults(event).map((fault) => element("li", fault)));
  find(".notes").replaceChildren(...remarks(event).map((note) => element("li", note)));
  find("pre").textContent = JSON.stringify({ browser: event.browser, server: event.server }, null, 2);
}

function remarks({ browser, server }) {
  const told = (half, name) => list((half || {}).notes).map((note) => `${name} half: ${note}.`);
  return [...told(browser, "Browser"), ...told(server, "Server")];
}

function drawTable(table, event) {
  const heads = table.tHead.rows[0].cells;
  [event.browser, event.server].forEach((half, at) => {
    heads[at + 1].textContent = (at ? "Server" : "Browser") + (half ? arrival(half) : ": missing");
    heads[at + 1].classList.toggle("missing", !half);
  });
  table.tBodies[0].replaceChildren(...rows(event).map((row) => drawRow(row, event)));
}

function arrival(half) {
  const image = half.noscript ? ", noscript image" : "";
  const times = half.repeats ? `, ${half.repeats + 1} times` : "";
  return ` ${clock(half.received)}${image}${times}`;
}

function drawRow(row, event) {
  const line = element("tr", undefined, row.differs ? "differs" : "");
  const label = element("th", row.differs ? `${row.label} ≠` : row.label);
  label.scope = "row";
  const cells = ["browser", "server"].map((side) => {
    if (!event[side]) return element("td", "", "missing");
    return says(row[side]) ? row.drawn(row[side]) : element("td", "—");
  });
  line.append(label, ...cells);
  return line;
}

function drawText(text) {
  return element("td", text);
}

function drawNames(names) {
  const cell = element("td");
  for (const name of names) cell.append(element(SHORT[name] ? "i" : "b", SHORT[name] || name), " ");
  return cell;
}

function keyOf(event, seen) {
  const key = JSON.stringify([event.pixel_id, event.name, event.event_id, first(event)]);
  const times = (seen.get(key) || 0) + 1;
  seen.set(key, times);
  return `${key}#${times}`;
}

function drawEvents() {
  const byId = groupById();
  const matching = events.filter((event) => !filter || event.status === filter);
  const seen = new Map();
  const kept = new Set();
  const wanted = matching.slice(-SHOWN).map((event) => {
    const key = keyOf(event, seen);
    kept.add(key);
    return cardFor(key, event, why(event, byId));
  }).reverse();
  for (const key of cards.keys()) if (!kept.has(key)) cards.delete(key);
  place($("events"), wanted);
  $("empty").hidden = events.length > 0 || rejections.length > 0;
  $("older").hidden = matching.length <= SHOWN;
  $("older").textContent = `${matching.length - SHOWN} older ones are in /api/events.`;
}

function cardFor(key, event, reason) {
  const text = JSON.stringify([event, reason]);
  let known = cards.get(key);
  if (!known) {
    known = { node: $("card").content.firstElementChild.cloneNode(true), text: "" };
    cards.set(key, known);
  }
  if (known.text !== text) draw(known.node, event, reason);
  known.text = text;
  return known.node;
}

/* Moves as little as possible, so that focus, selection and open details survive. */
function place(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((node, at) => {
    if (parent.children[at] !== node) parent.insertBefore(node, parent.children[at] || null);
  });
}

function drawCounts() {
  for (const button of $("counts").children) {
    const status = button.dataset.status;
    const count = events.filter((event) => !status || event.status === status).length;
    button.firstElementChild.textContent = String(count);
    button.classList.toggle("some", count > 0);
    button.setAttribute("aria-pressed", String(filter === status));
  }
}

function drawRejections() {
  $("rejected").hidden = rejections.length === 0;
  const many = rejections.length === 1 ? "1 request was" : `${rejections.length} requests were`;
  $("rejected-title").textContent = `${many} rejected; no event in ${rejections.length === 1 ? "it" : "them"} was processed`;
  $("rejections").replaceChildren(...rejections.slice(-5).reverse().map(drawRejection));
}

function drawRejection(row) {
  const { code, error_subcode: subcode, error_user_title: title, message } = row.error;
  const item = element("li");
  item.append(element("p", `${title || message} (HTTP ${row.status}, code ${code}${subcode ? `/${subcode}` : ""})`));
  if (row.error.error_user_msg) item.append(element("p", row.error.error_user_msg));
  const blame = ((row.error.error_data || {}).blame_field_specs || []).map((path) => path.join("."));
  const names = row.events.map((event) => event.name || "no name").join(", ");
  const facts = [clock(row.received), `pixel ${row.pixel_id}`, ...blame];
  if (row.count) facts.push(`${row.count} ${row.count === 1 ? "event" : "events"}: ${names}${row.count > row.events.length ? ", …" : ""}`);
  item.append(element("p", facts.join(" · "), "soft"));
  return item;
}

function drawAll() {
  drawCounts();
  drawRejections();
  drawEvents();
}

/* ---- the loop ---- */

async function refresh() {
  const answer = await fetch("/api/events");
  const newest = answer.headers.get("ETag");
  if (newest === tag) return;
  events = (await answer.json()).events;
  rejections = (await (await fetch("/api/rejections")).json()).rejections;
  tag = newest;
  drawAll();
}

async function tick() {
  try {
    if (!document.hidden) await refresh();
    say("live", false);
  } catch {
    say("no answer from the sandbox", true);
  }
  setTimeout(tick, INTERVAL);
}

function say(text, lost) {
  const live = $("live");
  if (live.textContent !== text) live.textContent = text;
  live.classList.toggle("lost", lost);
}

$("clear").addEventListener("click", async () => {
  await fetch("/api/events", { method: "DELETE" });
  await refresh();
});
$("counts").addEventListener("click", (click) => {
  const button = click.target.closest("button");
  if (!button) return;
  filter = button.dataset.status;
  drawAll();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh().catch(() => {}); });
for (const code of document.querySelectorAll("[data-origin]")) code.textContent = location.origin + code.dataset.origin;
tick();
