/* Elements and words. Everything that was received becomes text, never markup. */

export const $ = (id) => document.getElementById(id);
export const STATES = { paired: "paired", browser_only: "browser only", server_only: "server only" };

export function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/* An element with children, strings or elements. */
export function group(name, className, ...children) {
  const made = element(name, undefined, className);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function chip(node, status) {
  node.className = `chip ${status}`;
  say(node, STATES[status]);
}

const CLOCK = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

export function clock(seconds) {
  return CLOCK.format(new Date(seconds * 1000));
}

export function precise(seconds) {
  return `${clock(seconds)}.${String(Math.floor((seconds % 1) * 1000)).padStart(3, "0")}`;
}

export function lasting(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

export function left(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export const many = (count, one, more = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;

/* Moves as little as possible, so that focus and selection survive. */
export function place(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((node, at) => {
    if (parent.children[at] !== node) parent.insertBefore(node, parent.children[at] || null);
  });
}

/* Heads of a table that sort: tells `act` the key and whether it falls; `aria-sort` says so too. */
export function sortable(table, act) {
  const heads = [...table.tHead.querySelectorAll("[data-sort]")];
  table.tHead.addEventListener("click", (click) => {
    const head = click.target.closest("[data-sort]");
    if (!head) return;
    const texts = ["name", "status"].includes(head.dataset.sort);
    const now = head.getAttribute("aria-sort");
    const falls = now ? now === "ascending" : !texts;
    for (const each of heads) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falls ? "descending" : "ascending");
    act(head.dataset.sort, falls);
  });
}

export function compare(key, falls) {
  const sign = falls ? -1 : 1;
  return (one, other) => {
    const [a, b] = [one[key], other[key]];
    if (a === b) return 0;
    if (a === null || a === undefined) return 1; // what is unknown stands last either way
    if (b === null || b === undefined) return -1;
    return (a < b ? -1 : 1) * sign;
  };
}
