"""What views, tasks and settings say, rightly and wrongly, as mypy reads it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pixelpair
import pixelpair.testing
from pixelpair import Event, PixelPairError, Settings, SettingsError, SpoolError
from pixelpair.testing import Events, Pair

pixelpair.track("Purchase", value=Decimal("8.90"), currency="EUR", content_ids=["TEA"])
pixelpair.track("AddToCart", event_id="a1", contents=[{"id": "TEA", "quantity": 2}], colour="red")
pixelpair.identify(email="a@shop.example", date_of_birth=date(1990, 1, 2), phone=["1", "2"])
pixelpair.identify(None)
pixelpair.consent(True)
pixelpair.discard()
pixelpair.discard("Purchase", "Lead")
sealed: str = pixelpair.seal()
sent: bool = pixelpair.send("Purchase", sealed=sealed, order_id="1", value=8.9, currency="EUR")
sent = pixelpair.send("Lead", sealed=None, occurred_at=datetime.now(UTC), pixel_id="1234567890")
sent = pixelpair.send("Lead", sealed="", occurred_at=1_700_000_000.5)
left: int = pixelpair.flush(0.5)
version: str = pixelpair.__version__

settings = Settings(pixel_id="1234567890", spool=Path("spool"), routes="none", strict=True)
settings = Settings.from_env()
settings = Settings.from_env({"PIXELPAIR_PIXEL_ID": "1"}, {"page_view": False})
name: str = settings.pixel_id
on: bool = settings.active


def problems(error: SettingsError) -> list[str]:
    caught: PixelPairError = error
    return [f"{caught}: {problem.key} {problem.value}" for problem in error.problems]


def named(event: Event) -> tuple[str, str]:
    return event.name, event.id


def kit(events: Events) -> Pair:
    events.assert_no_lone_halves(but=["PageView"])
    return events.pair("Purchase").has(value=8.9, content_ids=["TEA"])


pixelpair.track()  # type: ignore[call-arg]
pixelpair.track(b"Purchase")  # type: ignore[arg-type]
pixelpair.track("Purchase", "a1")  # type: ignore[call-arg]
pixelpair.track("Purchase", event_id=1)  # type: ignore[arg-type]
pixelpair.identify("a@shop.example")  # type: ignore[arg-type]
pixelpair.identify(mail="a@shop.example")  # type: ignore[call-arg]
pixelpair.consent("yes")  # type: ignore[arg-type]
pixelpair.consent()  # type: ignore[call-arg]
pixelpair.discard(["Purchase"])  # type: ignore[arg-type]
pixelpair.seal("1001")  # type: ignore[call-arg]
pixelpair.send("Purchase", value=1)  # type: ignore[call-arg]
pixelpair.send("Purchase", sealed=b"")  # type: ignore[arg-type]
pixelpair.send("Purchase", sealed="", occurred_at="today")  # type: ignore[arg-type]
pixelpair.flush("2")  # type: ignore[arg-type]
Settings("1234567890")  # type: ignore[call-arg]
settings.pixel_id = "2"  # type: ignore[misc]
number: int = settings.pixel_id  # type: ignore[assignment]
print(pixelpair.nothing)  # type: ignore[attr-defined]
print(pixelpair.testing.Trackers)  # type: ignore[attr-defined]
raise SpoolError from "text"  # type: ignore[misc]
