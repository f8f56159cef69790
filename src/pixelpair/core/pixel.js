(function (w, d, served) {
  if ((w.pixelpair || 0).track) return;
  if (served) served.to = new URL(served.to, d.currentScript.src).href; /* by URL */
  var page, fbq, here, next, wait, back, twice, shown, ahead, fired = {};
  var safe = (act) => (e) => { try { return act(e); } catch (error) {} };
  var active = (act) => d.prerendering
    ? d.addEventListener("prerenderingchange", safe(act)) : safe(act)();
  var warn = (text) => console.warn("pixelpair: " + text);

  // crypto.randomUUID needs a secure context; this does not.
  var newId = () => {
    return crypto.getRandomValues(new Uint8Array(32))
      .reduce((id, n) => id + (n & 15).toString(16), "");
  };

  var mint = safe(() => {
    var click = location.search.match(/[?&]fbclid=([\w-]+)/);
    if (!d.cookie.match(/\b_fbp=fb(\.\d+){3}/)) {
      keep("_fbp", crypto.getRandomValues(new Uint32Array(1)));
    }
    if (click && !d.cookie.includes("." + click[1])) keep("_fbc", click[1]);
  });

  var keep = (name, last) => {
    d.cookie = name + page.cookie[0] + +new Date + "." + last + page.cookie[1];
  };

  // Shortest first: a browser refuses the domains of registries, so the widest one stays.
  var ask = (label, n, all) => { /* by URL */
    var rules = "; Path=/; Max-Age=7776000; SameSite=Lax"; /* by URL */
    if (location.protocol == "https:") rules += "; Secure"; /* by URL */
    rules += "; Domain=" + all.slice(~n).join("."); /* by URL */
    page.cookie = ["=fb." + n + ".", rules]; /* by URL */
    mint(); /* by URL */
  }; /* by URL */

  var load = safe(() => {
    var script = d.createElement("script");
    safe(() => { /* by URL */
      var policy = trustedTypes.createPolicy("pixelpair", { createScriptURL: String }); /* by URL */
      page.src = policy.createScriptURL(page.src); /* by URL */
    })(); /* by URL */
    script.src = page.src;
    d.head.append(script);
  });

  var use = (data) => {
    page = data;
    // A page's <base> must not send the reports elsewhere.
    page.to = new URL(page.to, location);
    if (page.cookie) mint();
    else if (!page.events) location.hostname.split(".").map(ask); /* by URL */
    fbq = w.fbq;
    if (!fbq) {
      fbq = w.fbq = w._fbq = function () {
        fbq.callMethod ? fbq.callMethod(...arguments) : fbq.queue.push(arguments);
      };
      fbq.push = fbq; fbq.loaded = true; fbq.version = "2.0"; fbq.queue = [];
      page.src && load();
    }
    fbq.disablePushState = true;
    if (!fired[page.pixel]) init();
  };

  // Who has named this pixel to fbq has initialised it, or is about to. Its state may be circular.
  var init = () => {
    fired[page.pixel] = 1;
    var known = safe(() => JSON.stringify([fbq.queue, fbq.getState && fbq.getState()]))();
    if ((known || "").includes(page.pixel)) {
      twice = 1;
      warn("started twice");
    } else {
      if (!page.auto) fbq("set", "autoConfig", false, page.pixel);
      fbq("init", page.pixel, page.match || {});
    }
  };

  // A store holds key, time, key; newest first, so the oldest fall off.
  var fresh = (name, id) => {
    var key = "\n" + name + id + " ", known = fired[key];
    fired[key] = 1;
    safe(() => {
      var store = name == "Purchase" ? localStorage : sessionStorage, old = store._pixelpair || "";
      known = known || new Date - old.split(key)[1] < 6912e5;
      store._pixelpair = (key + +new Date + key + old).slice(0, 9999);
    })();
    return !known;
  };

  var fire = ([name, data, id, own]) => {
    if (id && fresh(name, id)) {
      fbq(own ? "trackSingleCustom" : "trackSingle", page.pixel, name, data, { eventID: id });
    }
    return id;
  };

  var report = (body) => {
    body.url = here.slice(0, 999); body.referrer = d.referrer.slice(0, 999); body.twice = twice;
    twice = 0;
    body = JSON.stringify(body);
    // A call of text throws: the server takes no more, and what it refuses may not fire.
    body[8e3] && body();
    if (!navigator.sendBeacon || !navigator.sendBeacon(page.to, body)) {
      fetch(page.to, { method: "POST", body: body, keepalive: true, credentials: "include" })
        .catch(safe);
    }
  };

  var made = (call) => {
    report({ made: [call] });
    fire(call);
  };

  var signed = (whole) => {
    var part = whole.match(/([^]*)\.(.*)/), old = !fresh("", part[2]);
    if (shown == part[2] || old && back) return;
    shown = part[2];
    report({ signed: whole, ids: JSON.parse(part[1])[1].map((call) => {
      call[2] = call[2] || call[0] == "PageView" && viewId() || newId();
      return fire(call);
    }) });
  };

  // The parser may be amid a block's text: JSON.parse throws then, and a later tick reads it.
  var read = () => {
    var block;
    while ((block = d.querySelector("script#pixelpair"))) {
      use(JSON.parse(block.textContent));
      block.id = "";
      if (page.events) page.events.map(fire); else signed(page.signed);
    }
  };

  // This navigation's PageView, made or not; a block that comes before its navigation covers that.
  var viewId = () => {
    var id = next;
    if (!id) ahead = +new Date + 500;
    wait = next = clearTimeout(wait);
    return id;
  };

  var flush = safe(() => {
    if (wait) {
      wait = clearTimeout(wait);
      if (page.view != "off") (page.view ? fire : made)(["PageView", {}, next]);
    }
  });

  var look = (e) => {
    var url = location.href.split("#")[0];
    if (url == here) return;
    if (e.navigationType != "replace") {
      flush();
      back = next = shown = 0;
      if (!(new Date < ahead)) next = newId(), wait = setTimeout(flush, 500);
      ahead = 0;
    }
    here = url;
  };

  var drain = safe(() => {
    var held = [];
    d.cookie.replace(/\b(_pixelpair_\w+=)([\w-]+)/g, (all, name, value) => {
      d.cookie = name + "; Path=/; Max-Age=0";
      safe(() => held.push(Object(JSON.parse(atob(value.replace(/-/g, "+").replace(/_/g, "/"))))))();
    });
    held.sort((a, b) => a.t - b.t).map((one) => safe(fire)(one.e));
  });

  // Only a mutation observer's records have a first one: those ticks read no cookies.
  var tick = safe((e) => {
    look(e);
    read();
    if (d.hidden) flush();
    else if (!e[0]) {
      if (navigator.locks) navigator.locks.request("pixelpair", drain).catch(safe); else drain();
    }
  });

  w.pixelpair = { track: (name, data) => active(() => {
    look({});
    if ((page.names || "").includes(name)) made([name, data || {}, newId()]);
    else warn("no page event: " + name);
  }) };
  active(() => {
    look({});
    back = performance.navigation.type > 1;
    read();
    if (!page) use(served), back || flush(); /* by URL */
    wait = next = clearTimeout(wait);
    tick({});
    ["pageshow", "popstate", "visibilitychange"].map((type) => w.addEventListener(type, tick));
    new MutationObserver(tick).observe(d, { subtree: true, childList: true });
    new PerformanceObserver(tick).observe({ type: "resource" });
    navigation.addEventListener("currententrychange", tick);
  });
})(window, document);
