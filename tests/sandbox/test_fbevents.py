"""The pixel script in a real browser, loaded the way a shop loads Meta's."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

pytestmark = pytest.mark.e2e

HASH = hashlib.sha256(b"anna@example.com").hexdigest()
BASE = """<!doctype html><html><head><meta charset="utf-8"><title>shop</title>
<script NONCE>
window.fbq = function () {
  fbq.callMethod ? fbq.callMethod.apply(fbq, arguments) : fbq.queue.push(arguments);
};
window._fbq = fbq; fbq.push = fbq; fbq.loaded = true; fbq.version = '2.0'; fbq.queue = [];
CALLS
var script = document.createElement('script');
script.async = true; script.src = 'SANDBOX/en_US/fbevents.js';
document.head.appendChild(script);
</script></head><body><h1>shop</h1>BODY</body></html>"""
VIEW = [
    "ViewContent",
    {
        "content_ids": ["s-1", 2],
        "contents": [{"id": "s-1", "quantity": 2}],
        "value": 19.9,
        "currency": "SEK",
        "search_string": "ä & ö = 1",
    },
    {"event_id": 7},
]
WARNING = "[data-pixelpair-sandbox=warning]"


@pytest.fixture
def visit(shop, sandbox, tab):
    """Opens a page that makes these fbq calls before the script is there."""

    def open_page(calls: str, *, body: str = "", csp: str = "", path: str = "/p/1"):
        filled = BASE.replace("CALLS", calls).replace("SANDBOX", sandbox.url)
        shop.html = filled.replace("BODY", body).replace("NONCE", 'nonce="n"')
        shop.headers = {"Content-Security-Policy": csp} if csp else {}
        tab.goto(shop.url + path, wait_until="load")
        return tab

    return open_page


def halves(rows: list[dict]) -> list[tuple]:
    return [
        (row["pixel_id"], row["name"], row["event_id"], row["browser"]["custom_data"])
        for row in rows
    ]


def ask_something_else(tab, sandbox) -> None:
    """A request whose answer comes after all that the page had begun before."""
    ask = "url => fetch(url, {mode: 'no-cors'}).then(() => true)"
    assert tab.evaluate(ask, f"{sandbox.url}/api/rejections")


def test_drains_the_queue_and_goes_on(visit, sandbox):
    tab = visit(
        "fbq('init', '11'); fbq('track', 'PageView', {}, {eventID: 'a'});"
        "fbq('trackCustom', 'Köp', {deep: {x: [1]}, nothing: null, gone: undefined},"
        " {eventID: 'b'});"
    )
    sandbox.wait_for(2)
    tab.evaluate("([name, data, options]) => fbq('track', name, data, options)", VIEW)
    assert halves(sandbox.wait_for(3)) == [
        ("11", "PageView", "a", {}),
        ("11", "Köp", "b", {"deep": {"x": [1]}}),
        ("11", "ViewContent", "7", VIEW[1]),
    ]
    assert tab.locator(WARNING).count() == 0


def test_tells_where_it_was_and_who_it_is(visit, sandbox, shop, tab):
    tab.context.add_cookies([{"name": "_fbc", "value": "fb.0.17.Click%2DId", "url": shop.url}])
    visit("fbq('init', '11'); fbq('track', 'PageView', {}, {eventID: location.pathname});")
    sandbox.wait_for(1)
    tab.evaluate("location.href = '/p/2?q=1'")
    half = sandbox.wait_for(2)[1]["browser"]
    cookies = {cookie["name"]: cookie["value"] for cookie in tab.context.cookies(shop.url)}
    assert (half["url"], half["referrer"]) == (f"{shop.url}/p/2?q=1", f"{shop.url}/p/1")
    assert (half["fbp"], half["fbc"]) == (cookies["_fbp"], "fb.0.17.Click-Id")
    assert re.fullmatch(r"fb\.1\.[0-9]{13}\.[0-9]+", half["fbp"])
    assert "Chrome" in half["user_agent"]
    parameters = half["parameters"]
    assert set(parameters) == {"if", "ts", "sw", "sh", "v", "r", "ec", "it", "rqm"}
    assert (parameters["if"], parameters["rqm"], parameters["ec"]) == ("false", "GET", "0")


def test_leaves_a_known_browser_id_alone(visit, sandbox, shop, tab):
    tab.context.add_cookies([{"name": "_fbp", "value": "fb.0.17.4711", "url": shop.url}])
    visit("fbq('init', '11'); fbq('track', 'PageView', {}, {eventID: 'a'});")
    assert sandbox.wait_for(1)[0]["browser"]["fbp"] == "fb.0.17.4711"


def test_track_goes_to_every_pixel_and_tracksingle_to_its_own(visit, sandbox):
    visit(
        "fbq('init', '11'); fbq('init', 22);"
        "fbq('track', 'PageView', {}, {eventID: 'a'});"
        "fbq('trackSingle', '22', 'Lead', {}, {eventID: 'b'});"
        "fbq('trackSingleCustom', 11, 'Own', {}, {eventID: 'c'});"
        "fbq('trackSingle', '33', 'Lead', {}, {eventID: 'd'});"
    )
    rows = sandbox.wait_for(4)
    assert sorted((row["pixel_id"], row["name"], row["event_id"]) for row in rows) == [
        ("11", "Own", "c"),
        ("11", "PageView", "a"),
        ("22", "Lead", "b"),
        ("22", "PageView", "a"),
    ]


def test_an_event_without_id_is_shown_on_the_page(visit, sandbox):
    hostile = "<img src=x onerror=alert(1)>"
    tab = visit(
        f"fbq('init', '11'); fbq('track', 'PageView'); fbq('trackCustom', '{hostile}', {{}}, {{}});"
        "fbq('track', 'Lead', {}, {eventID: ''});"
    )
    box = tab.locator(WARNING)
    box.wait_for()
    assert box.locator("div > div").all_inner_texts() == [
        "PageView: no eventID",
        f"{hostile}: no eventID",
        "Lead: no eventID",
    ]
    assert [row["event_id"] for row in sandbox.wait_for(3)] == [None, None, None]
    box.get_by_role("button", name="Dismiss").click()
    assert box.count() == 0


def test_a_long_event_is_posted(visit, sandbox):
    ids = [f"sku-{number:05}" for number in range(600)]
    visit(
        "fbq('init', '11'); fbq('track', 'Search', {content_ids: "
        f"{json.dumps(ids)}}}, {{eventID: 'a'}});"
    )
    [row] = sandbox.wait_for(1)
    assert row["browser"]["custom_data"] == {"content_ids": ids}
    assert row["browser"]["parameters"]["rqm"] == "POST"


def test_consent_holds_events_and_cookie_back(visit, sandbox, shop):
    tab = visit(
        "fbq('consent', 'revoke'); fbq('init', '11');"
        "fbq('track', 'PageView', {}, {eventID: 'a'}); fbq('track', 'Lead', {}, {eventID: 'b'});"
    )
    tab.wait_for_function("Boolean(fbq.callMethod)")
    assert (sandbox.events(), tab.context.cookies(shop.url)) == ([], [])
    tab.evaluate("fbq('consent', 'grant')")
    rows = sandbox.wait_for(2)
    assert sorted(row["event_id"] for row in rows) == ["a", "b"]
    assert all(row["browser"]["fbp"].startswith("fb.1.") for row in rows)


def test_a_refusal_stops_everything_until_the_next_agreement(visit, sandbox, shop):
    """Images, posts and the views of pushed states all wait, and go in the order they came."""
    tab = visit("fbq('init', '11'); fbq('track', 'PageView', {}, {eventID: 'a'});")
    sandbox.wait_for(1)
    tab.context.clear_cookies()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.evaluate(
        """() => {
          fbq('consent', 'revoke');
          fbq('dataProcessingOptions', ['LDU'], 1, 1000);
          fbq('trackSingle', '11', 'Lead', {}, {eventID: 'b'});
          fbq('track', 'Search', {search_string: 'x'.repeat(9000)}, {eventID: 'c'});
          fbq('init', '22');
          fbq('dataProcessingOptions', []);
          history.pushState({}, '', '/p/2');
          fbq('consent', 'perhaps');
        }"""
    )
    ask_something_else(tab, sandbox)
    assert asked == [f"{sandbox.url}/api/rejections"]
    assert (len(sandbox.events()), tab.context.cookies(shop.url)) == (1, [])
    tab.evaluate("fbq('consent', 'grant')")
    held = [row for row in sandbox.wait_for(5) if row["event_id"] != "a"]
    held.sort(key=lambda row: int(row["browser"]["parameters"]["ec"]))
    assert [(row["pixel_id"], row["name"], row["browser"]["ldu"]) for row in held] == [
        ("11", "Lead", [1, 1000]),
        ("11", "Search", [1, 1000]),
        ("11", "PageView", None),
        ("22", "PageView", None),
    ]
    assert {row["browser"]["url"] for row in held} == {f"{shop.url}/p/1", f"{shop.url}/p/2"}
    assert {row["browser"]["consent"] for row in held} == {"granted"}
    [cookie] = tab.context.cookies(shop.url)
    assert {row["browser"]["fbp"] for row in held} == {cookie["value"]}
    tab.evaluate("fbq('consent', 'revoke'); fbq('track', 'Lead', {}, {eventID: 'd'});")
    ask_something_else(tab, sandbox)
    assert [url for url in asked if "eid=d" in url] == []
    assert len(sandbox.events()) == 5


@pytest.mark.parametrize(
    ("calls", "consent"),
    [
        ("", "not asked"),
        ("fbq('consent', 'perhaps');", "not asked"),
        ("fbq('consent', 'grant');", "granted"),
        ("fbq('consent', 'revoke'); fbq('consent', 'grant');", "granted"),
    ],
)
def test_consent_travels_along(visit, sandbox, calls, consent):
    visit(calls + "fbq('init', '11'); fbq('track', 'PageView', {}, {eventID: 'a'});")
    half = sandbox.wait_for(1)[0]["browser"]
    assert (half["consent"], set(half["parameters"]) & {"consent", "dpo"}) == (consent, set())


def test_pixels_carry_their_own_customer_and_never_mix(visit, sandbox):
    visit(
        "fbq('init', '11', {fn: 'anna'}); fbq('init', '22', {ct: 'umea'});"
        "['11', '22'].forEach(function (id) {"
        "  fbq('trackSingle', id, 'Lead', {value: Number(id)}, {eventID: 'same'});"
        "});"
    )
    rows = sandbox.wait_for(2)
    carried = {
        row["pixel_id"]: (
            [key for key in row["browser"]["match_keys"] if key != "fbp"],
            row["browser"]["custom_data"],
        )
        for row in rows
    }
    assert carried == {"11": (["fn"], {"value": 11}), "22": (["ct"], {"value": 22})}


def test_advanced_matching_is_hashed_once(visit, sandbox):
    visit(
        f"fbq('init', '11', {{em: ' Anna@Example.com ', external_id: '{HASH}', ph: '', x: 'y'}});"
        "fbq('track', 'PageView', {}, {eventID: 'a'});"
    )
    assert sandbox.wait_for(1)[0]["browser"]["user_data"] == {"em": HASH, "external_id": HASH}


def test_hashes_texts_of_every_length_right(visit, sandbox):
    """55, 56, 63, 64 and their like are where SHA-256's padding takes another block."""
    texts = ["ö" + "a" * length for length in (0, 1, 52, 53, 54, 55, 61, 62, 63, 117, 118, 200)]
    visit(
        f"{json.dumps(texts)}.forEach(function (text, at) {{ fbq('init', at, {{fn: text}}); }});"
        "fbq('track', 'PageView', {}, {eventID: 'a'});"
    )
    rows = sandbox.wait_for(len(texts))
    assert {row["pixel_id"]: row["browser"]["user_data"]["fn"] for row in rows} == {
        str(at): hashlib.sha256(text.encode()).hexdigest() for at, text in enumerate(texts)
    }


