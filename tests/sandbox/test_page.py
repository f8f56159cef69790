"""The sandbox's own page in a real browser."""

from __future__ import annotations

import time

import pytest

from .samples import GONE, HASH, event, known

pytestmark = pytest.mark.e2e

BEARER = {"Authorization": "Bearer t"}
FBP = "fb.1.1749651650057.639940942831715561"
EVENTS = "/v26.0/11/events"
LDU_PLACE = ("data_processing_options_country", "data_processing_options_state")
LDU_FAULT = (
    "A fault of the shop: the halves disagree about Limited Data Use; "
    "pixel and server must be told the same."
)
MATCHED = "Matched: same pixel, name and event_id."
NO_SERVER_HALF = (
    "No server half yet: no event with this name and event_id has come through the Conversions API."
)
NO_BROWSER_HALF = (
    "No browser half yet: no pixel has sent this name with this eventID "
    "(script blocked, no consent, or a page that never fired it)."
)


def browser_half(sandbox, name, event_id="", pixel="11", plain=None, **custom):
    fields = {"id": pixel, "ev": name, "eid": event_id, "dl": "http://shop.example/p/1?q=2"}
    data = {f"cd[{key}]": value for key, value in custom.items()}
    sandbox.client.get("/tr/", params={**fields, **(plain or {}), **data})


def server_half(sandbox, name, event_id="", custom=GONE, pixel="11", **changes):
    fresh = {"event_name": name, "event_time": int(time.time()), "event_id": event_id}
    sent = {**event(custom_data=custom, **fresh), **changes}
    sandbox.client.post(f"/v26.0/{pixel}/events", json={"data": [sent]}, headers=BEARER)


def limited(*place) -> tuple[dict, dict]:
    """Limited Data Use as the pixel says it, and as the server does."""
    plain = dict(zip(("dpo", "dpoco", "dpost"), ("LDU", *place), strict=False))
    keys = ("data_processing_options", *LDU_PLACE)
    return plain, dict(zip(keys, (["LDU"], *place), strict=False))


@pytest.fixture
def page(sandbox, tab):
    tab.goto(sandbox.url)
    return tab


def card(page, name):
    found = page.locator(".card", has=page.get_by_role("heading", name=name, exact=True))
    found.first.wait_for()
    return found


def table(found) -> list[list[str]]:
    """The card's rows as text; arrival times cut from the heads."""
    read = "table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))"
    head, *rows = found.locator("table").evaluate(read)
    return [[text.partition(" ")[0] for text in head[1:]], *rows]


def counts(page) -> list[str]:
    return [text.split()[0] for text in page.locator("#counts button").all_inner_texts()]


def test_is_empty_at_first(page):
    assert page.get_by_role("heading", name="Nothing has arrived yet").is_visible()
    assert counts(page) == ["0", "0", "0", "0"]


def test_a_pair_stands_side_by_side(page, sandbox):
    browser_half(sandbox, "ViewContent", "a", content_ids='["s-1"]', value="19.9", currency="SEK")
    server_half(
        sandbox, "ViewContent", "a", {"content_ids": ["s-1"], "value": 21, "currency": "sek"}
    )
    found = card(page, "ViewContent")
    found.locator(".chip", has_text="paired").wait_for()
    assert "lone" not in found.get_attribute("class")
    assert found.locator(".why").inner_text() == (
        "Matched: same pixel, name and event_id. The halves differ in: value."
    )
    assert table(found) == [
        ["Browser", "Server"],
        ["Data", "value currency content_ids ", "value currency content_ids "],
        ["Customer", "—", "em IP user agent "],
        ["Consent", "not asked", "sent, which counts as agreed"],
        ["LDU", "off", "off"],
        ["Content ids", "s-1", "s-1"],
        ["Value ≠", "19.9 SEK", "21 SEK"],
        ["Page", "/p/1?q=2", "/thanks"],
    ]
    assert counts(page) == ["1", "1", "0", "0"]


def lines(found) -> dict[str, list[str]]:
    return {label: cells for label, *cells in table(found)[1:]}


def test_the_walk_of_one_shopper_shows_what_each_event_carried(page, sandbox):
    walk = {
        "ViewContent": ({}, ["fn"]),
        "AddToCart": ({"value": 19.9, "currency": "SEK"}, ["ph", "fn"]),
        "InitiateCheckout": ({"value": 39.8, "currency": "SEK"}, ["db"]),
        "Purchase": ({"value": 39.8, "currency": "SEK", "order_id": "1001"}, ["db"]),
        "CompleteRegistration": ({"value": 1, "currency": "SEK", "status": False}, ["ct"]),
    }
    for name, (custom, keys) in walk.items():
        plain = {f"ud[{key}]": HASH for key in keys} | {"fbp": FBP}
        browser_half(sandbox, name, name, plain=plain, **custom)
        user = {key: [HASH] for key in keys} | {"client_ip_address": "203.0.113.9", "fbp": FBP}
        server_half(sandbox, name, name, custom, user_data=user)
    card(page, "CompleteRegistration").locator(".chip", has_text="paired").wait_for()
    for name, (custom, keys) in walk.items():
        shown = lines(card(page, name))
        known = [f"{key} " for key in keys]
        assert shown["Customer"] == ["".join(known), "".join([*known, "IP "])]
        data = "".join(f"{key} " for key in custom)
        assert shown.get("Data", ["", ""]) == [data, data]
        row = next(row for row in sandbox.events() if row["name"] == name)
        assert row["browser"]["match_keys"] == [*keys, "fbp"]
        assert row["server"]["match_keys"] == [*keys, "client_ip_address", "fbp"]
        assert row["browser"]["data_keys"] == row["server"]["data_keys"] == list(custom)
    visible = page.locator("#events").inner_text()
    assert (HASH in visible, "203.0.113.9" in visible) == (False, False)


