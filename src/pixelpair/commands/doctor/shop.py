"""What is said of a running shop as a whole: is pixelpair there, whom does it take for the visitor,
which host, which consent. Pure: answers in, lines out.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pixelpair.commands.doctor.page import INSIDE
from pixelpair.commands.doctor.seen import blocks_in
from pixelpair.commands.doctor.words import Line, fail, ok, warn
from pixelpair.core.rehearsal import name_of
from pixelpair.core.seals import Seal
from pixelpair.fittings import doctors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelpair.commands.doctor.http import Answer
    from pixelpair.commands.doctor.walk import Stop, Walk
    from pixelpair.core.shop import Shop
    from pixelpair.settings import Settings

_INSTALL: Final = (
    "install the middleware in the app that answers here, and restart it; PIXELPAIR_MODE must be"
    " live there, not shadow or off"
)
_SAME: Final = (
    "give the shop and this command the same PIXELPAIR_SECRET; a framework's own key is known to"
    " `flask pixelpair doctor` and `manage.py pixelpair doctor` alone"
)
_PASS: Final = "let the proxy hand on the Host header (nginx: proxy_set_header Host $host)"  # noqa: S105


# --- is it there at all --------------------------------------------------------------------------


def absent_lines(
    answer: Answer, script: Answer | None, shop: Shop, settings: Settings
) -> Iterator[Line]:
    """Why the shop's answer bears no report, as far as its page tells. `script` is the answer of
    our own address."""
    blocks = blocks_in(answer.body)
    if settings.mode != "live" and not blocks:
        yield _resting(settings)
        return
    if blocks and not doctors(settings):
        cause = "pixelpair is there, and admits no doctor: there is no secret to know it by"
        yield fail("middleware", cause, "set PIXELPAIR_SECRET, for the shop and this command")
        return
    if not blocks:
        yield _no_block(answer, script)
        return
    pixel = str(blocks[0].get("pixel", ""))
    if pixel and pixel.split() != list(shop.pixels):
        cause = f"the page carries pixel {pixel}, and the settings here say {shop.pixel_id}"
        yield fail("middleware", cause, "give the shop and this command the same settings")
        return
    sealed = next((b["signed"] for b in blocks if isinstance(b.get("signed"), str)), None)
    if sealed and Seal(settings.signing_secrets, shop.pixel_id).opened(sealed) is None:
        cause = "pixelpair is there, and signs with another secret than this command has"
        yield fail("middleware", cause, _SAME)
        return
    yield _other_host(answer, blocks, shop) or _stripped(answer)


def _resting(settings: Settings) -> Line:
    """Pages are as they were: the shop's settings say so."""
    if settings.mode == "shadow":
        cause = "PIXELPAIR_MODE=shadow: pages stay as they are, and there is nothing to walk for"
        return warn("middleware", cause, "`pixelpair shadow` tells what would have been sent")
    cause = f"PIXELPAIR_MODE={settings.mode}: pixelpair does nothing in this shop"
    return warn("middleware", cause, "set PIXELPAIR_MODE=live when the shop is to be counted")


def _no_block(answer: Answer, script: Answer | None) -> Line:
    if script is not None and script.status == 200 and "javascript" in script.value("content-type"):
        cause = "pixelpair is there, and leaves this page alone; its answer bears no report"
        return fail("middleware", cause, f"{_SAME}; ask for a page with --page")
    path = urlsplit(answer.url).path or "/"
    return fail("middleware", f"no trace of pixelpair at {path}", _INSTALL)


def _other_host(answer: Answer, blocks: list[dict[str, Any]], shop: Shop) -> Line | None:
    """A page's own terms for cookies tell which host the app was asked for."""
    terms = next((b["cookie"] for b in blocks if isinstance(b.get("cookie"), list)), None)
    host = urlsplit(answer.url).netloc
    domain, index = shop.domains(host)
    wanted = f"; Domain={domain};" if domain else ""
    if terms is None or len(terms) != 2:
        return None
    found = str(terms[1])
    same = f"=fb.{index}." == terms[0] and (wanted in found if wanted else "Domain=" not in found)
    if same:
        return None
    cause = f"the app believes to be another host than {host}"
    return fail("host", cause, f"{_PASS}, and see the option --host")


