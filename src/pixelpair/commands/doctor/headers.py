"""What is said of a page's caches, lengths, tags, policies and cookies. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pixelpair.commands.doctor.http import MOST_BYTES
from pixelpair.commands.doctor.seen import calls_in
from pixelpair.commands.doctor.words import Line, fail, ok, warn
from pixelpair.core.csp import INLINE, Scripts, meta_policies, permitted
from pixelpair.core.csp_sources import lists
from pixelpair.core.html import usual_places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelpair.commands.doctor.http import Answer
    from pixelpair.commands.doctor.seen import Seen

_HITS: Final = ("x-cache", "x-cache-status", "cf-cache-status", "x-proxy-cache", "x-drupal-cache")
_LOADS: Final = {"connect-src": "connections", "img-src": "images"}
_KEPT: Final = re.compile(r"(?:^|[,\s])(?:private|no-store)(?:$|[,\s=])")


# --- caches --------------------------------------------------------------------------------------


def cache_lines(seen: Seen) -> Iterator[Line]:
    first, again = seen.stop.first, seen.stop.again
    ids = [{c[2] for c in calls_in(a.body) if len(c) > 2 and c[0] != "Purchase"} for a in
           (first, again) if a]  # fmt: skip
    if len(ids) == 2 and ids[0] & ids[1]:
        cause = "two visitors were shown one event id: a cache keeps what is one visitor's"
        fix = "let the cache heed Cache-Control: private, or set PIXELPAIR_EVENT_ID=browser"
        yield fail("cache", cause, fix, seen.where)
        return
    hit = next((h for a in (first, again) if a for h in _hits(a)), "")
    if hit and seen.report.get("mode") == "server":
        cause = f"a cache answers pages that bear ids ({hit})"
        yield fail("cache", cause, "set PIXELPAIR_EVENT_ID=browser", seen.where)
    elif hit:
        yield ok("cache", f"a cache answers ({hit}), and the page makes its ids", seen.where)
    elif seen.report:
        told = f"{seen.report['mode']} ids: {seen.report['why']}"
        yield ok("cache", told, seen.where)


def _hits(answer: Answer) -> Iterator[str]:
    age = answer.value("age")
    if age.isdigit() and int(age) > 0:
        yield f"Age: {age}"
    for name in _HITS:
        if re.search(r"(?i)\bhit\b", answer.value(name)):
            yield f"{name}: {answer.value(name)}"


def headers_lines(seen: Seen) -> Iterator[Line]:
    answer, mode = seen.answer, seen.report.get("mode")
    found = list(_broken(seen))
    if mode == "server" and not _KEPT.search(answer.value("cache-control").lower()):
        said = answer.value("cache-control") or "nothing"
        cause = f"Cache-Control says {said}, and the page bears ids: it was rewritten behind us"
        fix = "install pixelpair outside of what sets it, nearer to the server"
        found.append(fail("headers", cause, fix, seen.where))
    if mode == "server" and (answer.value("etag") or answer.value("last-modified")):
        cause = "an ETag or Last-Modified was added behind us: a 304 would show an id again"
        fix = "install pixelpair outside of what sets it, nearer to the server"
        found.append(fail("headers", cause, fix, seen.where))
    if len(answer.values("etag")) > 1:
        fix = "let one layer set the ETag"
        found.append(fail("headers", "two ETags", fix, seen.where))
    if mode == "browser":
        found += _foreign_tag(seen)
    yield from found or [ok("headers", "Content-Length and ETag fit", seen.where)]


def _foreign_tag(seen: Seen) -> Iterator[Line]:
    etag, ours = seen.answer.value("etag"), f'-pp{seen.shop.version.decode()}"'
    if etag and seen.report["inserted"] and not etag.removesuffix("-gzip").endswith(ours):
        cause = "the ETag is not the one that pixelpair gave: old copies live for ever"
        fix = "install pixelpair outside of what sets it, nearer to the server"
        yield warn("headers", cause, fix, seen.where)


def _broken(seen: Seen) -> Iterator[Line]:
    answer = seen.answer
    length = answer.value("content-length")
    cut = seen.report.get("inserted") and not answer.value("content-encoding")
    whole = answer.body.rstrip().lower().endswith(b"</html>")
    short = cut and length.isdigit() and len(answer.body) == int(length) and not whole
    if answer.fault == "long":
        cause = f"the page is longer than {MOST_BYTES // 1_000_000} MB, or takes half a minute"
        yield warn("headers", cause, "nothing, if that is meant: the rest was not read", seen.where)
        return
    if answer.fault == "slow" and not length:
        fix = "look into what the page waits for: visitors wait too"
        yield fail("headers", "the page stops before its end", fix, seen.where)
        return
    if answer.fault in ("length", "slow") or (short and _page_ends(seen)):
        cause = "Content-Length is not the page's: browsers cut it off, or wait"
        fix = "a middleware outside changes the body: let it set Content-Length anew"
        yield fail("headers", cause, fix, seen.where)
    elif answer.fault:
        cause = "the body is not coded as Content-Encoding says"
        yield fail("headers", cause, "let one layer compress", seen.where)


def _page_ends(seen: Seen) -> bool:
    """Whether the page is like one that ends with </html>; minifiers leave out that and </head>."""
    body = seen.answer.body.lower()
    return body.lstrip().startswith((b"<!doctype", b"<html")) and b"</head>" in body


# --- the policy ----------------------------------------------------------------------------------


def policy_lines(seen: Seen) -> Iterator[Line]:
    headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in seen.answer.headers]
    body, snippet = seen.answer.body, seen.shop.snippet
    places = usual_places(body)
    metas = meta_policies(body[: places[0]] if places else body[:16_384])
    policies = [*seen.answer.values("content-security-policy"), *(m.decode() for m in metas)]
    if not policies:
        return
    scripts = Scripts(seen.origin, snippet.file_path, snippet.script_url, snippet.hashes)
    how = permitted(headers, metas, scripts)
    if how.way == "never":
        fix = "add a nonce or 'self' to script-src"
        yield fail("policy", "it forbids inline scripts and our file", fix, seen.where)
        return
    host = urlsplit(snippet.script_url).netloc
    if how.pixel == "blocked":
        fix = f"add https://{host} to script-src"
        yield fail("policy", f"it blocks the pixel's script at {host}", fix, seen.where)
        return
    inline = _has_inline(seen)
    if inline and how.way != "inline":
        cause = "it forbids the inline script that is in the page: it is set behind pixelpair"
        fix = "install pixelpair outside of what sets the policy"
        yield fail("policy", cause, fix, seen.where)
        return
    missing = list(_unlisted(policies, seen))
    yield from missing or [ok("policy", f"our script runs ({how.way}), and Meta's", seen.where)]


def _has_inline(seen: Seen) -> bool:
    inline = seen.shop.snippet.loader(INLINE).removeprefix(b"<script>")
    return inline in seen.answer.body


def _unlisted(policies: list[str], seen: Seen) -> Iterator[Line]:
    """Meta's host for what the pixel itself asks for: without it no browser half leaves."""
    image = seen.settings.pixel_image_url
    for policy in ",".join(policies).split(","):
        parts = (words.split() for words in policy.split(";"))
        known = {words[0].lower(): words[1:] for words in parts if words}
        for name, what in _LOADS.items():
            sources = known.get(name, known.get("default-src"))
            if sources is not None and not lists(sources, seen.origin, image):
                host = urlsplit(image).netloc
                fix = f"add https://{host} to {name}"
                yield fail("policy", f"it blocks the pixel's {what} to {host}", fix, seen.where)


# --- cookies -------------------------------------------------------------------------------------


def cookies_lines(seen: Seen) -> Iterator[Line]:
    host = urlsplit(seen.origin).hostname or ""
    set_ = [c for c in seen.answer.values("set-cookie") if c.startswith(("_fbp=", "_fbc="))]
    for cookie in set_:
        found = re.search(r"(?i);\s*domain=\.?([^;\s]+)", cookie)
        if found and not f".{host}".endswith(f".{found[1].lower()}"):
            cause = f"_fbp is set for {found[1]}, which browsers refuse at {host}"
            fix = "set PIXELPAIR_COOKIE_DOMAIN to a domain of this host, or leave it out"
            yield fail("cookie", cause, fix, seen.where)
        elif found:
            yield ok("cookie", f"_fbp is set for {found[1]} and below", seen.where)
        else:
            yield ok("cookie", f"_fbp is set for {host} alone", seen.where)
