"""The sandbox listens on a developer's machine, where any site's page can send requests to it."""

from __future__ import annotations

import pytest

from pixelpair.sandbox.strangers import is_own_name

from .goods import PIXEL, Web

FORM = {"access_token": "t", "name": "Shop", "data": "[]", "batch": "[]"}
WRITES = (
    ("DELETE", "/api/events"),
    ("DELETE", "/api/catalogs"),
    ("POST", "/api/faults"),
    ("DELETE", "/api/faults/1"),
    ("POST", "/v26.0/1/owned_product_catalogs"),
    ("POST", f"/v26.0/{PIXEL}/events"),
    ("POST", "/v26.0"),
    ("POST", "/"),
)
FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://shop.example"},
    {"Origin": "null"},
)


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_no_other_sites_page_changes_anything(sandbox, headers):
    """Seen: a form of any site made catalogs here, as its fields may hold a token."""
    for method, path in WRITES:
        answer = sandbox.client.request(method, path, headers=headers, data=FORM)
        assert (answer.status_code, answer.json()) == (
            403,
            {"problem": "asked by a page of another site"},
        )
    assert sandbox.client.get("/api/catalogs", headers=headers).json() == {"catalogs": []}


def test_the_sandboxs_own_page_and_programs_change_things(sandbox):
    own = {"Origin": sandbox.url, "Sec-Fetch-Site": "same-origin"}
    for headers in (own, {"Origin": sandbox.url}, {"Sec-Fetch-Site": "none"}, {}):
        assert sandbox.client.delete("/api/events", headers=headers).status_code == 204


def test_a_page_whose_name_was_made_to_lead_here_reads_nothing(sandbox):
    """DNS rebinding: to the browser it is the page's own site."""
    Web(sandbox).catalog()
    headers = {"Host": "evil.example:8765", "Sec-Fetch-Site": "same-origin"}
    for path in ("/", "/api/events", "/api/catalogs", "/api/stream", "/v26.0/1?access_token=t"):
        answer = sandbox.client.get(path, headers=headers)
        assert answer.status_code == 403
        assert answer.json()["problem"].startswith("asked by a name that anybody can own")


def test_the_pixel_is_for_pages_of_every_site(sandbox):
    headers = {"Host": "www.facebook.example", "Sec-Fetch-Site": "cross-site"}
    assert sandbox.client.get("/en_US/fbevents.js", headers=headers).status_code == 200
    event = {"id": PIXEL, "ev": "Lead", "eid": "e-1"}
    for method in ("GET", "POST"):
        sandbox.client.request(method, "/tr", headers=headers, params=event).raise_for_status()
    assert [event["name"] for event in sandbox.wait_for(1)] == ["Lead"]


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1:8765", True),
        ("[::1]:8765", True),
        ("192.168.1.7", True),
        ("localhost:8765", True),
        ("LOCALHOST.", True),
        ("sandbox:8765", True),
        ("shop.test:8765", True),
        ("sandbox.shop.localhost", True),
        ("host.docker.internal", True),
        ("", True),
        ("evil.example", False),
        ("evil.example.:8765", False),
        ("127.0.0.1.evil.example", False),
        ("eviltest.example:80", False),
        ("notlocalhost.example", False),
    ],
)
def test_names_that_nobody_can_register_are_own(host, own):
    assert is_own_name(host) is own
