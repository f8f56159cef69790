"""Answers that nobody sane gives, and tokens that Graph quotes."""

from __future__ import annotations

import json

from pixelpair.graph.replies import MAX_MESSAGE, read_document

TOKEN = "IGQVJ-not-like-the-others"


def message(text: str) -> str:
    body = json.dumps({"error": {"message": text, "code": 190}}).encode()
    return read_document(400, {}, body, hidden=TOKEN).message


def test_a_token_that_the_cut_would_halve_is_hidden_whole() -> None:
    said = message("x" * (MAX_MESSAGE - 10) + f" {TOKEN}")
    assert "IGQV" not in said


def test_an_absurd_number_of_minutes_is_no_wait() -> None:
    usage = json.dumps({"1": [{"estimated_time_to_regain_access": 10**400, "call_count": 10**400}]})
    headers = {"x-business-use-case-usage": usage}
    assert read_document(400, headers, b'{"error":{"code":80014}}').wait == 0
