// Pages carry this without the lines that end in "by URL", and most without those in "full".
(function (w, d, served) {
  if ((w.pixelpair || 0).track) return;
  if (served) served.to = new URL(served.to, d.currentScript.src).href; /* by URL */
  var pixel, page, ahead, wait, fbq, shown, next, back, here, twice, fired = {};
  var open, gone, timer, told, held = []; /* full */
  var safe = (act) => (e) => { try { return act(e); } catch (error) {} };
  var active = (act) => d.prerendering
    ? d.addEventListener("prerenderingchange", safe(act)) : safe(act)();

  // Said before the block is here, it waits for that.
  var decide = (yes) => () => active(told = () => { /* full */
    var rule = page.consent; /* full */
    if (rule && rule.own) { /* full */
      if (!page.cookie) place(); /* by URL */
      d.cookie = "_pp_consent=" + yes + "." + (new Date / 1e3 >>> 0) /* full */
        + page.cookie[1] + "; Max-Age=15724800"; /* full */
    } else if (rule) console.warn("pixelpair: the consent tool's cookie decides"); /* full */
    told = 0; /* full */
    check(); /* full */
  }); /* full */

  var hold = (act, now) => { /* full */
    var at = [here, page]; /* full */
    now || check() ? act() : held.push(() => { /* full */
      [here, page] = at; /* full */
      act(); /* full */
    }); /* full */
  }; /* full */

  // Lets go what was held, each act in the page view where it was; and shuts at a withdrawal.
  var check = safe(() => { /* full */
    var was = open, now = [here, page], acts = held; /* full */
    // A page that is being left, or that nobody sees yet, would lose its browser halves.
    open = (was || !d.hidden) && allowed(); /* full */
    if (open && !was) { /* full */
      if (fbq) mint(), fbq("consent", "grant"); /* full */
      held = []; /* full */
      acts.map((act) => safe(act)()); /* full */
      [here, page] = now; /* full */
    } /* full */
    // An answer that was on its way brings cookies back. A report takes them along first.
    if (gone && !was) wipe(); /* full */
    if (was && !open) { /* full */
      gone = 0; /* full */
      fbq("consent", "revoke"); /* full */
      report({ revoked: 1 }, wipe); /* full */
    } /* full */
    return open; /* full */
  }); /* full */

  // The last of two attributes of one name counts (RFC 6265, 5.3).
  var wipe = safe(() => { /* full */
    open || d.cookie.replace(gone = /\b(_fb[pc]|_pixelpair_\w+)=/g, (name) => { /* full */
      d.cookie = name + page.cookie[1] + "; Max-Age=0"; /* full */
      d.cookie = name + ";Path=/;Max-Age=0"; /* full */
    }); /* full */
  }); /* full */

  // What cannot be read is no consent.
  var allowed = safe(() => { /* full */
    var rule = page.consent, last = -1; /* full */
    var value = rule && unescape(d.cookie.match(rule.find)[1]); /* full */
    // Our own may be there for another domain too: what was said last counts, "no" at a draw.
    if (rule && rule.own && d.cookie.split("_pp_consent=").length > 2) { /* full */
      value = ""; /* full */
      d.cookie.replace( /* full */
        /(?:^|;) ?_pp_consent=(([01])\.(\d{1,12}))(?=;|$)/g, (all, said, yes, time) => { /* full */
          time -= yes / 2; /* full */
          if (time > last) last = time, value = said; /* full */
        } /* full */
      ); /* full */
    } /* full */
    return !(page.deny && signal()) && (!rule || value.match(rule.yes) /* full */
      && (!rule.vendor || listed(value, rule.vendor))); /* full */
  }); /* full */

  // Whether a TCF string lists the vendor. What is read beyond the end of a cut one counts nothing.
  var listed = (text, vendor) => { /* full */
    var bits = "", at = 213, found, first, n; /* full */
    var take = (count) => +("0b" + bits.slice(at, at += count)); /* full */
    for (n of text.split(".")[0]) { /* full */
      bits += (256 + decoded(n + "A").charCodeAt()).toString(2).slice(1, 7); /* full */
    } /* full */
    n = take(16); /* full */
    if (take(1)) { /* full */
      for (n = take(12); n--;) { /* full */
        var range = take(1); /* full */
        first = take(16); /* full */
        found |= first <= vendor & vendor <= (range ? take(16) : first); /* full */
      } /* full */
    } else if (vendor <= n) { /* full */
      at += vendor - 1; /* full */
      found = take(1); /* full */
    } /* full */
    return at <= bits.length && found; /* full */
  }; /* full */

  var signal = () => (
    page.dnt && navigator.doNotTrack == 1 || /* full */
    navigator.globalPrivacyControl
  );

  var decoded = (text) => atob(text.replace(/-/g, "+").replace(/_/g, "/"));

  // crypto.randomUUID needs a secure context; this does not.
  var newId = () => {
    return crypto.getRandomValues(new Uint32Array(32))
      .reduce((id, n) => id + (n % 16).toString(16), "");
  };

  var fire = ([name, data, id, own]) => {
    hold(() => { /* full */
      if (id && fresh(name, id)) {
        for (pixel of page.pixel.split(" ")) /* full */
          fbq(own ? "trackSingleCustom" : "trackSingle", pixel, name, data, { eventID: id });
      }
    }); /* full */
    return id;
  };

  // A store holds key, time, key; newest first, so the oldest fall off.
  var fresh = (name, id) => {
    var key = "\n" + name + id + " ", known = fired[key];
    fired[key] = 1;
    safe(() => {
      if (!open) return; /* full */
      var store = name != "Purchase" ? sessionStorage : localStorage, old = store._pixelpair || "";
      known |= new Date - old.split(key)[1] < 6912e5;
      store._pixelpair = (key + +new Date + key + old).slice(0, 9999);
    })();
    return !known;
  };

  // Shortest first: a browser refuses the domains of registries, so the widest one stays.
  var place = () => location.hostname.split(".").some((label, n, all) => { /* by URL */
    var probe = "_pixelpair=" + newId(); /* by URL */
    var rules = "; Path=/; Max-Age=7776000; SameSite=Lax"; /* by URL */
    if (location.protocol == "https:") rules += "; Secure"; /* by URL */
    rules += "; Domain=" + all.slice(~n).join("."); /* by URL */
    page.cookie = ["=fb." + n + ".", rules]; /* by URL */
    d.cookie = probe + rules; /* by URL */
    var kept = d.cookie.includes(probe); /* by URL */
    d.cookie = probe + rules + "; Max-Age=0"; /* by URL */
    return kept; /* by URL */
  }); /* by URL */

  var mint = safe(() => {
    if (!d.cookie.match(/\b_fbp=fb(\.\d+){3}/)) {
      keep("_fbp", crypto.getRandomValues(new Uint32Array(1)));
    }
    var click = location.search.match(/[?&]fbclid=([\w-]+)/)[1];
    if (!d.cookie.includes("." + click)) keep("_fbc", click);
  });

  var keep = (name, last) => {
    d.cookie = name + page.cookie.join(+new Date + "." + last);
  };

  var drain = safe(() => {
    if (!check()) return; /* full */
    var found = [];
    d.cookie.replace(/\b(_pixelpair_\w+=)([\w-]+)/g, (all, name, value) => {
      d.cookie = name + ";Path=/;Max-Age=0";
      safe(() => found.push(JSON.parse(decoded(value)) || 0))();
    });
    found.sort((a, b) => a.t - b.t).map((one) => safe(fire)(one.e));
  });

  var look = (e) => {
    var url = location.href.split("#")[0];
    if (url != here && e.navigationType != "replace") {
      flush();
      back = next = shown = 0;
      if (!(new Date - ahead < 500)) next = newId(), wait = setTimeout(flush, 500);
      ahead = 0;
    }
    here = url;
  };

  var flush = safe(() => {
    if (wait) {
      wait = clearTimeout(wait);
      if (page.view != "off") made(["PageView", {}, next], page.view);
    }
  });

  var signed = (whole) => {
    var part = whole.match(/([^]*)\.(.*)/);
    if (!fresh("", part[2]) && back || shown == part[2]) return;
    shown = part[2];
    hold(() => fresh("", part[2])); /* full */
    report({ signed: whole, ids: JSON.parse(part[1])[1].map((call) => {
      call[2] = call[2] || call[0] == "PageView" && viewId(next) || newId();
      return fire(call);
    }) });
  };

  var report = (body, done) => {
    hold(() => { /* full */
      body.url = here.slice(0, 999); body.referrer = d.referrer.slice(0, 999); body.twice = twice;
      twice = 0;
      body = JSON.stringify(body);
      // A call of text throws: the server takes no more, and what it refuses may not fire.
      body[8e3] && body();
      if (
        done || /* full */
        !navigator.sendBeacon || !navigator.sendBeacon(page.to, body)
      ) {
        var sent = fetch(page.to, {
          method: "POST", body: body, keepalive: 1, credentials: "include"
        }).catch(safe);
        sent.then(done); /* full */
      }
    }, done); /* full */
  };

  // Nothing at an address that is a secret. A block of an older page hides "undefined".
  var made = (call, alone) => {
    hold(() => { /* full */
      if (here.match(RegExp(page.hide + "", "i"))) return;
      alone || report({ made: [call] });
      fire(call);
    }); /* full */
  };

  // Only a mutation observer's records have a first one: those ticks seek no events in cookies.
  var tick = safe((e) => {
    look(e);
    read();
    check(); /* full */
    if (d.hidden) flush();
    else if (!e[0]) {
      if (navigator.locks) navigator.locks.request("pixelpair", drain).catch(safe); else drain();
    }
  });

  var use = (data) => {
    page = data; pixel = page.pixel;
    // A page's <base> must not send the reports elsewhere.
    page.to = new URL(page.to, location);
    if (told) told(); /* full */
    if (page.consent) timer = timer || setInterval(check, 1e3); /* full */
    hold(() => { /* full */
      pixel = page.pixel; /* full */
      if (!page.events && !page.cookie) place(); /* by URL */
      if (page.cookie) mint();
      fbq = w.fbq;
      if (!fbq) {
        fbq = w.fbq = w._fbq = (...call) => {
          fbq.callMethod ? fbq.callMethod(...call) : fbq.queue.push(call);
        };
        fbq.push = fbq; fbq.loaded = true; fbq.version = "2.0"; fbq.queue = [];
        page.src && load();
      }
      fbq.disablePushState = true;
      if (fired[pixel]) return;
      fired[pixel] = 1;
      if (page.ldu && (
        page.deny || /* full */
        !page.gpc || signal()
      )) fbq("dataProcessingOptions", ["LDU"], ...page.ldu);
      if (page.consent) fbq("consent", "grant"); /* full */
      for (pixel of page.pixel.split(" ")) { /* full */
        // Who has named this pixel has initialised it, or is about to. The state may be circular.
        if (safe(() => (
          JSON.stringify([fbq.queue, fbq.getState && fbq.getState()]).includes(pixel)
        ))()) {
          twice = 1;
          console.warn("pixelpair: twice");
        } else {
          if (!page.auto) fbq("set", "autoConfig", false, pixel);
          fbq("init", pixel, page.match || {});
        }
      } /* full */
    }); /* full */
  };

  var load = safe(() => {
    var script = d.createElement("script");
    safe(() => { /* by URL */
      var policy = trustedTypes.createPolicy("pixelpair", { createScriptURL: String }); /* by URL */
      page.src = policy.createScriptURL(page.src); /* by URL */
    })(); /* by URL */
    script.src = page.src;
    d.head.append(script);
  });

  // The parser may be amid a block's text: JSON.parse throws then, and a later tick reads it.
  var read = (block) => {
    while ((block = d.querySelector("script#pixelpair"))) {
      use(JSON.parse(block.text));
      block.id = "";
      if (page.events) page.events.map(fire); else signed(page.signed);
    }
  };

  // This navigation's PageView, made or not; a block that comes before its navigation covers that.
  var viewId = (id) => {
    if (!id) ahead = new Date;
    wait = next = clearTimeout(wait);
    return id;
  };

  w.pixelpair = {
    // A shop's banner may call these where nobody is asked.
    grant: safe, revoke: safe,
    grant: decide(1), revoke: decide(0), /* full */
    track: (name, data) => active(() => {
      look({});
      if ((page.names || "").includes(name)) made([name, data || {}, newId()]);
      else console.warn("pixelpair: no " + name);
    }),
  };
  active(() => {
    look({});
    back = performance.navigation.type > 1;
    read();
    if (!page) use(served), back || flush(); /* by URL */
    wait = next = clearTimeout(wait);
    tick({});
    ["visibilitychange", "pageshow", "popstate"].map((type) => w.addEventListener(type, tick));
    new MutationObserver(tick).observe(d, { subtree: 1, childList: 1 });
    new PerformanceObserver(tick).observe({ type: "resource" });
    navigation.addEventListener("currententrychange", tick);
  });
})(window, document);
