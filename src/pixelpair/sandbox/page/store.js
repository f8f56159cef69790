/* What the page knows of the events, and which of them the filters let through. */
import { compare } from "./dom.js";

export const events = new Map(); // by number; the order of arrival
export const filters = { status: "", text: "", name: "", pixel: "", consent: "", code: "" };
export const sorting = { key: "received", falls: true };
export const known = { name: new Map(), pixel_id: new Map() };

export function take(news) {
  if (news.reset) forget();
  for (const row of news.events) add(row);
  for (const number of events.keys()) {
    if (number >= news.oldest) break;
    remove(number);
  }
}

function forget() {
  events.clear();
  for (const counts of Object.values(known)) counts.clear();
}

function add(row) {
  const old = events.get(row.n);
  row.hay = [row.name, row.event_id, row.pixel_id, row.page, row.amount, row.found].join("\n").toLowerCase();
  events.set(row.n, row);
  if (!old) for (const [key, counts] of Object.entries(known)) counts.set(row[key], (counts.get(row[key]) || 0) + 1);
}

function remove(number) {
  const row = events.get(number);
  events.delete(number);
  for (const [key, counts] of Object.entries(known)) {
    counts.set(row[key], counts.get(row[key]) - 1);
    if (!counts.get(row[key])) counts.delete(row[key]);
  }
}

const CONSENTS = {
  granted: (row) => row.consent === "granted",
  "not asked": (row) => row.consent === "not asked",
  ldu: (row) => row.ldu === "on",
  differs: (row) => row.ldu === "differs",
};

/* The rows in their order, and how many there are of each state whatever state is chosen. */
export function matching() {
  const words = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
  const counts = { "": 0, paired: 0, browser_only: 0, server_only: 0 };
  const rows = [];
  for (const row of events.values()) {
    if (filters.name && row.name !== filters.name) continue;
    if (filters.pixel && row.pixel_id !== filters.pixel) continue;
    if (filters.code && row.code !== filters.code) continue;
    if (filters.consent && !CONSENTS[filters.consent](row)) continue;
    if (!words.every((word) => row.hay.includes(word))) continue;
    counts[""] += 1;
    counts[row.status] += 1;
    if (!filters.status || row.status === filters.status) rows.push(row);
  }
  return { rows: sorted(rows), counts };
}

function sorted(rows) {
  const { key, falls } = sorting;
  rows.reverse(); // the newest first, and among equals
  if (key === "received" && falls) return rows.sort((one, other) => other.received - one.received || other.n - one.n);
  return rows.sort(compare(key, falls));
}