@pytest.mark.parametrize(
    ("said", "consent"),
    [({}, "not asked"), ({"pixelpair_sandbox_consent": "granted"}, "granted")],
)
def test_consent_is_what_the_pixel_was_told_and_that_the_server_sent(page, sandbox, said, consent):
    browser_half(sandbox, "Lead", "a", plain=said)
    server_half(sandbox, "Contact", "b")
    assert lines(card(page, "Lead"))["Consent"] == [consent, ""]
    assert lines(card(page, "Contact"))["Consent"] == ["", "sent, which counts as agreed"]


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ((0, 0), "on, country 0, state 0"),
        ((1, 1000), "on, country 1, state 1000"),
        ((), "on, country none, state none"),
    ],
)
def test_limited_data_use_on_both_halves(page, sandbox, place, shown):
    browser_half(sandbox, "Lead", "a", plain=limited(*place)[0])
    server_half(sandbox, "Lead", "a", **limited(*place)[1])
    found = card(page, "Lead")
    found.locator(".chip", has_text="paired").wait_for()
    assert lines(found)["LDU"] == [shown, shown]
    assert found.locator(".why").inner_text() == MATCHED
    assert found.locator(".faults li").count() == 0
    assert "faulty" not in found.get_attribute("class")


@pytest.mark.parametrize(
    ("plain", "changes", "shown"),
    [
        ({}, limited(0, 0)[1], ["off", "on, country 0, state 0"]),
        (limited(0, 0)[0], {}, ["on, country 0, state 0", "off"]),
        ({"dpo": ""}, limited(0, 0)[1], ["off", "on, country 0, state 0"]),
        (
            limited(0, 0)[0],
            limited(1, 1000)[1],
            ["on, country 0, state 0", "on, country 1, state 1000"],
        ),
    ],
)
def test_halves_that_disagree_about_limited_data_use_are_the_shops_fault(
    page, sandbox, plain, changes, shown
):
    browser_half(sandbox, "Lead", "a", plain=plain)
    server_half(sandbox, "Lead", "a", **changes)
    found = card(page, "Lead")
    found.locator(".faults li").wait_for()
    assert lines(found)["LDU ≠"] == shown
    assert found.locator(".why").inner_text() == f"{MATCHED} The halves differ in: LDU."
    assert found.locator(".faults").inner_text() == LDU_FAULT
    assert "faulty" in found.get_attribute("class")


def test_a_half_alone_disagrees_with_nobody(page, sandbox):
    browser_half(sandbox, "Lead", "a", plain=limited(0, 0)[0])
    found = card(page, "Lead")
    assert lines(found)["LDU"] == ["on, country 0, state 0", ""]
    assert found.locator(".faults li").count() == 0


def test_the_pairs_of_two_pixels_stand_apart(page, sandbox):
    for pixel in ("11", "22"):
        browser_half(sandbox, "Lead", "same", pixel=pixel)
    server_half(sandbox, "Lead", "same", pixel="22")
    page.locator(".chip", has_text="paired").wait_for()
    cards = card(page, "Lead")
    assert [
        (each.locator(".pixel").inner_text(), each.locator(".why").inner_text())
        for each in cards.all()
    ] == [("22", MATCHED), ("11", NO_SERVER_HALF)]


@pytest.mark.parametrize(
    ("arrive", "why"),
    [
        (
            lambda box: browser_half(box, "Lead", "a"),
            NO_SERVER_HALF,
        ),
        (
            lambda box: server_half(box, "Lead", "a"),
            NO_BROWSER_HALF,
        ),
        (
            lambda box: browser_half(box, "Lead"),
            "The browser half has no eventID: no server half can ever match it.",
        ),
        (
            lambda box: server_half(box, "Lead"),
            "The server half has no event_id: no browser half can ever match it.",
        ),
        (
            lambda box: (server_half(box, "Contact", "a"), browser_half(box, "Lead", "a")),
            "Not matched: the server sent this event_id as “Contact”; the names must agree.",
        ),
        (
            lambda box: (browser_half(box, "Lead", "a", pixel="22"), server_half(box, "Lead", "a")),
            "Not matched: the server sent it to pixel 11.",
        ),
    ],
)
def test_a_lone_half_is_red_and_says_why(page, sandbox, arrive, why):
    arrive(sandbox)
    found = card(page, "Lead").last
    assert "lone" in found.get_attribute("class")
    assert found.locator(".why").inner_text() == why
    colour = found.evaluate("card => getComputedStyle(card).borderLeftColor")
    red, green, blue = (int(part) for part in colour[4:-1].split(","))
    assert red > 2 * max(green, blue)


