/* The batches that were refused: Meta's error, whom it blames, and what to do. */
import { $, clock, element, group, many, say } from "./dom.js";
import { facts } from "./detail.js";

const KEPT = 200;
const SHOWN = 50;
let rows = [];

export function take(news) {
  if (news.reset) rows = [];
  else if (!news.rejections.length) return;
  rows = [...rows, ...news.rejections].slice(-KEPT);
  draw();
}

export const any = () => rows.length > 0;

function draw() {
  $("rejected-count").hidden = rows.length === 0;
  say($("rejected-count"), String(rows.length));
  say($("alarm").firstElementChild, `${many(rows.length, "batch was", "batches were")} rejected: see why, and what to do`);
  const cards = rows.slice(-SHOWN).reverse().map(card);
  $("rejections").replaceChildren(...(cards.length ? cards : [element("li", "None so far. A batch that Meta would refuse is explained here.", "panel hint")]));
}

function card({ error, status, advice, received, pixel_id: pixel, count: size, events }) {
  const code = error.error_subcode ? `${error.code} / ${error.error_subcode}` : String(error.code);
  const heading = element("h3", title(error));
  const made = group("li", "panel rejection", heading, element("p", advice, "advice"));
  const blamed = blame(error).map((path) => path.join("."));
  made.append(group("dl", "facts", ...facts(
    "Code", `${code}, HTTP ${status}`,
    "Message", error.error_user_msg || error.message,
    ...(blamed.length ? ["Blamed", blamed.join(", ")] : []),
    "Batch", `${many(size, "event")}${size ? `: ${names(events)}${size > events.length ? ", …" : ""}` : ""}`,
    "Pixel", pixel,
    "Arrived", clock(received),
  )));
  return made;
}

const title = (error) => error.error_user_title || error.message.split(/[.:] /)[0];

function names(events) {
  const counts = new Map();
  for (const { name } of events) counts.set(name || "no name", (counts.get(name || "no name") || 0) + 1);
  return [...counts].map(([name, times]) => (times > 1 ? `${name} × ${times}` : String(name))).join(", ");
}

const blame = (error) => (error.error_data || {}).blame_field_specs || [];
