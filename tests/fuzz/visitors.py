"""What visitors send: cookies, consent, addresses, forms, what they say of themselves, requests."""

from __future__ import annotations

import ipaddress
import json
import re
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from pixelpair.core import cookies as jar
from pixelpair.core.consent import own_again, parse_consent, unescape
from pixelpair.core.consent_presets import PRESETS
from pixelpair.core.forms import BodyReader
from pixelpair.core.http import Request
from pixelpair.core.proxies import arrival, parse_trust
from pixelpair.core.routes import RuleError
from pixelpair.core.seals import page_text
from pixelpair.core.tcf import vendor_agreed
from pixelpair.core.user_data import FIELDS, customer_information, hashed
from tests.core.exchanges import NOW, answer
from tests.core.test_desk import SEAL, desk
from tests.core.test_hostile import ANSWERS, SITES, VIEWS, assert_nothing_breaks_out, bare, shop

from .pieces import bytewise, chunks, message, one_of

if TYPE_CHECKING:
    from collections.abc import Iterable

# Those that name nothing, and those that name a service, a category or a group of cookies.
NAMED = [f"{name}:marketing" if preset.names else name for name, preset in PRESETS.items()]
RULES = [parse_consent(text) for text in (*NAMED, "required", "cookie:staff=1", "tcf:891")]


def cookies(data: bytes) -> None:
    """A Cookie header: Meta's cookies, our own, and those of each consent tool."""
    for name, value in jar.meta_cookies(data).items():
        if jar.valid_fbp(value) or jar.valid_fbc(value):
            jar.set_cookie(name, value, max_age=1, domain="shop.example", secure=True)
    query = data.decode("latin-1")
    written, is_new = jar.fbc_for(None, jar.click_id(query), 1, 1)
    assert written is None if not is_new else jar.valid_fbc(str(written)), written
    for rule in RULES:
        assert rule.decide(data) in ("granted", "denied", "pending")
    again = own_again(data, int(NOW))
    if again:
        jar.set_cookie("_pp_consent", again[0], max_age=again[1], domain=None, secure=True)
    vendor_agreed(unescape(query), 891)
    assert jar.CookieDomains(lambda host: host)(query)[1] >= 0


def consent(data: bytes) -> None:
    """What PIXELPAIR_CONSENT says, and behind a line end a Cookie header that it is asked of."""
    text, _, header = data.partition(b"\n")
    try:
        rule = parse_consent(text.decode("latin-1"))
    except RuleError:
        return
    assert rule.decide(header) in ("granted", "denied", "pending")
    for pattern in (rule.yes, rule.no):
        re.compile(pattern)
    json.dumps(rule.in_page())


SAID = ("none", 1, 2, "10.0.0.0/8", "cloudflare 10.0.0.0/8", "forwarded", "1 host")
TRUSTS = [parse_trust(said) for said in SAID]
PLACE = re.compile(r"[A-Za-z0-9_.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?", re.ASCII)


def proxies(data: bytes) -> None:
    """What a shop trusts and a peer, in the first line; then headers of proxies."""
    given = message(data)
    text, _, client = given.text.rpartition(" ")
    trusts = [*TRUSTS]
    with suppress(RuleError):
        trusts.append(parse_trust(text))
    for trust in trusts:
        came = arrival(trust, given.index, client, "http", "www.shop.example")
        if came.client_ip:
            address = ipaddress.ip_address(came.client_ip)
            assert str(address) == came.client_ip
            assert not (address.is_private and address.is_loopback)
        assert came.scheme in ("http", "https")
        assert PLACE.fullmatch(came.host), came.host
        assert trust or came == arrival(None, {}, client, "http", "www.shop.example")


FIELDS_ASKED = ("name", "a.b", "items.0.sku", "items.0", "sku", "0")


def forms(data: bytes) -> None:
    """A Content-Type, an empty line, a body: a form, a multipart form, JSON."""
    given = message(data)
    parts = [[given.body], chunks(given.body)]
    if len(given.body) < 600:
        parts.append(bytewise(given.body))
    first, *others = [_read(given.first, some, None) for some in parts]
    assert all(other == first for other in others)
    length = b"%d" % len(given.body)
    assert _read(given.first, [given.body], length) == first
    for value in first:
        assert value is None or type(value) in (str, int, float)


