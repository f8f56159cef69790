"""What can be learned of Meta's end: token, pixel, Graph version and clock, by one test event."""

from __future__ import annotations

import os
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from pixelpair.commands.doctor.words import Line, fail, ok, warn
from pixelpair.core.cookies import new_fbp
from pixelpair.core.events import PAGE_VIEW, Event, Visitor
from pixelpair.delivery import sums
from pixelpair.delivery.clocks import skew as apart
from pixelpair.delivery.retry import rule_for
from pixelpair.graph.client import Graph
from pixelpair.graph.conversions import call
from pixelpair.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pixelpair.graph.client import Reply

# Meta refuses what is in its future; attribution windows begin at a minute's precision.
SLIGHT, GRAVE = 60.0, 300.0
_HOW: Final = (
    "copy the code of Events Manager > Test Events into PIXELPAIR_TEST_EVENT_CODE and run this"
    " again: one PageView of nobody's is sent"
)
_AGENT: Final = "Mozilla/5.0 (compatible; pixelpair-doctor)"
_CAUSES: Final = {
    (100, 33): "pixel",
    190: "token",
    102: "token",
    104: "token",
    2635: "version",
}


def meta_lines(settings: Settings, url: str, spool: Path | None, now: float) -> Iterator[Line]:
    """Token, pixel, version and clock."""
    code = settings.test_event_code.at(now)
    if not settings.access_token or not settings.pixels:
        return
    if not code:
        yield warn("token", "not tried: there is no test event code", _HOW)
        yield from _version(settings, refused=False)
        yield from _clock(_known_skew(spool), "the sender's last word")
        return
    refused, skew = False, None
    for pixel_id in settings.pixels:
        began = time.time()
        reply = _tried(settings, pixel_id, code, url, now)
        lines = list(_said(reply, pixel_id))
        refused = refused or any(line.check == "version" for line in lines)
        skew = skew if reply.date is None else apart(reply.date, began, time.time())
        yield from lines
    if not refused:
        yield from _version(settings, refused=refused)
    yield from _clock(skew, "the answer's Date")


def _tried(settings: Settings, pixel_id: str, code: str, url: str, now: float) -> Reply:
    fbp = new_fbp(1, int(now * 1000), int.from_bytes(os.urandom(4)))
    who = {"external_id": [sha256(_AGENT.encode()).hexdigest()]}
    visitor = Visitor(url or "https://example.com/", "", "", _AGENT, fbp, None, who)
    event = Event(PAGE_VIEW, os.urandom(16).hex(), int(now), {})
    with Graph() as graph:
        return graph.send(
            call(
                [event.twin(pixel_id, visitor)],
                pixel_id=pixel_id,
                token=settings.token_of(pixel_id),
                graph_url=settings.graph_url,
                version=settings.graph_version,
                test_event_code=code,
                partner_agent=settings.partner_agent or None,
            )
        )


def _said(reply: Reply, pixel_id: str) -> Iterator[Line]:
    if reply.kind == "accepted" and reply.received:
        yield ok("token", f"Meta took a test event for pixel {pixel_id}")
        return
    rule = rule_for(reply)
    number = f"{reply.code}/{reply.subcode}" if reply.subcode else str(reply.code)
    words, _, cure = rule.words.partition(": ")
    if reply.kind != "refused" or reply.code is None:
        detail = f" ({reply.detail})" if reply.detail else ""
        fix = "check PIXELPAIR_GRAPH_URL, the firewall and the proxy of this machine"
        yield fail("token", f"{words}{detail}", fix)
        return
    check = _CAUSES.get((reply.code, reply.subcode or 0)) or _CAUSES.get(reply.code, "token")
    title = f" ({reply.title})" if reply.title else ""
    cure = cure or "wait, and run this again: Meta says that it is not for good"
    yield fail(check, f"pixel {pixel_id}: Meta answers {number}: {words}{title}", cure)


def _version(settings: Settings, *, refused: bool) -> Iterator[Line]:
    newest = str(Settings.__dataclass_fields__["graph_version"].default)
    if _number(settings.graph_version) < _number(newest) and not refused:
        behind = _number(newest)[0] - _number(settings.graph_version)[0]
        count = f"{behind} version{'' if behind == 1 else 's'} " if behind else ""
        cause = (
            f"{settings.graph_version} is {count}older than {newest}, which pixelpair was made for"
        )
        fix = "leave PIXELPAIR_GRAPH_VERSION out: Meta serves each for two years at least, not ever"
        yield warn("version", cause, fix)
    else:
        yield ok("version", f"Graph {settings.graph_version}")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def _known_skew(spool: Path | None) -> float | None:
    """What the sender of this host last found, in the meters that it leaves in the spool."""
    if spool is None or not spool.is_dir():
        return None
    found = sums.host(spool).levels.get("clock_skew")
    return None if found is None else found[0]


def _clock(skew: float | None, by: str) -> Iterator[Line]:
    if skew is None:
        return
    if abs(skew) < SLIGHT:
        yield ok("clock", f"this machine's clock fits Meta's (by {by})")
        return
    side = "ahead of" if skew > 0 else "behind"
    cause = f"this machine's clock is {abs(skew):.0f} s {side} Meta's (by {by})"
    grade = fail if abs(skew) >= GRAVE else warn
    yield grade("clock", cause, "let NTP set the clock: events carry its times")
