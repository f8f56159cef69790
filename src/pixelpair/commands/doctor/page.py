"""What is said of one page: its pixel, its pairs, its product and its order. Pure."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Final

from pixelpair.commands.doctor.headers import (
    cache_lines,
    cookies_lines,
    headers_lines,
    policy_lines,
)
from pixelpair.commands.doctor.seen import BLOCK, Seen, blocks_in, calls_in, loaders
from pixelpair.commands.doctor.words import Line, fail, ok, warn
from pixelpair.core.events import PAGE_VIEW
from pixelpair.core.product.json_ld import parse
from pixelpair.core.snippet import PENDING_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pixelpair.commands.doctor.http import Answer

    Check = Callable[["Seen"], Iterator[Line]]

_INIT: Final = re.compile(rb"fbq\(\s*['\"]init['\"]\s*,\s*['\"]?(\d+)")
_JSON_LD: Final = re.compile(
    rb"(?is)<script[^>]+type\s*=\s*['\"]?application/ld\+json['\"]?[^>]*>(.*?)</script>"
)
_HEAD: Final = re.compile(rb"(?i)<head[\s>]")
_REMOVE: Final = "remove that snippet from the theme: pixelpair puts the pixel into every page"
INSIDE: Final = "put the compressing middleware outside of pixelpair, farther from the app"
# What is said of a page that is left alone, by what its rehearsal noted.
_ALONE: Final = {
    "encoded": ("arrives compressed, and is left alone", INSIDE),
    "charset": ("is in UTF-16, UTF-32 or UTF-7", "send it in UTF-8"),
    "second pixel": ("starts this pixel by hand, and is left alone", _REMOVE),
    "policy": (
        "forbids every script of ours by its content security policy",
        "permit 'self' or a nonce in script-src",
    ),
}
_REASONS: Final = {
    "excluded": (
        "is one of PIXELPAIR_EXCLUDE or PIXELPAIR_SENSITIVE",
        "nothing, if it is no shop page",
    ),
    "no head": ("has no <head> and no <html> that a browser could read", "begin it with <html>"),
    "encoded": _ALONE["encoded"],
    "charset": _ALONE["charset"],
    "staff": ("is shown to staff, who get no pixel", "ask from an address that is no staff's"),
    "left alone": ("is a file, a fragment or AMP", "nothing, if it is no shop page"),
}


def page_lines(seen: Seen) -> Iterator[Line]:
    """All that is to be said of one stop."""
    refused = not seen.answer.status or seen.answer.status >= 400
    if refused or (not seen.answer.is_page and seen.answer.method == "GET"):
        yield from _no_page(seen)
        return
    for check in _OF_PAGE if seen.answer.method == "GET" else _OF_ACT:
        yield from check(seen)


_LOG_OF_SHOP: Final = "look into the shop's log"
_FIXES: Final = {
    401: "give name and password in the address: https://name:password@host/",
    403: "let this machine pass the shop's firewall or bot protection, and run this again",
    429: "wait, or let this machine pass the limit, and run this again",
}


def _no_page(seen: Seen) -> Iterator[Line]:
    answer, status = seen.answer, seen.answer.status
    if not status:
        yield fail("page", f"no answer: {answer.fault}", _LOG_OF_SHOP, seen.where)
        return
    kind, to = answer.value("content-type"), answer.value("location").partition("?")[0]
    what = f"answers {status}" if status != 200 else f"is {kind or 'of no type'}, and no page"
    what += f" and leads on to {to[:100]}" if 300 <= status < 400 and to else ""
    grade, fix = (fail, _LOG_OF_SHOP) if status >= 500 else (warn, "give another with --page")
    yield grade("page", what, _FIXES.get(status, fix), seen.where)


# --- the pixel -----------------------------------------------------------------------------------


def _pixel(seen: Seen) -> Iterator[Line]:
    body, noted = seen.answer.body, dict(seen.report.get("notes", ()))
    number = loaders(seen.shop, body)
    if number == 1:
        yield ok("pixel", f"there once, by {_mode(seen)} id", seen.where)
    elif number > 1:
        fix = "install pixelpair once, in one process and at one place"
        yield fail("pixel", f"there {number} times", fix, seen.where)
    elif blocks_in(body) and "policy blocks pixel" in noted:
        return
    elif seen.report:
        why, fix = _why_none(seen, noted)
        grade = warn if why == _REASONS["excluded"][0] else fail
        yield grade("pixel", f"none: the page {why}", fix, seen.where)
    else:
        yield fail("pixel", "none", "see the line about the middleware", seen.where)


def _mode(seen: Seen) -> str:
    """Which side makes the ids, also of a page that a cache showed."""
    signed = any("signed" in block for block in blocks_in(seen.answer.body))
    return str(seen.report.get("mode") or ("browser" if signed else "server"))


def _why_none(seen: Seen, noted: dict[str, str]) -> tuple[str, str]:
    for name, found in _ALONE.items():
        if name in noted:
            return found
    if not _HEAD.search(seen.answer.body):
        return _REASONS["no head"]
    why = seen.report.get("why", "")
    return _REASONS.get(why, (f"is left alone ({why})", "see `pixelpair inspect`"))


def _failed(seen: Seen) -> Iterator[Line]:
    if "failed" in dict(seen.report.get("notes", ())):
        cause = "pixelpair failed on this page, and let it through"
        fix = "its traceback is in the shop's log; please report it"
        yield fail("pixel", cause, fix, seen.where)


def _twice(seen: Seen) -> Iterator[Line]:
    if len(seen.answer.values("pixelpair-report")) > 1:
        cause = "two middlewares of pixelpair handle this page"
        yield fail("middleware", cause, "install it once: in the app, or around it", seen.where)


def _theme(seen: Seen) -> Iterator[Line]:
    body = BLOCK.sub(b"", seen.answer.body)
    found = {pixel.decode() for pixel in _INIT.findall(body)}
    for pixel_id in sorted(found & set(seen.shop.pixels)):
        cause = f"the page starts pixel {pixel_id} by hand too: its events count twice"
        yield fail("theme", cause, _REMOVE, seen.where)
    for pixel_id in sorted(found - set(seen.shop.pixels)):
        cause = f"the page starts another pixel: {pixel_id}"
        fix = "if both are the shop's, name both in PIXELPAIR_PIXEL_ID and remove that snippet"
        yield warn("theme", cause, fix, seen.where)


# --- the pair ------------------------------------------------------------------------------------


def _pair(seen: Seen) -> Iterator[Line]:
    told = seen.report
    if not told or told.get("mode") not in ("server", "browser"):
        return
    if seen.answer.fault or (told.get("cut") and not told.get("events")):
        return  # neither half is known to its end
    shown = {(name, ids[0]) for name, _data, *ids in calls_in(seen.answer.body) if ids}
    handed = {(name, event_id) for name, event_id, _keys, fault in told["events"] if not fault}
    yield from _compared(seen, shown, handed)


def _act(seen: Seen) -> Iterator[Line]:
    told = seen.report
    if not told:
        cause = "the answer of this act bears no report"
        yield warn("pair", cause, "see the line about the middleware", seen.where)
        return
    names = [event[0] for event in told["events"]]
    if not names and not told["muted"]:
        method, path = seen.answer.method, seen.answer.path
        fix = f"add a rule: AddToCart {method} {path}, or call track() in its view"
        yield warn("routes", f"{method} {path} makes no event", fix, seen.where)
        return
    handed = {(name, event_id) for name, event_id, _keys, fault in told["events"] if not fault}
    yield from _compared(seen, set(_pending(seen.answer)), handed)


def _compared(
    seen: Seen, shown: set[tuple[str, str]], handed: set[tuple[str, str]]
) -> Iterator[Line]:
    if not seen.report["sends"]:
        return
    if seen.settings.page_view == "browser":
        shown = {pair for pair in shown if pair[0] != PAGE_VIEW}
    if shown == handed:
        names = ", ".join(sorted(name for name, _ in handed)) or "made by the page itself"
        yield ok("pair", f"ids in page and outbox are the same: {names}", seen.where)
        return
    alone = sorted({name for name, _ in shown ^ handed})
    cause = f"the halves of {', '.join(alone)} differ: something changed the answer on its way"
    fix = "look for a cache, or for what rewrites pages, outside of pixelpair"
    yield fail("pair", cause, fix, seen.where)


def _pending(answer: Answer) -> Iterator[tuple[str, str]]:
    """Name and id of the browser halves that ride in cookies to the next page."""
    for cookie in answer.values("set-cookie"):
        name, _, rest = cookie.partition("=")
        value = rest.partition(";")[0]
        if name.startswith(PENDING_PREFIX) and value:
            try:
                call = json.loads(urlsafe_b64decode(value + "=" * (-len(value) % 4)))["e"]
                yield call[0], call[2]
            except (ValueError, LookupError, TypeError):
                continue


# --- what the page says --------------------------------------------------------------------------


def _facts(seen: Seen) -> Iterator[Line]:
    told = seen.report
    calls = {e[0]: e[2] for e in [*told.get("events", ()), *told.get("sealed", ())]}
    keys = calls.get("ViewContent", ["content_ids", "value", "currency"])
    missing = [key for key in ("content_ids", "value", "currency") if key not in keys]
    for text in _JSON_LD.findall(seen.answer.body):
        try:
            parse(text.decode("utf-8", "replace"))
        except ValueError:
            grade = fail if missing else warn
            fix = "let a JSON library write it"
            yield grade("facts", "its JSON-LD is broken", fix, seen.where)
    if "ViewContent" in calls:
        sources = sorted(set(told["facts"].values())) or ["the route or the view"]
        if missing:
            cause = f"ViewContent lacks {', '.join(missing)}"
            yield warn("facts", cause, _cure(missing, seen), seen.where)
        else:
            yield ok("facts", f"ViewContent is whole, by {', '.join(sources)}", seen.where)
    for name, source, reason in told.get("dropped", ()):
        cause = f"{name} of {source} was not believed: {reason}"
        yield warn("facts", cause, "`pixelpair inspect` shows what was read", seen.where)


def _cure(missing: list[str], seen: Seen) -> str:
    if seen.report["facts"].get("price") and "currency" in missing:
        return "set PIXELPAIR_CURRENCY, or say priceCurrency in the page's JSON-LD"
    return "describe the product in JSON-LD (sku, price, priceCurrency), or call track()"


def _purchase(seen: Seen) -> Iterator[Line]:
    noted = dict(seen.report.get("notes", ()))
    fix = "call track('Purchase', order_id=…, value=…, currency=…) in the order's view"
    if "no order id" in noted:
        yield fail("purchase", "a Purchase has no order_id and is not sent", fix, seen.where)
    bought = [event for event in seen.report.get("events", ()) if event[0] == "Purchase"]
    for _name, event_id, keys, fault in bought:
        if fault:
            yield fail("purchase", f"a Purchase is refused: {fault}", fix, seen.where)
        elif "order_id" not in keys:
            cause = "a Purchase has no order_id: each look at the page is another sale"
            yield fail("purchase", cause, fix, seen.where)
        else:
            yield from _same_again(seen, event_id)


def _same_again(seen: Seen, event_id: str) -> Iterator[Line]:
    again = (seen.stop.again.report or {}) if seen.stop.again else {}
    ids = [event[1] for event in again.get("events", ()) if event[0] == "Purchase"]
    if ids and ids != [event_id]:
        cause = "the same order has another id when its page is seen again"
        yield fail("purchase", cause, "let order_id be the order's own number", seen.where)
    elif ids:
        yield ok("purchase", "one order, one id", seen.where)


def _stack(seen: Seen) -> Iterator[Line]:
    if not seen.report:
        return
    coding, outside = seen.report["coding"], seen.answer.value("content-encoding")
    if coding and seen.report["why"] != "encoded":
        cause = f"pages arrive {coding}-coded: each is unpacked and packed again"
        yield warn("stack", cause, INSIDE, seen.where)
    elif outside and not coding:
        yield ok("stack", f"{outside} is done outside of pixelpair", seen.where)


_OF_PAGE: Final[tuple[Check, ...]] = (
    *(_pixel, _failed, _twice, _theme, _pair, cache_lines, headers_lines, policy_lines),
    *(_facts, _purchase, _stack, cookies_lines),
)
_OF_ACT: Final[tuple[Check, ...]] = (_act, _failed, _purchase, cookies_lines)
