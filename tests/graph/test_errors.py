"""Each documented refusal has its kind and its own next step; no text of Meta's is parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.errors import PixelPairError
from pixelpair.graph.client import Reply
from pixelpair.graph.errors import CODES, EXACT, OURS, GraphError, acted, asked, trouble_of

if TYPE_CHECKING:
    from pixelpair.graph.client import Graph

    from .meta import Meta

DOCUMENTED = (100, 190, 200, 368, 415, 801, 2635, 3970, 80009, 80014)


def test_each_documented_error_has_a_next_step_of_its_own() -> None:
    steps = {trouble_of(Reply("refused", 400, code)).step for code in DOCUMENTED}
    assert len(steps) == len(DOCUMENTED) - 1  # the two limits share theirs
    words = {trouble_of(Reply("refused", 400, code)).words for code in DOCUMENTED}
    assert len(words) == len(DOCUMENTED)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply("refused", 400, 100), "parameter"),
        (Reply("refused", 400, 100, 33), "missing"),
        (Reply("refused", 400, 33), "missing"),
        (Reply("refused", 401, 190, 460), "token"),
        (Reply("refused", 401, 190, 7), "token"),
        (Reply("refused", 403, 10), "permission"),
        (Reply("refused", 403, 294), "permission"),
        (Reply("refused", 400, 415), "two-factor"),
        (Reply("refused", 400, 3970), "admin"),
        (Reply("refused", 400, 2635), "version"),
        (Reply("refused", 400, 368), "blocked"),
        (Reply("refused", 400, 801), "invalid"),
        (Reply("refused", 500, 1), "too large"),
        (Reply("refused", 500, 2), "passing"),
        (Reply("refused", 400, 9999), "unknown"),
        (Reply("refused", 400, 9999, transient=True), "passing"),
        (Reply("refused", 503, 9999), "passing"),
        (Reply("refused", 400), "unknown"),
        (Reply("silence"), "unanswered"),
        (Reply("garbage", 200), "unanswered"),
        *((Reply("refused", 400, code), "throttled") for code in (4, 17, 32, 613, 80009, 80014)),
    ],
)
def test_is_told_by_its_numbers(reply: Reply, kind: str) -> None:
    assert trouble_of(reply).kind == kind


def test_the_line_has_number_words_message_and_next_step() -> None:
    reply = Reply("refused", 400, 190, 460, message="Session invalidated")
    assert str(GraphError(reply)) == (
        "190/460: the password of the token's user has changed (Meta: Session invalidated)."
        " Next: make a new token and set PIXELPAIR_ACCESS_TOKEN"
    )


def test_a_limit_tells_the_minutes() -> None:
    error = GraphError(Reply("refused", 400, 80014, wait=301.0, message="Too many"))
    assert (error.minutes, error.trouble.kind) == (6, "throttled")
    assert str(error) == (
        "80014: the catalog batch limit of calls is reached (Meta: Too many); in 6 min Meta lets"
        " calls through again. Next: stop until then: each further call makes the block longer"
    )


def test_a_limit_without_a_time_names_one() -> None:
    """Seen: `stop until then`, and no time before it."""
    error = GraphError(Reply("refused", 400, 80014, message="Too many"))
    assert str(error) == (
        "80014: the catalog batch limit of calls is reached (Meta: Too many). Next: stop for an"
        " hour, as Meta does not tell for how long: each further call makes the block longer"
    )


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Invalid parameter", "(Meta: Invalid parameter; it blames vertical, requests.0.da ta)"),
        ("", "(Meta: vertical, requests.0.da ta)"),
    ],
)
def test_the_fields_that_meta_blames_are_told(message: str, said: str) -> None:
    """Seen: `Invalid parameter. Next: change what Meta's message names`."""
    blamed = (("vertical",), ("requests", "0", "da\nta"))
    error = GraphError(Reply("refused", 400, 100, message=message, blamed=blamed))
    assert str(error) == (
        f"100: a parameter is not right {said}. Next: change what Meta's message names"
    )


def test_an_edge_may_have_its_own_steps() -> None:
    error = GraphError(Reply("refused", 400, 10), {10: "ask for the role"})
    assert (error.step, str(error).endswith("Next: ask for the role")) == ("ask for the role", True)


def test_is_one_of_ours_and_the_documents_come_through(graph: Graph, meta: Meta) -> None:
    meta.say("GET /v26.0/7", {"id": "7"})
    meta.say("POST /v26.0/7", {"success": True})
    assert asked(graph, meta.access.query("7")) == {"id": "7"}
    assert acted(graph, meta.access.action("POST", "7")) == {"success": True}
    meta.refuse("GET /v26.0/7", 100)
    with pytest.raises(PixelPairError, match="100: a parameter is not right"):
        asked(graph, meta.access.query("7"))


def test_whose_move_it_is_is_known_of_every_kind() -> None:
    kinds = {trouble.kind for trouble in (*CODES.values(), *EXACT.values())}
    assert kinds - OURS == {"too large", "passing", "blocked"}


@given(
    st.builds(
        Reply,
        st.sampled_from(["refused", "garbage", "silence"]),
        st.none() | st.integers(100, 599),
        st.none() | st.integers(),
        st.none() | st.integers(),
        st.none() | st.booleans(),
    )
)
def test_every_refusal_has_a_line(reply: Reply) -> None:
    assert "Next: " in str(GraphError(reply))