def test_a_repeated_half_is_counted(page, sandbox):
    for _ in range(2):
        server_half(sandbox, "Lead", "a")
    browser_half(sandbox, "Lead", "a")
    found = card(page, "Lead")
    found.locator(".chip", has_text="paired").wait_for()
    assert "The server half came 2 times; Meta counts it once." in found.inner_text()


def test_newest_first_and_filters(page, sandbox):
    browser_half(sandbox, "Lead", "a")
    browser_half(sandbox, "Contact", "b")
    server_half(sandbox, "Lead", "a")
    card(page, "Contact")
    page.locator(".chip", has_text="paired").wait_for()
    names = page.locator(".card h3")
    assert names.all_inner_texts() == ["Contact", "Lead"]
    page.get_by_role("button", name="browser only").press("Enter")
    assert names.all_inner_texts() == ["Contact"]
    page.get_by_role("button", name="events").press("Enter")
    assert names.all_inner_texts() == ["Contact", "Lead"]


def test_hostile_text_stays_text(page, sandbox):
    name = "<img src=x onerror=\"document.title='owned'\">"
    browser_half(sandbox, name, "</code><script>document.title='owned'</script>", value=name)
    found = card(page, name)
    found.get_by_text("Everything received").click()
    assert found.locator("img, script").count() == 0
    assert name in found.locator(".why, table").all_inner_texts()[1]
    assert page.title() == "pixelpair sandbox"


def test_odd_values_do_not_stop_it(page, sandbox):
    server_half(sandbox, "Odd", "a", user_data={"em": [HASH], "fbp": 7, "fbc": ""})
    odd = {"contents": "[null, 7]", "content_ids": '{"a": 1}', "value": "[[]]", "currency": "1"}
    browser_half(sandbox, "Odd", "a", **odd)
    sandbox.client.post(EVENTS, json={"data": [None, 7, {"event_name": ["x"]}]}, headers=BEARER)
    browser_half(sandbox, "Lead", "b")
    card(page, "Lead")
    assert page.locator("#live").inner_text() == "live"


def test_a_rejected_batch_is_shown_with_metas_error(page, sandbox):
    server_half(sandbox, "Purchase", "order-1")
    section = page.locator("#rejected")
    section.wait_for()
    text = section.inner_text()
    assert "1 request was rejected; no event in it was processed" in text
    assert "Missing Value for Purchase Event (HTTP 400, code 100/2804009)" in text
    assert "data.0.custom_data.value" in text


def test_remarks_are_shown(page, sandbox):
    bare = known(client_user_agent=GONE)["user_data"]
    server_half(sandbox, "Lead", "a", user_data=bare)
    assert "no client_user_agent" in card(page, "Lead").locator(".notes").inner_text()
    browser_half(sandbox, "Contact", "b", plain={"dpo": "LDU", "dpoco": "7", "dpost": "0"})
    assert card(page, "Contact").locator(".notes").inner_text() == (
        "Browser half: LDU country is neither 0 nor 1."
    )


def test_open_details_and_focus_survive_news(page, sandbox):
    browser_half(sandbox, "Lead", "a")
    summary = card(page, "Lead").locator("summary")
    summary.press("Enter")
    browser_half(sandbox, "Contact", "b")
    server_half(sandbox, "Lead", "a")
    card(page, "Contact")
    page.locator(".chip", has_text="paired").wait_for()
    assert card(page, "Lead").locator("details[open]").count() == 1
    assert summary.evaluate("summary => document.activeElement === summary")


def test_clear_empties_it(page, sandbox):
    browser_half(sandbox, "Lead", "a")
    server_half(sandbox, "Purchase", "b")
    card(page, "Lead")
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("heading", name="Nothing has arrived yet").wait_for()
    assert (page.locator(".card").count(), page.locator("#rejected").is_visible()) == (0, False)
    assert sandbox.events() == []


def test_fits_a_phone(page, sandbox):
    long = {"u" * 300: "1", "content_ids": f'["{"z" * 300}"]'}
    browser_half(sandbox, "x" * 200, "y" * 200, plain=limited("w" * 300)[0], **long)
    card(page, "x" * 200)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_follows_the_colour_scheme(page):
    def background():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.emulate_media(color_scheme="light")
    light = background()
    page.emulate_media(color_scheme="dark")
    assert (light, background()) == ("rgb(243, 244, 247)", "rgb(18, 20, 26)")


def test_says_when_the_sandbox_is_gone(page):
    page.route("**/api/events", lambda route: route.abort())
    page.get_by_text("no answer from the sandbox").wait_for()