def test_limited_data_use_and_agent_travel_along(visit, sandbox):
    visit(
        "fbq('dataProcessingOptions', ['LDU'], 0, 0); fbq('set', 'agent', 'pixelpair', '11');"
        "fbq('set', 'autoConfig', false, '11');"
        "fbq('init', '11'); fbq('track', 'PageView', {}, {eventID: 'a'});"
    )
    half = sandbox.wait_for(1)[0]["browser"]
    assert half["ldu"] == [0, 0]
    parameters = half["parameters"]
    named = {key: parameters[key] for key in ("dpo", "dpoco", "dpost", "a")}
    assert named == {"dpo": "LDU", "dpoco": "0", "dpost": "0", "a": "pixelpair"}


def test_nonsense_does_not_stop_it(visit, sandbox):
    visit(
        "fbq(); fbq('toString'); fbq('track'); fbq('init', '11'); fbq('init', '11');"
        "var loop = {}; loop.loop = loop; fbq('track', 'Lead', {loop: loop}, {eventID: 'x'});"
        "fbq('track', 'PageView', null, {eventID: 'a'});"
    )
    assert halves(sandbox.wait_for(1)) == [("11", "PageView", "a", {})]


def test_loaded_twice_sends_once(visit, sandbox):
    tab = visit("fbq('init', '11'); fbq('track', 'PageView', {}, {eventID: 'a'});")
    sandbox.wait_for(1)
    tab.add_script_tag(url=f"{sandbox.url}/en_US/fbevents.js")
    tab.evaluate("fbq('track', 'Lead', {}, {eventID: 'b'})")
    rows = sandbox.wait_for(2)
    assert [row["browser"]["repeats"] for row in rows] == [0, 0]


