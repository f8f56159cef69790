(function (w, d) {
  try {
    var me = d.currentScript, block = me && me.previousElementSibling;
    if (!block || block.id !== "pixelpair") block = d.getElementById("pixelpair");
    var page = JSON.parse(block.textContent), fbq = w.fbq;
    if (!fbq) {
      fbq = w.fbq = function () {
        if (fbq.callMethod) fbq.callMethod.apply(fbq, arguments); else fbq.queue.push(arguments);
      };
      if (!w._fbq) w._fbq = fbq;
      fbq.push = fbq; fbq.loaded = true; fbq.version = "2.0"; fbq.queue = [];
      try {
        var script = d.createElement("script");
        script.async = true; script.src = page.src;
        (d.head || d.documentElement).appendChild(script);
      } catch (blocked) {}
    }
    if (w._pixelpair !== page.pixel) {
      w._pixelpair = page.pixel;
      if (page.match) fbq("init", page.pixel, page.match); else fbq("init", page.pixel);
    }
    var fire = function (e) {
      fbq(e[3] ? "trackSingleCustom" : "trackSingle", page.pixel, e[0], e[1], { eventID: e[2] });
    };
    page.events.forEach(fire);
    var held = [], found, cookie = /(?:^|; )(_pixelpair_[0-9a-zA-Z]+)=([\w-]*)/g;
    while ((found = cookie.exec(d.cookie))) held.push(found.slice(1));
    held.map(function (pair) {
      d.cookie = pair[0] + "=; Path=/; Max-Age=0; SameSite=Lax";
      try {
        return JSON.parse(atob(pair[1].replace(/-/g, "+").replace(/_/g, "/")));
      } catch (broken) {}
    }).filter(function (held) {
      return held && held.e && held.e[2];
    }).sort(function (a, b) {
      return a.t - b.t;
    }).forEach(function (held) {
      fire(held.e);
    });
  } catch (error) {}
})(window, document);
