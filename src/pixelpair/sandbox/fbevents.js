/* The pixelpair sandbox's stand-in for Meta's pixel library: same queue, same beacons, sent to the
   origin this script came from. A tracked event without eventID is shown on the page. */
(function () {
  "use strict";

  var LONGEST_URL = 4000;
  var KEEPALIVE_LIMIT = 60000;
  /* The sandbox's own: which parameter Meta's pixel tells of consent by is not documented. */
  var CONSENT = "pixelpair_sandbox_consent";
  var MATCH_KEYS = ["em", "ph", "fn", "ln", "ge", "db", "ct", "st", "zp", "country", "external_id"];

  var fbq = window.fbq || window._fbq;
  if (typeof fbq !== "function" || fbq.pixelpairSandbox) return;
  fbq.pixelpairSandbox = true;

  var endpoint = new URL("/tr/", scriptUrl()).href;
  var started = Date.now();
  var pixels = new Map();
  var waiting = [];
  var granted = true;
  var asked = false;
  var agent = "";
  var processing = null;
  var counter = 0;

  function scriptUrl() {
    var own = document.currentScript;
    if (own && own.src) return own.src;
    var found = document.querySelector('script[src*="/en_US/fbevents.js"]');
    return found ? found.src : location.href;
  }

  function complain(text) {
    if (window.console) console.warn("pixelpair sandbox: " + text);
  }

  /* ---- commands ---- */

  var commands = {
    init: function (id, match, options) {
      id = String(id);
      if (pixels.has(id)) return complain("pixel " + id + " is initialised twice");
      if (options && options.agent) agent = String(options.agent);
      pixels.set(id, hashed(match));
      if (granted) ensureBrowserId();
    },
    track: function (name, data, options) {
      if (!pixels.size) complain("fbq('track', '" + name + "') before any init");
      pixels.forEach(function (match, id) { event(id, name, data, options); });
    },
    trackSingle: function (id, name, data, options) {
      if (!pixels.has(String(id))) return complain("pixel " + id + " was never initialised");
      event(String(id), name, data, options);
    },
    consent: function (choice) {
      if (choice !== "grant" && choice !== "revoke") return complain("no such consent: " + choice);
      granted = choice === "grant";
      asked = true;
      if (!granted) return;
      if (pixels.size) ensureBrowserId();
      waiting.splice(0).forEach(send);
    },
    set: function (what, value) {
      if (what === "agent") agent = String(value);
    },
    dataProcessingOptions: function (options, country, state) {
      if (pixels.size) complain("dataProcessingOptions belongs before init");
      processing = { options: options || [], country: country, state: state };
    }
  };
  commands.trackCustom = commands.track;
  commands.trackSingleCustom = commands.trackSingle;

  function run(args) {
    try {
      var command = commands[args[0]];
      if (!Object.prototype.hasOwnProperty.call(commands, args[0])) {
        return complain("unknown command " + args[0]);
      }
      command.apply(null, Array.prototype.slice.call(args, 1));
    } catch (error) {
      complain("fbq('" + args[0] + "') failed: " + error);
    }
  }

  /* ---- events ---- */

  function event(pixel, name, data, options) {
    var id = eventId(options);
    if (!id) warn(String(name));
    var fields = parameters(pixel, String(name), data, id);
    if (granted) send(fields);
    else waiting.push(fields);
  }

  function eventId(options) {
    if (!options) return "";
    var id = options.eventID === undefined ? options.event_id : options.eventID;
    return id === undefined || id === null ? "" : String(id);
  }

  function parameters(pixel, name, data, id) {
    var fields = new URLSearchParams();
    fields.append("id", pixel);
    fields.append("ev", name);
    fields.append("dl", location.href);
    fields.append("rl", document.referrer);
    fields.append("if", String(window.top !== window));
    fields.append("ts", String(Date.now()));
    group(fields, "cd", data);
    group(fields, "ud", pixels.get(pixel));
    fields.append("sw", String(screen.width));
    fields.append("sh", String(screen.height));
    fields.append("v", "pixelpair-sandbox");
    fields.append("r", "stable");
    if (agent) fields.append("a", agent);
    fields.append("ec", String(counter++));
    fields.append("it", String(started));
    if (id) fields.append("eid", id);
    if (processing) appendProcessing(fields);
    return fields;
  }

  function group(fields, prefix, values) {
    Object.keys(values || {}).forEach(function (key) {
      var value = values[key];
      if (value === undefined || value === null) return;
      fields.append(prefix + "[" + key + "]", text(value));
    });
  }

  function text(value) {
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  }

  function appendProcessing(fields) {
    fields.append("dpo", [].concat(processing.options).join(","));
    if (processing.country !== undefined) fields.append("dpoco", String(processing.country));
    if (processing.state !== undefined) fields.append("dpost", String(processing.state));
  }

  function send(fields) {
    if (asked) fields.append(CONSENT, "granted");
    ["fbp", "fbc"].forEach(function (name) {
      var value = cookie("_" + name);
      if (value) fields.append(name, value);
    });
    var url = endpoint + "?" + fields + "&rqm=GET";
    if (url.length > LONGEST_URL) return post(fields);
    var image = new Image(1, 1);
    image.src = url;
  }

  function post(fields) {
    fields.append("rqm", "POST");
    var body = fields.toString();
    fetch(endpoint, {
      method: "POST",
      mode: "no-cors",
      credentials: "include",
      keepalive: body.length < KEEPALIVE_LIMIT,
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: body
    }).catch(function (error) { complain("could not send an event: " + error); });
  }

  /* ---- cookies ---- */

  function cookie(name) {
    var found = document.cookie.split("; ").find(function (pair) {
      return pair.indexOf(name + "=") === 0;
    });
    if (!found) return "";
    try {
      return decodeURIComponent(found.slice(name.length + 1));
    } catch (error) {
      return found.slice(name.length + 1);
    }
  }

  function ensureBrowserId() {
    if (cookie("_fbp")) return;
    var digits = Math.floor(Math.random() * 1e16) + "" + Math.floor(10 + Math.random() * 89);
    var value = "fb.1." + Date.now() + "." + digits;
    document.cookie = "_fbp=" + value + "; path=/; max-age=7776000; SameSite=Lax";
  }

  /* ---- client-side navigation ---- */

  function watchHistory() {
    var push = history.pushState;
    history.pushState = function () {
      push.apply(history, arguments);
      if (!fbq.disablePushState) commands.track("PageView");
    };
  }

  /* ---- advanced matching ---- */

  function hashed(match) {
    var result = {};
    MATCH_KEYS.forEach(function (key) {
      var value = match && match[key];
      if (Array.isArray(value)) value = value[0];
      if (value === undefined || value === null || value === "") return;
      value = String(value).trim().toLowerCase();
      result[key] = /^[0-9a-f]{64}$/.test(value) ? value : sha256(value);
    });
    return result;
  }

  /* SHA-256 (FIPS 180-4): crypto.subtle is asynchronous and missing outside secure contexts. */
  function sha256(message) {
    var primes = [];
    for (var n = 2; primes.length < 64; n++) {
      if (primes.every(function (p) { return n % p; })) primes.push(n);
    }
    function fraction(root) { return ((root - Math.floor(root)) * 4294967296) | 0; }
    var state = primes.slice(0, 8).map(function (p) { return fraction(Math.sqrt(p)); });
    var k = primes.map(function (p) { return fraction(Math.cbrt(p)); });
    var input = new TextEncoder().encode(message);
    var block = new Uint8Array(((input.length + 72) >> 6) << 6);
    block.set(input);
    block[input.length] = 128;
    var view = new DataView(block.buffer);
    view.setUint32(block.length - 4, input.length * 8);
    for (var at = 0; at < block.length; at += 64) state = compress(state, view, at, k);
    return state.map(function (word) {
      return (word >>> 0).toString(16).padStart(8, "0");
    }).join("");
  }

  function compress(state, view, at, k) {
    function rotate(x, by) { return (x >>> by) | (x << (32 - by)); }
    var w = [];
    var s = state.slice();
    for (var i = 0; i < 64; i++) {
      if (i < 16) w[i] = view.getInt32(at + i * 4);
      else {
        var x = w[i - 15], y = w[i - 2];
        var s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
        var s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
        w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
      }
      var e = s[4], a = s[0];
      var t1 = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
        ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i];
      var t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
        ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
      s = [(t1 + t2) | 0, a, s[1], s[2], (s[3] + t1) | 0, e, s[5], s[6]];
    }
    return s.map(function (word, i) { return (word + state[i]) | 0; });
  }

  /* ---- the warning on the page ---- */

  function warn(name) {
    complain("'" + name + "' has no eventID: Meta cannot match it with its server event");
    if (document.body) return show(name);
    document.addEventListener("DOMContentLoaded", function () { show(name); });
  }

  function show(name) {
    var box = document.querySelector("[data-pixelpair-sandbox]") || openBox();
    var line = document.createElement("div");
    line.textContent = name + ": no eventID";
    box.querySelector("div").appendChild(line);
  }

  function openBox() {
    var box = document.createElement("aside");
    box.setAttribute("data-pixelpair-sandbox", "warning");
    box.setAttribute("role", "alert");
    style(box, {
      all: "initial", position: "fixed", right: "12px", bottom: "12px", zIndex: "2147483647",
      maxWidth: "min(360px, calc(100vw - 24px))", maxHeight: "50vh", overflow: "auto",
      boxSizing: "border-box", padding: "12px 14px", borderRadius: "8px", background: "#b3152a",
      color: "#fff", font: "14px/1.45 system-ui, sans-serif", boxShadow: "0 4px 18px #0006"
    });
    var title = document.createElement("strong");
    title.textContent = "pixelpair sandbox: unmatched events";
    style(title, { display: "block" });
    var lines = document.createElement("div");
    style(lines, { overflowWrap: "anywhere" });
    box.append(title, lines, closeButton(box));
    document.body.appendChild(box);
    return box;
  }

  function closeButton(box) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = "Dismiss";
    style(button, {
      marginTop: "8px", padding: "4px 10px", border: "1px solid #fff", borderRadius: "6px",
      background: "transparent", color: "#fff", font: "inherit", cursor: "pointer"
    });
    button.addEventListener("click", function () { box.remove(); });
    return button;
  }

  function style(element, rules) {
    Object.keys(rules).forEach(function (key) { element.style[key] = rules[key]; });
  }

  /* ---- start ---- */

  var queue = fbq.queue || [];
  fbq.callMethod = function () { run(arguments); };
  fbq.getState = function () {
    return { pixels: Array.from(pixels.keys(), function (id) { return { id: id }; }) };
  };
  watchHistory();
  while (queue.length) run(queue.shift());
})();
