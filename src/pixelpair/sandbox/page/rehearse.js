/* Faults on request: the switches of the rehearsals, and the banner while one runs. */
import { $, element, group, left, many, place, say } from "./dom.js";

const drawn = new Map(); // lines of the banner, by number
const switches = new Map(); // by preset
let faults = [];
let ahead = 0; // the sandbox's clock before this one, in seconds

export async function start() {
  $("banner").addEventListener("click", (click) => {
    const button = click.target.closest("button");
    if (button) end(Number(button.dataset.number));
  });
  setInterval(tick, 500);
  const { presets } = await (await fetch("/api/faults")).json();
  const groups = new Map();
  for (const [name, preset] of Object.entries(presets)) {
    groups.set(preset.group, [...(groups.get(preset.group) || []), card(name, preset)]);
  }
  $("presets").replaceChildren(...[...groups].flatMap(([name, cards]) => [element("h3", name), group("ul", "cards grid", ...cards)]));
  say($("curl"), [
    `curl -d '{"preset": "outage", "seconds": 60}' ${location.origin}/api/faults`,
    `curl -X DELETE ${location.origin}/api/faults`,
  ].join("\n"));
  draw();
}

export function take(news) {
  faults = news.faults;
  ahead = news.now - Date.now() / 1000;
  draw();
}

function card(name, preset) {
  const button = element("button");
  button.type = "button";
  button.addEventListener("click", () => toggle(name));
  const title = element("h4", preset.title);
  title.id = `preset-${name}`;
  button.setAttribute("aria-describedby", title.id);
  switches.set(name, button);
  return group("li", "panel preset", title, element("p", preset.what), element("p", preset.expect, "hint"), button);
}

async function toggle(name) {
  const running = faults.filter((fault) => fault.preset === name);
  say($("fault-problem"), "");
  if (running.length) return Promise.all(running.map((fault) => end(fault.number)));
  const seconds = Number(document.querySelector("[name=long]:checked").value);
  const body = JSON.stringify(seconds ? { preset: name, seconds } : { preset: name });
  const answer = await fetch("/api/faults", { method: "POST", body });
  if (!answer.ok) say($("fault-problem"), (await answer.json()).problem);
  return undefined;
}

function end(number) {
  return fetch(`/api/faults/${number}`, { method: "DELETE" });
}

function draw() {
  for (const [name, button] of switches) {
    const running = faults.some((fault) => fault.preset === name);
    button.setAttribute("aria-pressed", String(running));
    say(button, running ? "End it" : "Start");
  }
  tick();
}

function tick() {
  const now = Date.now() / 1000 + ahead;
  const live = faults.filter((fault) => fault.until === null || fault.until > now);
  const kept = new Set(live.map((fault) => fault.number));
  const focused = $("banner").contains(document.activeElement);
  for (const number of drawn.keys()) if (!kept.has(number)) drawn.delete(number);
  place($("banner").firstElementChild, live.slice(0, 3).map((fault, at) => line(fault, at, now, live.length - 3)));
  $("banner").hidden = live.length === 0;
  if (focused && !$("banner").contains(document.activeElement)) $("main").focus({ preventScroll: true });
}

function line(fault, at, now, others) {
  let node = drawn.get(fault.number);
  if (!node) {
    const button = element("button", "End it");
    button.type = "button";
    button.dataset.number = fault.number;
    button.setAttribute("aria-label", `End it: ${fault.title}`);
    node = group("li", "", element("strong", fault.title), element("span"), element("span", "", "time"), button);
    drawn.set(fault.number, node);
  }
  const [, hits, time] = node.children;
  say(hits, at ? "waits for its turn" : fault.budget ? `${many(fault.hits, "call")} so far` : fault.hits ? `${many(fault.hits, "call")} hit so far` : "no call hit yet");
  say(time, `${lasts(fault, now)}${at === 2 && others > 0 ? `, and ${others} more wait` : ""}`);
  return node;
}

function lasts(fault, now) {
  if (fault.until !== null) return `${left(fault.until - now)} left`;
  if (fault.seconds !== null) return `for ${left(fault.seconds)}`;
  if (fault.left === null) return "until you end it";
  return `for ${many(fault.left, "more call")}`;
}
