"""`pixelpair dead`: events that Meta will not take; looked at, tried again, or deleted."""

from __future__ import annotations

import argparse
import re
import sys
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import orjson

from pixelpair.commands.screen import Grid, answer, count, pretty
from pixelpair.commands.spools import in_portions, opened
from pixelpair.commands.words import LEFT, OK, USAGE, add, group, moment, seconds, span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pixelpair.commands.words import Commands, Read
    from pixelpair.delivery.outbox import DeadLetter, Key

HIDDEN: Final = "(hidden)"
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_ADDRESSES: Final = ("event_source_url", "referrer_url")
_CODES: Final = "Exit code 0: done; 1: a KEY is not there; 2: wrong settings or arguments."
_HEADINGS: Final = ("key", "died", "pixel", "event", "event id", "reason")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant: these keys (none: all), and all that is asked for beside."""

    keys: frozenset[str]
    reason: str
    event: str
    pixel: str
    died_before: float
    died_after: float

    def takes(self, letter: DeadLetter) -> bool:
        twin = letter.twin
        return (
            (not self.keys or str(letter.key) in self.keys)
            and self.reason in letter.reason.lower()
            and self.event in ("", twin.event_name)
            and self.pixel in ("", twin.pixel_id)
            and self.died_after <= letter.died <= self.died_before
        )

    def missing(self, found: Iterable[Key]) -> list[str]:
        """The keys that were asked for and are not among these."""
        return sorted(self.keys - set(map(str, found)))


def add_dead(commands: Commands) -> None:
    """Add the family."""
    family = group(commands, "dead", "look at dead letters, try them again, or delete them")
    shown = add(
        family,
        "list",
        _list,
        "list dead letters, the newest first",
        "Exit code 0: done; 2: wrong settings or arguments.",
        "pixelpair dead list\npixelpair dead list --event Purchase --newer-than 1d\n"
        "pixelpair dead list --reason currency --json",
    )
    _filters(shown)
    shown.add_argument("--limit", type=_limit, default=20, metavar="N", help="default: 20; 0: all")
    show = add(
        family,
        "show",
        _show,
        "show dead letters with their bodies, as they would be posted",
        "Who the visitor was stays hidden, but for what is hashed.\n" + _CODES,
        "pixelpair dead show 17\npixelpair dead show 17 --plain",
    )
    show.add_argument("keys", nargs="+", metavar="KEY", help="as `dead list` shows it")
    show.add_argument(
        "--plain",
        action="store_true",
        help="with IP address, user agent, _fbp, _fbc and the queries of addresses",
    )
    replay = add(
        family,
        "replay",
        _replay,
        "queue dead letters again",
        "A Purchase without value or currency stays: it must not leave.\n" + _CODES,
        "pixelpair dead replay 17 18\npixelpair dead replay --reason '190:'\n"
        "pixelpair dead replay --all",
    )
    purge = add(
        family,
        "purge",
        _purge,
        "delete dead letters for good",
        _CODES,
        "pixelpair dead purge 17\npixelpair dead purge --older-than 7d\npixelpair dead purge --all",
    )
    for parser in (replay, purge):
        parser.add_argument("keys", nargs="*", metavar="KEY", help="as `dead list` shows it")
        _filters(parser)
        parser.add_argument("--all", action="store_true", help="every dead letter")


def _filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", default="", metavar="TEXT", help="whose reason has this text")
    parser.add_argument("--event", default="", metavar="NAME", help="of this name")
    parser.add_argument("--pixel", default="", metavar="ID", help="of this pixel")
    for option, words in (("--older-than", "longer ago than"), ("--newer-than", "within")):
        text = f"that died {words} this (90s, 15m, 2h, 7d)"
        parser.add_argument(option, type=seconds, metavar="SPAN", help=text)


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _choice(arguments: argparse.Namespace, now: float) -> Choice:
    older, newer = arguments.older_than, arguments.newer_than
    return Choice(
        frozenset(getattr(arguments, "keys", ())),
        arguments.reason.lower(),
        arguments.event,
        arguments.pixel,
        now - older if older is not None else float("inf"),
        now - newer if newer is not None else float("-inf"),
    )


# --- looking -------------------------------------------------------------------------------------


def _list(arguments: argparse.Namespace, read: Read) -> int:
    now = time.time()
    choice = _choice(arguments, now)
    with opened(read()) as found:
        chosen = (letter for letter in found.outbox.letters() if choice.takes(letter))
        letters = list(islice(chosen, arguments.limit or None))
        total = len(letters) + sum(1 for _ in chosen)
    document = {"total": total, "letters": [_told(letter) for letter in letters]}
    rows = [_row(letter, now) for letter in letters]
    left = "" if total == len(letters) else f"{count(total - len(letters))} more: --limit 0"
    nothing = "" if total else "no dead letters"
    shown: list[Grid | str] = [nothing, Grid(rows, _HEADINGS, frozenset({0})), left]
    answer(document, shown, as_json=arguments.json)
    return OK


def _told(letter: DeadLetter) -> dict[str, Any]:
    twin = letter.twin
    return {
        "key": letter.key,
        "pixel": twin.pixel_id,
        "event": twin.event_name,
        "event_id": twin.event_id,
        "time": twin.event_time,
        "died": letter.died,
        "reason": letter.reason,
        "replayable": twin.fault is None,
    }


def _row(letter: DeadLetter, now: float) -> tuple[str, ...]:
    twin = letter.twin
    ago = f"{span(now - letter.died)} ago"
    return str(letter.key), ago, twin.pixel_id, twin.event_name, twin.event_id, letter.reason


def _show(arguments: argparse.Namespace, read: Read) -> int:
    wanted = frozenset(arguments.keys)
    with opened(read()) as found:
        letters = [letter for letter in found.outbox.letters() if str(letter.key) in wanted]
    bodies = [_body(letter, plain=arguments.plain) for letter in letters]
    told = [_told(x) | {"body": body} for x, body in zip(letters, bodies, strict=True)]
    shown: list[Grid | str] = []
    for letter, body in zip(letters, bodies, strict=True):
        shown += [Grid(_facts(letter)), pretty(body)]
    answer({"letters": told}, shown, as_json=arguments.json)
    return _say_missing(sorted(wanted - {str(letter.key) for letter in letters}))


def _facts(letter: DeadLetter) -> list[tuple[str, str]]:
    twin = letter.twin
    return [
        ("key", str(letter.key)),
        ("pixel", twin.pixel_id),
        ("event", twin.event_name),
        ("event id", twin.event_id),
        ("made", moment(twin.event_time)),
        ("died", moment(letter.died)),
        ("reason", letter.reason),
        ("replay", "can be queued again" if twin.fault is None else "must not leave"),
    ]


def _body(letter: DeadLetter, *, plain: bool) -> Any:
    """The body as it would be posted; without `plain` nothing in it tells who the visitor was."""
    try:
        body = orjson.loads(letter.twin.body)
    except ValueError:
        return HIDDEN
    if plain or not isinstance(body, dict):
        return body if plain else HIDDEN
    user_data = body.get("user_data")
    if isinstance(user_data, dict):
        body["user_data"] = {key: _unless_hashed(value) for key, value in user_data.items()}
    for key in _ADDRESSES:
        if key in body:
            body[key] = _without_query(str(body[key]))
    return body


def _unless_hashed(value: object) -> object:
    values = value if isinstance(value, list) else [value]
    return value if all(_HASH.fullmatch(str(one)) for one in values) else HIDDEN


def _without_query(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return HIDDEN
    return parts._replace(query=HIDDEN if parts.query else "", fragment="").geturl()


def _say_missing(keys: list[str]) -> int:
    if keys:
        print(f"no dead letter has the key {' or '.join(keys)}", file=sys.stderr)
    return LEFT if keys else OK


# --- acting --------------------------------------------------------------------------------------


def _replay(arguments: argparse.Namespace, read: Read) -> int:
    if not _says_which(arguments):
        return USAGE
    choice = _choice(arguments, time.time())
    with opened(read()) as found:
        letters = found.outbox.letters()
        chosen = {x.key: x.twin.fault is None for x in letters if choice.takes(x)}
        sendable = [key for key, may_leave in chosen.items() if may_leave]
        queued = in_portions(sendable, found.outbox.replay)
    faulty = len(chosen) - len(sendable)
    document = {"replayed": queued, "known": len(sendable) - queued, "faulty": faulty}
    lines = [f"queued again {count(queued)}"]
    if document["known"]:
        lines.append(f"let go {count(document['known'])}: delivered or withdrawn meanwhile")
    if faulty:
        lines.append(f"left {count(faulty)}: a Purchase without value or currency must not leave")
    answer(document, ["\n".join(lines)], as_json=arguments.json)
    return _say_missing(choice.missing(chosen))


def _purge(arguments: argparse.Namespace, read: Read) -> int:
    if not _says_which(arguments):
        return USAGE
    choice = _choice(arguments, time.time())
    with opened(read()) as found:
        chosen = [letter.key for letter in found.outbox.letters() if choice.takes(letter)]
        purged = in_portions(chosen, found.outbox.purge)
    answer({"purged": purged}, [f"deleted {count(purged)}"], as_json=arguments.json)
    return _say_missing(choice.missing(chosen))


def _says_which(arguments: argparse.Namespace) -> bool:
    """Whether something was chosen: no slip of the hand shall mean all of them."""
    spans = (arguments.older_than, arguments.newer_than)
    words = (arguments.reason, arguments.event, arguments.pixel)
    said = any((*arguments.keys, *words, arguments.all)) or any(x is not None for x in spans)
    if not said:
        print("say which: a KEY, a filter, or --all", file=sys.stderr)
    return said
