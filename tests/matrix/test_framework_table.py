"""The tables of docs/compatibility.md say what the tests declare."""

from __future__ import annotations

import re

from .framework_table import made, written

VERSION = re.compile(r"\b\d+(?:\.\d+)+\b")


def test_page_says_what_is_declared() -> None:
    """But for the versions; `python -m tests.matrix.framework_table` writes it."""
    assert VERSION.sub("*", written()) == VERSION.sub("*", made())
