/* Which of the products that visitors looked at are in a catalog, and why the others are not. */
import { $, clock, element, group, many, say } from "./dom.js";
import { facts } from "./detail.js";

const STATES = { matched: "matched", elsewhere: "other catalog", unmatched: "unmatched" };
const COLUMNS = [["ViewContent", "Viewed"], ["AddToCart", "To cart"], ["Purchase", "Bought"]];
const NAMED = COLUMNS.map(([event]) => event);
const EVERY = 1000;
const PIECE = 100; // of rows that are shown at once
const body = $("products").tBodies[0];
let catalogs = [];
let found = { counts: {}, products: [], more: 0 };
let drawn = "";
let length = PIECE;
let timer = 0;
let next = 0;

export function start() {
  say($("catalog-curl"), commands());
  $("catalog-choice").addEventListener("change", () => {
    clearTimeout(timer);
    timer = 0;
    length = PIECE;
    refresh(true);
  });
  $("catalog-show").addEventListener("change", () => {
    length = PIECE;
    draw();
  });
  $("more-products").addEventListener("click", () => {
    length += PIECE;
    draw();
  });
  $("catalog-form").addEventListener("submit", (submit) => submit.preventDefault());
}

/* Asks only while the view is open. Batches at work change the catalog without an event. */
export function refresh(now) {
  if (timer || $("view-catalog").hidden) return;
  timer = setTimeout(async () => {
    const asked = performance.now();
    await ask().catch(() => null);
    timer = 0;
    next = performance.now() + Math.max(EVERY, 10 * (performance.now() - asked));
    draw();
    if (catalogs.some((one) => one.open)) refresh();
  }, now ? 0 : Math.max(0, next - performance.now()));
}

async function ask() {
  catalogs = (await (await fetch("/api/catalogs")).json()).catalogs;
  choices();
  const id = $("catalog-choice").value;
  if (id) found = await (await fetch(`/api/catalogs/${encodeURIComponent(id)}/matches`)).json();
}

function choices() {
  const select = $("catalog-choice");
  const wanted = catalogs.map((one) => `${one.id} ${one.name}`);
  const have = [...select.options].map((option) => `${option.value} ${option.textContent}`);
  if (wanted.join("\n") === have.join("\n")) return;
  const chosen = select.value;
  select.replaceChildren(...catalogs.map((one) => new Option(one.name, one.id)));
  if (catalogs.some((one) => one.id === chosen)) select.value = chosen;
}

function draw() {
  const catalog = catalogs.find((one) => one.id === $("catalog-choice").value);
  const wanted = $("catalog-show").value;
  const news = JSON.stringify([catalog, found, wanted, length]);
  if (news === drawn) return; // a second later nothing has changed: what is marked stays marked
  drawn = news;
  $("no-catalog").hidden = Boolean(catalog);
  $("catalog-full").hidden = !catalog;
  if (!catalog) return;
  $("catalog-facts").replaceChildren(...facts(
    "Id", catalog.id,
    "Items", catalog.items.toLocaleString("en") + (catalog.open ? `, ${many(catalog.open, "batch", "batches")} at work` : ""),
    "Pixels", catalog.sources.join(", ") || "none is linked: no event is matched",
  ));
  const told = sum();
  say($("catalog-said"), told);
  const rows = found.products.filter((row) => !wanted || row.match === wanted);
  body.replaceChildren(...rows.slice(0, length).map(line));
  const hidden = rows.length - length;
  $("more-products").hidden = hidden <= 0;
  say($("more-products"), `Show ${many(Math.min(hidden, PIECE), "more product")}`);
  $("products-region").hidden = rows.length === 0;
  $("no-products").hidden = rows.length > 0 && !found.more;
  say($("no-products"), found.more ? `${many(found.more, "more product")} not shown.` : nothing(told));
}

function sum() {
  const { matched, elsewhere, unmatched } = found.counts;
  const all = matched + elsewhere + unmatched;
  if (!all) return "";
  const share = Math.floor((100 * matched) / all);
  return `${matched} matched, ${unmatched} unmatched, ${elsewhere} in another catalog (${share} % matched)`;
}

const nothing = (told) => (told ? "No product is like that." : "No event of a linked pixel has named a product within 28 days.");

function line(row) {
  const below = [row.title && row.id, row.kind && `content_type ${row.kind}`].filter(Boolean).join(", ");
  const name = part("th", "rowheader", "", element("b", row.title || row.id), below && element("span", below, "id"));
  name.scope = "row";
  const other = Object.entries(row.events).filter(([event]) => !NAMED.includes(event));
  const made = part("tr", "row", "", name, part("td", "cell", "", element("span", STATES[row.match], `chip ${row.match}`)));
  for (const [event, label] of COLUMNS) made.append(number(row.events[event] || 0, label));
  made.append(number(other.reduce((all, [, count]) => all + count, 0), "Other"), part("td", "cell", "why", row.why));
  made.title = `last seen at ${clock(row.last)}`;
  return made;
}

function number(count, label) {
  const made = part("td", "cell", "number", count ? count.toLocaleString("en") : "–");
  made.dataset.label = label; // on a phone, where the head of the table is out of sight
  return made;
}

/* Part of a table that a phone shows as cards: it stays a table to those who hear it. */
function part(name, role, className, ...children) {
  const made = group(name, className, ...children);
  made.setAttribute("role", role);
  return made;
}

function commands() {
  const graph = `${location.origin}/v26.0`;
  const token = "-H 'Authorization: Bearer sandbox-token'";
  return [
    `curl ${token} -d name=Shop ${graph}/1/owned_product_catalogs`,
    `curl ${token} -d 'external_event_sources=["1234567890"]' ${graph}/CATALOG/external_event_sources`,
    `curl ${token} -d item_type=PRODUCT_ITEM --data-urlencode requests@items.json ${graph}/CATALOG/items_batch`,
  ].join("\n");
}