def _stripped(answer: Answer) -> Line:
    age = answer.value("age")
    if age.isdigit() and int(age) > 0:
        cause = f"a cache in front answers (Age: {age}), and not the shop"
        return warn("middleware", cause, "ask for a page that is not kept, with --page")
    cause = "pixelpair is there, has the same secret, and does not know its doctor"
    fix = (
        "let the proxy hand on Pixelpair-Doctor, Pixelpair-Report and Host; compare the clocks of"
        " both machines; the shop must run this version"
    )
    return fail("middleware", cause, fix)


# --- the whole -----------------------------------------------------------------------------------


def shop_lines(walk: Walk, settings: Settings) -> Iterator[Line]:
    """All but what single pages tell."""
    home = next((stop.first for stop in walk.stops if stop.first.report), None)
    if home is None:
        cause = "pixelpair answered its doctor once, and not when it came as a visitor"
        yield warn("middleware", cause, "see the lines of the pages, and run this again")
        return
    report = home.report or {}
    yield ok("middleware", "pixelpair answers its doctor")
    yield from _host(home, report, settings)
    yield from _proxies(report, walk.forged)
    yield from _consent(walk.stops, settings)
    yield from _compressed(walk.coded)
    yield from _routes(walk.stops)
    for missed in walk.missed:
        yield warn("walk", f"no {missed} was found", "name its address with --page")


def _host(home: Answer, report: dict[str, Any], settings: Settings) -> Iterator[Line]:
    parts = urlsplit(home.url)
    if name_of(str(report["host"])) != name_of(parts.netloc):
        cause = f"visitors ask for {parts.netloc}, and the app for {report['host']}"
        yield fail("host", cause, f"{_PASS}; or PIXELPAIR_TRUSTED_PROXIES='1 host'")
    elif report["scheme"] != parts.scheme:
        cause = f"visitors come by {parts.scheme}, and the app takes it for {report['scheme']}"
        fix = "let the proxy send X-Forwarded-Proto, and set PIXELPAIR_TRUSTED_PROXIES"
        yield fail("host", cause, fix)
    else:
        yield ok("host", f"{report['scheme']}://{report['host']}")
    own = settings.cookie_domain
    if own and not f".{parts.hostname}".endswith(f".{own}"):
        cause = f"PIXELPAIR_COOKIE_DOMAIN={own} is no domain of {parts.hostname}: it is not used"
        yield fail("cookie", cause, "set it to the domain that the shop's hosts share")


def _proxies(report: dict[str, Any], forged: Answer | None) -> Iterator[Line]:
    chain, place, visitor = report["chain"], report["place"], report["visitor"]
    proxies = len(chain) - 1
    number = "no proxy" if not proxies else f"{proxies} prox{'y' if proxies == 1 else 'ies'}"
    fix = f"set PIXELPAIR_TRUSTED_PROXIES={proxies}" if proxies else "leave TRUSTED_PROXIES out"
    lie = (forged.report or {}) if forged else {}
    by_server = lie.get("chain", [""])[-1] == "forged"
    if by_server and chain[-1] == "public":
        cause = "the server itself lets any visitor claim any address by X-Forwarded-For"
        yield fail("proxies", cause, "name the proxies to it (uvicorn: --forwarded-allow-ips)")
    elif lie.get("visitor") == "forged" and not by_server:
        cause = f"a visitor may claim any address: more proxies are trusted than {number}"
        yield fail("proxies", cause, fix)
    elif place == 0:
        inside = ", asked from its own network" if chain[0] == "private" else ""
        yield ok("proxies", f"{number}, and the visitor is found{inside}")
    elif visitor == "public" and place < 0:
        yield ok("proxies", f"{number}, and the visitor is named by a service's own header")
    elif place < 0:
        cause = f"{number} before the shop, and no visitor's address is sent to Meta"
        yield fail("proxies", cause, fix)
    else:
        yield fail("proxies", f"one of {number} is taken for the visitor", fix)
    if not proxies and chain[0] == "private" and not _is_inner(report["host"]):
        cause = "the shop is asked from its own network, and no X-Forwarded-For arrives"
        fix = "let the proxy send X-Forwarded-For, unless you ask from the shop's own machine"
        yield warn("proxies", cause, fix)


