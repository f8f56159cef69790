"""Verdicts: every row of the recorded table, and the arithmetic of waiting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.delivery.retry import (
    CAP,
    HOLD,
    LEAST,
    MAX_AGE,
    TRIES,
    Dead,
    Delivered,
    Hold,
    RetryAt,
    Split,
    backoff,
    decide,
    rule_for,
    too_old,
)
from pixelpair.graph.client import Reply

NOW = 1000.0
TABLE = Path(__file__).parent.parent / "graph" / "data" / "graph_errors.json"
ROWS = [row for row in json.loads(TABLE.read_bytes()) if isinstance(row["code"], int)]


def refusal(
    code: int | None, subcode: int | None = None, status: int = 400, **more: object
) -> Reply:
    return Reply("refused", status, code=code, subcode=subcode, **more)  # type: ignore[arg-type]


def verdict(reply: Reply, *, attempts: int = 0, size: int = 1, failures: int = 0) -> object:
    return decide(reply, attempts, NOW, 0.5, size, failures)


def _name(row: dict[str, object]) -> str:
    return f"{row['code']}-{row['subcode']}"


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_every_recorded_error_meets_its_class(row: dict[str, object]) -> None:
    subcode = 7 if row["subcode"] == "any other" else row["subcode"]
    reply = refusal(row["code"], subcode)  # type: ignore[arg-type]
    single, many = verdict(reply), verdict(reply, size=1000)
    expected = {
        "auth": (Hold, Hold),
        "config": (Hold, Hold),
        "payload": (Dead, Split),
        "throttle": (RetryAt, RetryAt),
        "transient": (RetryAt, RetryAt),
    }[str(row["class"])]
    assert (type(single), type(many)) == expected


@pytest.mark.parametrize("code", [200, 294, 299])
def test_the_whole_range_of_permission_codes_holds(code: int) -> None:
    assert isinstance(verdict(refusal(code)), Hold)


def test_a_success_is_delivered_whatever_the_count() -> None:
    assert verdict(Reply("accepted", 200, received=3), size=3) == Delivered()
    assert verdict(Reply("accepted", 200, received=2), size=3) == Delivered()


def test_a_success_that_took_nothing_is_tried_again_within_bounds() -> None:
    reply = Reply("accepted", 200, received=0)
    assert verdict(reply) == RetryAt(NOW + 0.5, "Meta answered 200 and took no event", True)
    assert verdict(reply, attempts=TRIES - 1) == Dead("Meta answered 200 and took no event")


@pytest.mark.parametrize(
    "reply",
    [
        Reply("silence", detail="ConnectTimeout"),
        Reply("garbage", 200, detail="HTTP 200 with an HTML page"),
        Reply("garbage", 500, detail="HTTP 500 with no JSON object"),
        refusal(1, status=500),
        refusal(987654, status=503),
        refusal(987654, transient=True),
        refusal(100, 2804019, transient=True),
    ],
)
def test_what_passes_is_retried_without_end(reply: Reply) -> None:
    decision = verdict(reply, attempts=10_000, size=9)
    assert isinstance(decision, RetryAt)
    assert not decision.counted


def test_an_unknown_code_is_tried_in_bounds_and_then_only_the_bad_event_dies() -> None:
    reply = refusal(987654)
    assert verdict(reply, size=5) == RetryAt(NOW + 0.5, "987654: unknown answer", True)
    assert verdict(reply, attempts=TRIES - 1, size=5) == Split("987654: unknown answer")
    assert verdict(reply, attempts=TRIES - 1) == Dead("987654: unknown answer")


def test_a_session_mismatch_is_retried_and_then_held() -> None:
    reply = refusal(190, 452, status=401)
    assert verdict(reply, attempts=TRIES - 2) == RetryAt(
        NOW + backoff(TRIES - 2, 0.5), rule_reason(reply), True
    )
    assert verdict(reply, attempts=TRIES - 1) == Hold(NOW + HOLD, rule_reason(reply))


def rule_reason(reply: Reply) -> str:
    return f"{reply.code}/{reply.subcode}: {rule_for(reply).words}"


def test_a_refused_token_is_held_and_the_fix_is_named() -> None:
    decision = verdict(refusal(190, status=401))
    assert decision == Hold(
        NOW + HOLD,
        "190: Meta refuses the access token: set PIXELPAIR_ACCESS_TOKEN to one that is valid",
    )


def test_a_redirect_is_a_wrong_address() -> None:
    decision = verdict(Reply("garbage", 301, detail="HTTP 301 with no JSON object"))
    assert isinstance(decision, Hold)
    assert "PIXELPAIR_GRAPH_URL" in decision.reason


def test_a_dead_letter_says_numbers_our_words_and_metas_headline() -> None:
    reply = refusal(100, 2804009, title="Missing Value")
    assert verdict(reply) == Dead("100/2804009: Purchase without value (Missing Value)")


def test_policy_blocks_are_retried_slowly() -> None:
    assert verdict(refusal(368)) == RetryAt(
        NOW + 30.0, "368: temporarily blocked by Meta's policies"
    )


def test_the_wait_that_graph_asks_for_is_the_least() -> None:
    assert verdict(refusal(4, wait=77.0)) == RetryAt(NOW + 77.0, "4: Meta's rate limit")
    held = verdict(refusal(190, wait=3000.0))
    assert isinstance(held, Hold)
    assert held.when == NOW + 3000.0


def test_failures_in_a_row_lengthen_the_wait() -> None:
    waits = [verdict(Reply("silence"), failures=n) for n in (0, 1, 5, 50)]
    assert [w.when - NOW for w in waits if isinstance(w, RetryAt)] == [0.5, 1.0, 16.0, CAP / 2]


@given(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True))
def test_the_wait_stays_between_its_bounds(failures: int, random: float) -> None:
    assert 0 <= backoff(failures, random) <= CAP
    decision = decide(Reply("silence"), failures, NOW, random, 1, failures)
    assert isinstance(decision, RetryAt)
    assert NOW + LEAST <= decision.when <= NOW + CAP


@given(
    st.builds(
        Reply,
        st.sampled_from(["accepted", "refused", "garbage", "silence"]),
        st.none() | st.integers(100, 599),
        code=st.none() | st.integers(-(10**6), 10**6),
        subcode=st.none() | st.integers(-(10**7), 10**7),
        transient=st.none() | st.booleans(),
        received=st.none() | st.integers(-1, 1000),
        wait=st.floats(0, 3600),
    ),
    st.integers(0, 20),
    st.integers(1, 1000),
)
def test_any_reply_has_a_verdict_and_a_single_event_is_never_split(
    reply: Reply, attempts: int, size: int
) -> None:
    assert isinstance(
        decide(reply, attempts, NOW, 0.5, size), Delivered | RetryAt | Split | Dead | Hold
    )
    assert not isinstance(decide(reply, attempts, NOW, 0.5, 1), Split)


def test_an_event_is_set_aside_an_hour_before_it_sinks_a_batch() -> None:
    now = 10_000_000.0
    assert MAX_AGE == 6 * 86400 + 23 * 3600
    assert too_old(now - MAX_AGE + 1, now) is None
    assert too_old(now - MAX_AGE, now) == Dead("older than 7 days")
