"""Answers that nobody sane gives, and tokens that Graph quotes."""

from __future__ import annotations

import json

import pytest

from pixelpair.graph.replies import MAX_MESSAGE, read_document, read_reply

TOKEN = "IGQVJ-not-like-the-others"


def message(text: str) -> str:
    body = json.dumps({"error": {"message": text, "code": 190}}).encode()
    return read_document(400, {}, body, hidden=TOKEN).message


def test_a_token_that_the_cut_would_halve_is_hidden_whole() -> None:
    said = message("x" * (MAX_MESSAGE - 10) + f" {TOKEN}")
    assert "IGQV" not in said


def test_a_token_that_is_quoted_to_a_batch_is_hidden() -> None:
    """Seen by reading: messages and titles of events were logged as Graph wrote them."""
    quoted = "the token EAAthetokenofthesetests ends soon"
    taken = json.dumps({"events_received": 1, "messages": [quoted]}).encode()
    refused = json.dumps({"error": {"code": 190, "error_user_title": quoted}}).encode()
    told = (*read_reply(200, {}, taken).messages, read_reply(401, {}, refused).title)
    assert told == ("the token (hidden) ends soon",) * 2


@pytest.mark.parametrize("token", [TOKEN, "EAAthetokenofthesetests"])
def test_no_part_of_a_refusal_tells_the_token(token: str) -> None:
    """Seen: the title that `doctor` shows, and a field that Meta blames, with a token in them; and
    after `access_token%3D`, whose D is a letter too, any token."""
    quoted = f"see access_token%3D{token}"
    error = {
        "code": 100,
        "message": quoted,
        "error_user_title": quoted,
        "error_data": {"blame_field_specs": [["a", token]]},
    }
    body = json.dumps({"error": error}).encode()
    reply = read_document(400, {}, body, hidden=token)
    hidden = "see access_token%3D(hidden)"
    assert (reply.message, reply.title, reply.blamed) == (hidden, hidden, (("a", "(hidden)"),))
    assert read_reply(400, {}, body.replace(token.encode(), b"EAAcdefgh")).title == hidden


def test_an_absurd_number_of_minutes_is_no_wait() -> None:
    usage = json.dumps({"1": [{"estimated_time_to_regain_access": 10**400, "call_count": 10**400}]})
    headers = {"x-business-use-case-usage": usage}
    assert read_document(400, headers, b'{"error":{"code":80014}}').wait == 0
