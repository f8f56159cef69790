"""What prints locals, as error reporters do, prints neither secrets nor people."""

from __future__ import annotations

import pytest

from pixelpair.core.events import Event, Withdrawal
from pixelpair.core.exchange import Exchange
from pixelpair.core.visit import Visit
from tests.core.exchanges import FBP, KEY, NOW, digest, request, site
from tests.core.visitors import known

PLAIN = ("203.0.113.77", FBP, "Macintosh", "jane", "s3cr3t", KEY.decode(), digest("a@b.example"))
ASKED = request(
    path="/reset/s3cr3t",
    query="name=jane",
    client="203.0.113.77",
    headers={"user-agent": "Mozilla/5.0 (Macintosh)", "cookie": f"_fbp={FBP}; name=jane"},
)
WHERE = site(policy=known())
VISIT = Visit(WHERE.shop, ASKED, None, NOW)
TWIN = Event("Lead", "a" * 32, int(NOW), {}).twin("1", VISIT.facts())


@pytest.mark.parametrize(
    "value",
    [
        ASKED,
        VISIT,
        VISIT.facts(),
        VISIT.person,
        TWIN,
        Withdrawal("1", FBP, int(NOW)),
        WHERE.shop,
        Exchange(WHERE.shop, "GET", lambda _: ASKED, "source"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_repr_tells_nothing(value: object) -> None:
    shown = f"{value!r} {value}"
    assert [word for word in PLAIN if word in shown] == []
