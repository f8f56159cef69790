from __future__ import annotations

import json
import time
from pathlib import Path
from typing import get_args

import crawleruseragents
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.machines import Reason, _judged, _known, _shape, machine

AGENTS = json.loads((Path(__file__).parent / "data" / "user_agents.json").read_text("utf-8"))
BROWSERS: dict[str, str] = AGENTS["browsers"]
MACHINES: dict[str, list[str]] = AGENTS["machines"]
CHROME = BROWSERS["Chrome on Linux"]


@pytest.mark.parametrize("name", BROWSERS)
def test_browser_is_a_customer(name: str) -> None:
    assert machine(BROWSERS[name].encode()) is None


@pytest.mark.parametrize("reason", MACHINES)
def test_machine_is_none_and_says_what_it_is(reason: str) -> None:
    told = {agent: machine(agent.encode()) for agent in MACHINES[reason]}
    assert told == dict.fromkeys(MACHINES[reason], reason)


def test_every_reason_is_among_the_examples() -> None:
    assert set(MACHINES) == set(get_args(Reason))


def test_example_of_each_listed_machine_is_found() -> None:
    entries = crawleruseragents.CRAWLER_USER_AGENTS_DATA
    agents = [agent for entry in entries for agent in entry["instances"]]
    missed = [agent for agent in agents if machine(agent.encode()) is None]
    assert [agent for agent in missed if " MetaIAB " not in agent and "IABMV/" not in agent] == []
    assert len(missed) < 5 < 1000 < len(agents)


def test_in_app_browsers_of_meta_are_customers_whatever_the_list_says() -> None:
    """Seen in 1.67.0: two of its examples are people who came from Facebook and Instagram."""
    listed = [name for name in BROWSERS if crawleruseragents.is_crawler(BROWSERS[name])]
    assert set(listed) <= {
        "Facebook on Android, new",
        "Instagram on an OPPO phone",
        "a web view on an OPPO phone",
        "a version that ends in 008",
    }


def test_list_is_searched_by_its_words_and_few_patterns() -> None:
    """Words cost next to nothing; a list made of patterns alone would take a millisecond."""
    known = _known()
    assert sum(map(len, known.by_gram.values())) > 20 * len(known.patterns)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("Googlebot/2.1 curl-crawler StatusCake Slackbot", "unfurler"),
        ("Googlebot/2.1 StatusCake", "monitor"),
        ("Googlebot/2.1 HeadlessChrome", "automation"),
    ],
)
def test_of_several_names_the_telling_one_counts(names: str, told: str) -> None:
    assert machine(f"{CHROME} {names}".encode()) == told


@pytest.mark.parametrize(("number", "told"), [("12", "crawler"), ("13", None)])
def test_numbers_in_a_name_count(number: str, told: str | None) -> None:
    assert machine(f"{CHROME} MJ{number}bot".encode()) == told


def test_builds_of_one_app_are_judged_once() -> None:
    _judged.cache_clear()
    _shape.cache_clear()
    assert {machine(f"{CHROME} App/{build}.{build}".encode()) for build in range(100)} == {None}
    assert (_judged.cache_info().misses, _shape.cache_info().misses) == (100, 1)


def test_what_lies_beyond_the_bound_is_not_read() -> None:
    assert machine(CHROME.encode() + b" " * 1000 + b"Googlebot/2.1") is None
    assert machine(CHROME.encode() + b" " * 800 + b"Googlebot/2.1") == "crawler"


def test_long_strings_share_a_place_in_memory() -> None:
    _judged.cache_clear()
    assert {machine(b"x" * (1000 + more)) for more in range(5)} == {"library"}
    assert _judged.cache_info().currsize == 1


PARTS = ["a", "(", " ", "googl", "Spider ", "Current ", "ContextualBot", "BlogTraffic/1.", "bo"]
PARTS += [
    "compatible; ",
    "+http:/",
    "Mozilla/5.0 (",
    "1.",
    "sistrix ",
    "\xff",
    "\u2028",
    "Bot ",
    "@",
]


@pytest.mark.parametrize("part", PARTS)
def test_hostile_string_is_judged_at_once(part: str) -> None:
    """Worst seen: 1 ms for "Spider ", whose pattern is quadratic. The bound makes room for CI."""
    hostile = (part * 8192)[:8192].encode()
    took = min(_seconds(hostile) for _ in range(5))
    assert took < 0.02


def _seconds(agent: bytes) -> float:
    _judged.cache_clear()
    _shape.cache_clear()
    start = time.perf_counter()
    machine(agent)
    return time.perf_counter() - start


@given(st.binary(max_size=1200))
def test_any_bytes_get_a_verdict(agent: bytes) -> None:
    assert machine(agent) in (None, *get_args(Reason))


@given(st.sampled_from(MACHINES["crawler"]), st.integers(0, 1), st.text("ab ", max_size=50))
def test_machine_stays_one_with_a_browser_around_it(agent: str, front: int, more: str) -> None:
    whole = f"{CHROME} {agent} {more}" if front else f"{agent} {more} {CHROME}"
    assert machine(whole.encode()) is not None
