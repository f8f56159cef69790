"""`pixelpair shadow`: a table, JSON, and an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelpair.cli import main
from pixelpair.commands.shadow import MEANINGS
from pixelpair.core.shadow import Sight
from pixelpair.core.shadow_differences import Difference, What
from pixelpair.delivery.sightings import FILE, Sightings
from tests.docs_pages import code, section, table

from .conftest import PIXEL

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from .conftest import Ask

AT = 1_760_000_000.0
UNLIKE = (
    Difference("Purchase", "id missing"),
    Difference("Purchase", "other value", "119.00", "80.00"),
)


def see(spool: Path, *unlike: Difference) -> None:
    made = Sightings(spool, clock=lambda: AT)
    counts = {
        ("", "pages"): 2,
        ("", "not read to the end"): 1,
        ("PageView", "would send"): 2,
        ("PageView", "not sent: no consent"): 3,
        ("PageView", "page sends"): 2,
        ("Purchase", "would send"): 1,
        ("Purchase", "page may send"): 1,
    }
    made.add(Sight(PIXEL, "GET /thanks", "/thanks", counts, unlike))
    made.close()


def test_shows_each_event_of_each_page(
    spool: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXELPAIR_MODE", "shadow")
    see(spool, *UNLIKE)
    assert main(["shadow"]) == 1
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[:4] == [
        "mode                 shadow",
        "pages seen           2",
        "since                2025-10-09 08:53:20 UTC",
        "not read to the end  1",
    ]
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines[5:8]]
    assert cells == [
        ["page", "event", "would send", "page sends", "differences", "example"],
        ["GET /thanks", "PageView", "2, 3 not: no consent", "2", "none"],
        [
            *("GET /thanks", "Purchase", "1", "0, 1 in handlers"),
            "id missing 1; other value 1 (119.00 / 80.00)",
            "/thanks",
        ],
    ]
    assert [line.split("  ")[0] for line in lines[9:]] == ["id missing", "other value"]


def test_nothing_differs(spool: Path, ask: Ask) -> None:
    see(spool)
    status, document = ask("shadow")
    assert (status, document["pages"], document["unread"]) == (0, 2, 1)


def test_nothing_was_seen(spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shadow"]) == 1
    assert "set PIXELPAIR_MODE=shadow and restart the shop" in capsys.readouterr().out
    assert not spool.exists()


def test_reset_forgets(spool: Path, ask: Ask) -> None:
    see(spool, *UNLIKE)
    assert ask("shadow", "--reset") == (0, {"forgotten": 2})
    status, document = ask("shadow")
    assert (status, document["pages"], document["events"]) == (1, 0, [])


def test_findings_that_cannot_be_read(spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spool.mkdir()
    (spool / FILE).write_bytes(b"no database " * 500)
    assert main(["shadow"]) == 2
    assert f"the findings in {spool} cannot be read: " in capsys.readouterr().err


def test_tells_every_key_and_every_difference(spool: Path, ask: Ask) -> None:
    see(spool, *UNLIKE)
    _, document = ask("shadow")
    rows = table(section("docs/shadow.md", "## With --json"))
    told = {key: code(row[1]) for row in rows for key in code(row[0])}
    assert list(told) == list(document)
    bought = next(event for event in document["events"] if event["differences"])
    assert told["events"] == [*bought, *bought["differences"][0], "path", "page", "ours"]
    listed = table(section("docs/shadow.md", "## Look"))
    assert [code(row[0])[0] for row in listed] == list(MEANINGS)
    assert set(MEANINGS) == set(What.__args__)