def _is_inner(host: str) -> bool:
    name = name_of(host).strip("[]")
    try:
        return ipaddress.ip_address(name).is_private
    except ValueError:
        return name == "localhost" or "." not in name


def _consent(stops: list[Stop], settings: Settings) -> Iterator[Line]:
    reports = [stop.first.report for stop in stops if stop.first.report]
    muted = sorted({r["muted"] for r in reports} - {"", "no consent"})
    if muted:
        cause = f"the doctor is no customer here ({', '.join(muted)}): its events are not made"
        yield warn("consent", cause, "ask from another address")
    rule = settings.consent
    if not any(report["asked"] for report in reports):
        ldu = " with Limited Data Use" if any(report["ldu"] for report in reports) else ""
        yield ok("consent", f"nobody is asked, and all events leave{ldu}")
        return
    if any(report["consent"] == "granted" for report in reports):
        yield ok("consent", f"it is found in {rule.cookie}")
        return
    named = rule.cookie.encode()
    told = any(named in stop.first.body.replace(b'"find"', b"") for stop in _without_ours(stops))
    set_ = any(rule.cookie in c for stop in stops for c in stop.first.values("set-cookie"))
    if rule.own or told or set_ or any(_foreign_scripts(stop.first) for stop in stops):
        yield ok("consent", "the visitor is asked first: nothing of the doctor would have left")
        return
    cause = f"nothing on these pages sets {rule.cookie}: without it no event ever leaves"
    yield fail(
        "consent", cause, "install the consent tool, or name its cookie in PIXELPAIR_CONSENT"
    )


def _without_ours(stops: list[Stop]) -> list[Stop]:
    return [stop for stop in stops if not blocks_in(stop.first.body)]


def _foreign_scripts(answer: Answer) -> bool:
    """Whether a page loads scripts, one of which may be a consent tool."""
    return b"<script src=" in answer.body.replace(b'<script src="/_pixelpair', b"")


def _compressed(coded: Answer | None) -> Iterator[Line]:
    """The gzip that the walk itself asks for is told of page by page."""
    report = (coded.report if coded else None) or {}
    coding = report.get("coding")
    if report.get("why") == "encoded":
        cause = f"pages arrive compressed ({coding}) and are left alone in today's browsers"
        yield fail("stack", cause, INSIDE)
    elif coding:
        cause = f"pages arrive {coding}-coded: each is unpacked and packed again"
        yield warn("stack", cause, INSIDE)


def _routes(stops: list[Stop]) -> Iterator[Line]:
    found: set[str] = set()
    for stop in stops:
        report = stop.first.report or {}
        found |= {c[0] for c in [*report.get("events", ()), *report.get("sealed", ())]}
    found -= {"PageView"}
    if found:
        yield ok("routes", f"events of their own: {', '.join(sorted(found))}")
    elif all((stop.first.report or {}).get("muted") for stop in stops):
        return
    else:
        fix = "write the shop's paths into PIXELPAIR_ROUTES, like ViewContent /p/{content_id}"
        seen = {stop.kind for stop in stops} & {"product", "page", "add to cart", "checkout"}
        grade = fail if seen else warn
        yield grade("routes", "no page that was seen makes an event but PageView", fix)