def _read(kind: bytes, parts: Iterable[bytes], length: bytes | None) -> list[object]:
    reader = BodyReader(kind, length)
    for part in parts:
        reader.feed(part)
    reader.finish()
    return [reader.value(field) for field in FIELDS_ASKED]


HASH = re.compile(r"[0-9a-f]{64}")


def person(data: bytes) -> None:
    """Lines of `field: value`, and a country for telephone numbers in the first."""
    given = message(data)
    country = given.text if re.fullmatch("[A-Z]{2}", given.text) else None
    said = {n.decode("latin-1"): v.decode("utf-8", "replace") for n, v in given.headers}
    said = {name: value for name, value in said.items() if name in FIELDS}
    known, dropped = customer_information(said, phone_country=country, year=2026)
    assert set(dropped) <= set(said)
    for key, digests in known.items():
        assert all(HASH.fullmatch(digest) for digest in digests)
        assert hashed(key, digests, year=2026) == tuple(digests)


# --- whole requests ------------------------------------------------------------------------------


@lru_cache(1)
def _request_line(first: bytes) -> tuple[str, str, str]:
    words = first.decode("latin-1").split(" ")
    method = words[0] if words[0] in ("GET", "POST", "HEAD", "OPTIONS", "PUT") else "GET"
    path, _, query = (words[1] if words[1:] else "/").partition("?")
    return method, "/" + path.lstrip("/"), query


def _asked(data: bytes) -> tuple[Request, bytes]:
    """METHOD path?query, headers, an empty line, a body."""
    given = message(data)
    method, path, query = _request_line(given.first)
    index = given.index
    host = index.get(b"host", b"www.shop.example").decode("latin-1")
    client = index.pop(b"client", b"203.0.113.7").decode("latin-1")
    raw = path.encode("latin-1")
    return Request(method, "https", host, "", path, raw, query, index, client), given.body


def request(data: bytes) -> None:
    """A request for a page, for an act, for JSON; the answer goes through an Exchange."""
    asked, _ = _asked(data)
    where = shop(*one_of(SITES, data))
    _, status, headers, body = one_of(ANSWERS, data[1:])
    body = b"" if asked.method == "HEAD" else body
    view = one_of(VIEWS, data[2:])
    got = answer(where, asked, view=view, status=status, headers=headers, chunks=chunks(body))
    assert_nothing_breaks_out(where, [pair for pair in got.headers if pair not in headers])
    assert bare(where, got.body) == body
    assert got.body.isascii()


def report(data: bytes) -> None:
    """A request to the address where pages report. What stands under `sealed` is sealed first."""
    asked, body = _asked(data)
    asked.path = "/_pixelpair/pixel.js" if asked.path.endswith(".js") else "/_pixelpair/events"
    where = shop(*one_of(SITES, data))
    counter = desk(where, page_events=["Search"], origins=["https://front.shop.example"])
    room = counter.room(asked)
    assert room is not None
    got = counter.answer(asked, _sealed(body)[:room])
    assert got.status in (200, 204, 304, 400, 403, 405, 413, 429)
    assert len(got.body) < 100_000
    assert_nothing_breaks_out(where, [pair for pair in got.headers if pair[0] != b"etag"])


def _sealed(body: bytes) -> bytes:
    """The report as it is where nobody can write it anew: orjson reads deeper than it writes."""
    try:
        given = orjson.loads(body)
        return _with_seal(given) if isinstance(given, dict) and "sealed" in given else body
    except (ValueError, TypeError, RecursionError):
        return body


def _with_seal(given: dict[str, Any]) -> bytes:
    match given.pop("sealed"):
        case [str(path), list(calls)] if all(isinstance(call, list) and call for call in calls):
            given["signed"] = SEAL.seal(page_text(path, [[*call, {}][:3] for call in calls]))
        case other:
            given["signed"] = SEAL.seal(json.dumps(other))
    return orjson.dumps(given)
