from __future__ import annotations

import pytest

from pixelpair.core.limits import MOST_ADDRESSES, MOST_EVENTS, Rate, Seen, network

NOON = 1_760_000_040.0  # a minute begins


def test_address_may_report_so_often_a_minute() -> None:
    rate = Rate(3)
    assert [rate.allows("203.0.113.7", NOON + n) for n in range(5)] == [True] * 3 + [False] * 2
    assert rate.allows("203.0.113.8", NOON)
    assert rate.allows("203.0.113.7", NOON + 60)


def test_refused_ones_do_not_count() -> None:
    rate = Rate(1)
    assert [rate.allows("a", NOON), rate.allows("a", NOON + 59)] == [True, False]
    assert rate.allows("a", NOON + 60)


def test_addresses_beyond_the_bound_start_anew() -> None:
    rate = Rate(1)
    assert all(rate.allows(f"visitor {n}", NOON) for n in range(MOST_ADDRESSES))
    assert not rate.allows("visitor 0", NOON)
    assert rate.allows("one more", NOON)
    assert rate.allows("visitor 0", NOON)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("", "", True),
        ("no address", "none either", False),
    ],
)
def test_customer_of_ipv6_is_a_whole_network(one: str, other: str, same: bool) -> None:
    assert (network(one) == network(other)) is same


def test_newest_keys_are_remembered_and_the_oldest_forgotten() -> None:
    seen = Seen()
    for number in range(3 * MOST_EVENTS):
        assert number not in seen
        seen.add(number)
        assert number in seen
    known = [number for number in range(3 * MOST_EVENTS) if number in seen]
    assert known == list(range(3 * MOST_EVENTS - len(known), 3 * MOST_EVENTS))
    assert MOST_EVENTS // 2 <= len(known) <= MOST_EVENTS
