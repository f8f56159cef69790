"""One site behind every door: the same bytes, headers, cookies and events."""

from __future__ import annotations

from hashlib import sha256

import pytest

from .drive import Answer, Ask, Ledger, ids, names
from .fronts import FRONTS, Front
from .site import CASES, NAMED, Case, report

Sites = dict[str, tuple[Front, Ledger]]
NAME_SEERS = [name for name in FRONTS if name not in ("asgi", "wsgi")]


def go_through(sites: Sites, door: str, case: Case) -> tuple[Answer, list[dict]]:
    front, ledger = sites[door]
    ledger.twins()
    answer = front.ask(case.ask)
    return answer, ledger.twins()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_site_says_what_it_should(sites: Sites, case: Case):
    """The plain ASGI door, which the others are compared with."""
    answer, twins = go_through(sites, "asgi", case)
    assert names(twins) == case.twins.split()
    assert names(answer.shown) == (case.twins if case.shown is None else case.shown).split()
    assert names(answer.sealed) == case.sealed.split()
    assert [i for i in ids(answer.shown) if i not in ids(twins)] == []
    assert (answer == case.reply.answer()) == case.alone


@pytest.mark.parametrize("door", [name for name in FRONTS if name != "asgi"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_door_gives_the_same(sites: Sites, door: str, case: Case):
    assert go_through(sites, door, case) == go_through(sites, "asgi", case)


def of_ours(sites: Sites, door: str, ask: Ask) -> tuple[Answer, list[dict]]:
    return go_through(sites, door, Case(ask))


@pytest.mark.parametrize("door", FRONTS)
def test_a_report_is_taken_behind_every_door(sites: Sites, door: str):
    event_id = sha256(door.encode()).hexdigest()[:32]
    answer, [twin] = of_ours(sites, door, report(event_id))
    assert (answer.status, answer.body) == (204, b"")
    assert set(answer.cookies) == {"_fbp"}
    assert (twin["event_id"], twin["event_source_url"]) == (
        event_id,
        "http://www.shop.example/a?b=c",
    )
    assert of_ours(sites, door, report(event_id)) == (answer, [])


OURS = {
    "forged": (report("0" * 32, "http://evil.example"), 403),
    "too large": (Ask("POST", "/_pixelpair/events", body=b"x" * 100_000), 403),
    "none": (Ask("POST", "/_pixelpair/events", headers=report("").headers), 400),
    "large": (Ask("POST", "/_pixelpair/events", headers=report("").headers, body=b"x" * 9000), 413),
    "read": (Ask(path="/_pixelpair/events"), 405),
    "preflight": (Ask("OPTIONS", "/_pixelpair/events"), 204),
    "script": (Ask(path="/_pixelpair/pixel.js"), 200),
    "script below a mount": (Ask(path="/_pixelpair/pixel.js", root="/butik"), 200),
    "script, compressed": (
        Ask(path="/_pixelpair/pixel.js", headers=(("accept-encoding", "gzip, br"),)),
        200,
    ),
    "script, head": (Ask("HEAD", "/_pixelpair/pixel.js"), 200),
}


@pytest.mark.parametrize("door", FRONTS)
@pytest.mark.parametrize("case", OURS)
def test_our_own_addresses_answer_alike(sites: Sites, door: str, case: str):
    ask, status = OURS[case]
    answer, twins = of_ours(sites, door, ask)
    assert (answer.status, twins) == (status, [])
    assert answer == of_ours(sites, "asgi", ask)[0]


@pytest.mark.parametrize("door", NAME_SEERS)
def test_a_route_name_fires_where_it_is_seen(sites: Sites, door: str):
    answer, twins = go_through(sites, door, NAMED)
    assert names(twins) == NAMED.twins.split()
    assert twins[1]["custom_data"] == {"content_ids": ["SKU-7"], "content_type": "product"}
    assert (answer, twins) == go_through(sites, "flask", NAMED)