def test_strict_policies_do_not_make_it_throw(visit, sandbox):
    csp = (
        f"default-src 'none'; script-src 'nonce-n' 'strict-dynamic'; img-src {sandbox.url}; "
        f"connect-src {sandbox.url}; require-trusted-types-for 'script'"
    )
    policy = (
        "trustedTypes.createPolicy('default', {createScriptURL: function (url) { return url; }});"
    )
    tab = visit(
        policy + "fbq('init', '11', {em: 'a@b.se'}); fbq('track', 'PageView', {}, {eventID: 'a'});"
        "fbq('track', 'Lead');",
        csp=csp,
    )
    sandbox.wait_for(2)
    assert tab.locator(WARNING).bounding_box()["height"] > 40


def test_the_noscript_image_counts_as_a_browser_half(browser, shop, sandbox):
    shop.headers = {}
    shop.html = (
        "<!doctype html><title>shop</title><body><noscript><img alt='' "
        f"src='{sandbox.url}/tr?id=11&amp;ev=PageView&amp;noscript=1&amp;eid=a"
        "&amp;dpo=LDU&amp;dpoco=0&amp;dpost=0'></noscript>"
    )
    context = browser.new_context(java_script_enabled=False)
    context.new_page().goto(f"{shop.url}/p/9")
    [row] = sandbox.wait_for(1)
    context.close()
    assert (row["event_id"], row["browser"]["noscript"]) == ("a", True)
    assert row["browser"]["url"].startswith(shop.url)
    assert (row["browser"]["consent"], row["browser"]["ldu"]) == ("not asked", [0, 0])


def test_names_the_pixels_it_knows(visit):
    tab = visit("fbq('init', '11'); fbq('init', 22);")
    tab.wait_for_function("fbq.getState")
    assert tab.evaluate("fbq.getState()") == {"pixels": [{"id": "11"}, {"id": "22"}]}


@pytest.mark.parametrize(("off", "views"), [("", 1), ("fbq.disablePushState = true;", 0)])
def test_a_pushed_state_is_a_page_view_without_id_unless_switched_off(
    visit, sandbox, off: str, views: int
):
    tab = visit("fbq('init', '11');" + off)
    tab.wait_for_function("fbq.getState")
    tab.evaluate("history.pushState({}, '', '/p/2')")
    tab.evaluate("fbq('track', 'Lead', {}, {eventID: 'a'})")
    rows = sandbox.wait_for(views + 1)
    assert [row["name"] for row in rows if not row["event_id"]] == ["PageView"] * views
