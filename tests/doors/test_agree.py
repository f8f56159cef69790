"""One site behind every door: the same bytes, headers, cookies and events."""

from __future__ import annotations

import pytest

from .drive import Answer, Ledger, ids, names
from .fronts import FRONTS, Front
from .site import CASES, NAMED, Case

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
    assert [i for i in ids(answer.shown) if i not in ids(twins)] == []
    assert (answer == case.reply.answer()) == case.alone


@pytest.mark.parametrize("door", [name for name in FRONTS if name != "asgi"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_door_gives_the_same(sites: Sites, door: str, case: Case):
    assert go_through(sites, door, case) == go_through(sites, "asgi", case)


@pytest.mark.parametrize("door", NAME_SEERS)
def test_a_route_name_fires_where_it_is_seen(sites: Sites, door: str):
    answer, twins = go_through(sites, door, NAMED)
    assert names(twins) == NAMED.twins.split()
    assert twins[1]["custom_data"] == {"content_ids": ["SKU-7"], "content_type": "product"}
    assert (answer, twins) == go_through(sites, "flask", NAMED)
