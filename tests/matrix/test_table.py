"""The servers' table is what the tests declare, and what they declare holds together."""

from __future__ import annotations

from .server_cells import CHECKS
from .server_exceptions import BY_CELL, EXCEPTIONS
from .servers import SERVERS
from .table import BETWEEN, FILE, made, without_versions


def test_the_page_shows_what_is_declared() -> None:
    """Not so? `python -m tests.matrix.table` writes it anew."""
    found = BETWEEN.search(FILE.read_text())
    assert found
    assert without_versions(found[1]) == without_versions(made())


def test_each_exception_is_one_of_a_cell() -> None:
    doors = {server.name: server.door for server in SERVERS}
    checks = {check.name: check for check in CHECKS}
    assert len(BY_CELL) == len(EXCEPTIONS)
    for one in EXCEPTIONS:
        check = checks[one.check]
        assert check.door in ("", doors[one.server])
        assert check.judges_bare or not one.bare


def test_names_are_said_once() -> None:
    assert len({server.name for server in SERVERS}) == len(SERVERS)
    assert len({check.name for check in CHECKS}) == len(CHECKS)
