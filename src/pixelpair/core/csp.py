"""What the content security policies of a page permit our script: inline, as a file, or not at all.
Reads policies (https://www.w3.org/TR/CSP3/), changes none, and never raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import TYPE_CHECKING, Literal

from pixelpair.core.csp_sources import lists

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pixelpair.core.http import Headers

Way = Literal["inline", "external", "never"]
Meta = Literal["loads", "trusted", "blocked"]

ENFORCED = b"content-security-policy"
REPORTED = b"content-security-policy-report-only"
POLICIES = frozenset({ENFORCED, REPORTED})
LONGEST = 16 * 1024  # servers and proxies refuse longer headers; nobody writes such a policy

_SCRIPT_LISTS = ("script-src-elem", "script-src", "default-src")
_NONCES_TRIED = 8
_VALUE = rb"[A-Za-z0-9+/_-]+={0,2}"
_NONCE = re.compile(rb"(?i:'nonce-)(%b)'" % _VALUE)
_ONE_NONCE = re.compile(_VALUE)
_NUMBERED = re.compile(r"'nonce-([0-9]+)'", re.IGNORECASE)
_HASH = re.compile(r"'sha(?:256|384|512)-([a-z0-9+/_-]+={0,2})'", re.IGNORECASE)
# A browser finds no `<meta>` in these. Each ends at the end of the head at the latest, so that the
# whole is read once.
_MARKUP = re.compile(
    rb"""(?isx) < (?:
      !-- (?: -?> | .*? (?: --!?> | \Z ) )
    | (script|style|title|noscript|noframes|template) (?=[\t\n\f\r\ />]) .*? (?: </\1 | \Z )
    | (?P<meta> meta ) (?=[\t\n\f\r\ />])
    )"""
)
_ATTRIBUTE = re.compile(
    rb"""(?sx) [\t\n\f\r\ /]*+
    (?P<name> [^\t\n\f\r\ />] [^\t\n\f\r\ />=]*+ )
    (?: [\t\n\f\r\ ]*+ = [\t\n\f\r\ ]*+
        (?: "(?P<double>[^"]*+)" | '(?P<single>[^']*+)' | (?P<bare>[^\t\n\f\r\ >]++) ) )?
    """
)


@dataclass(frozen=True, slots=True)
class Scripts:
    """What would run: our file `path` at the page's `origin`, and Meta's script at `pixel`.

    `hashes` are the base64 digests of our inline script, for a shop that lists one.
    """

    origin: str
    path: str
    pixel: str
    hashes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Permission:
    """How our script may run, with which nonce (b"": none), and whether Meta's could load then.

    "trusted": only where the page has a default policy for trusted types; without one, to set a
    script's address throws and is reported.
    """

    way: Way
    nonce: bytes = b""
    pixel: Meta = "loads"


INLINE = Permission("inline")
NEVER = Permission("never", pixel="blocked")


def permission(
    headers: Headers, head: bytes, scripts: Scripts, nonce: bytes | str = b""
) -> Permission:
    """What the policies of an answer with these headers (lower-case names) and this head permit.

    `nonce` is the framework's, whose policy may be added outside of us: it is used where the
    policies seen here ask for no other. One that is false is not read: reading makes it, and a
    policy with a nonce no longer permits the shop's own inline scripts.
    """
    return permitted(headers, meta_policies(head), scripts, nonce)


def permitted(
    headers: Headers, metas: Sequence[bytes], scripts: Scripts, nonce: bytes | str = b""
) -> Permission:
    """The same for a head whose policies are known."""
    if not metas and POLICIES.isdisjoint([name for name, _ in headers]):
        return _with(INLINE, nonce) if nonce else INLINE
    enforced = b",".join([value for name, value in headers if name == ENFORCED])
    reported = b",".join([value for name, value in headers if name == REPORTED])
    inside = b",".join(metas)
    if len(enforced) + len(reported) + len(inside) > LONGEST:
        return NEVER
    known: dict[bytes, int] = {}
    numbered = _numbering(known)
    texts = [_NONCE.sub(numbered, text).decode("latin-1") for text in (enforced, inside, reported)]
    way, number, pixel = _judged(*texts, scripts)
    given = Permission(way, b"" if number is None else list(known)[number], pixel)
    return _with(given, nonce) if nonce and not given.nonce else given


def _with(given: Permission, nonce: bytes | str) -> Permission:
    raw = nonce if isinstance(nonce, bytes) else str(nonce).encode("ascii", "replace")
    usable = given.way != "never" and _ONE_NONCE.fullmatch(raw)
    return Permission(given.way, raw, given.pixel) if usable else given


# --- policies in the page ------------------------------------------------------------------------


def meta_policies(head: bytes) -> tuple[bytes, ...]:
    """The policies that a head's `<meta>` elements set, in order."""
    if ENFORCED not in head.lower():  # 3 µs for 2 KB; to read its tags takes 100
        return ()
    found, at = [], 0
    while (mark := _MARKUP.search(head, at)) is not None:
        at = mark.end()
        if mark["meta"]:
            attributes, at = _attributes(head, at)
            if unescape(attributes.get("http-equiv", "")).lower() == ENFORCED.decode():
                found.append(unescape(attributes.get("content", "")))
    return tuple([policy.encode("latin-1", "replace") for policy in found])


def _attributes(head: bytes, at: int) -> tuple[dict[str, str], int]:
    """The attributes of a tag; of a repeated one, the first."""
    found: dict[str, str] = {}
    while (one := _ATTRIBUTE.match(head, at)) is not None:
        at = one.end()
        value = one["double"] or one["single"] or one["bare"] or b""
        found.setdefault(one["name"].lower().decode("latin-1"), value.decode("latin-1"))
    return found, at


# --- what policies say ---------------------------------------------------------------------------


def _numbering(known: dict[bytes, int]) -> Callable[[re.Match[bytes]], bytes]:
    """A nonce is new in each answer, what is around it is not and can be remembered."""
    return lambda found: b"'nonce-%d'" % known.setdefault(found[1], len(known))


@dataclass(frozen=True, slots=True)
class _Policy:
    """What one policy says of scripts, for ours and Meta's."""

    nonces: frozenset[str]
    inline: bool
    own: bool
    pixel: bool
    scripts: bool
    trusted: bool

    def permits(self, way: Way, nonce: str) -> bool:
        if not self.scripts:
            return False
        return nonce in self.nonces or (self.inline if way == "inline" else self.own)


@lru_cache(256)
def _judged(
    enforced: str, inside: str, reported: str, scripts: Scripts
) -> tuple[Way, int | None, Meta]:
    """The way, the number of its nonce and Meta's fate: that with the fewest reports, simplest."""
    binding = [*_policies(enforced, scripts, sandboxes=True), *_policies(inside, scripts)]
    watching = _policies(reported, scripts)
    nonces = list(dict.fromkeys(n for p in binding + watching for n in sorted(p.nonces)))
    trusted = any(policy.trusted for policy in binding)
    # Only the file has the trusted types policy that the address of Meta's script needs.
    ways: tuple[Way, ...] = ("external", "inline") if trusted else ("inline", "external")
    tries = [
        (way, nonce)
        for way in ways
        for nonce in ("", *nonces[:_NONCES_TRIED])
        if all(policy.permits(way, nonce) for policy in binding)
    ]
    if not tries:
        return "never", None, "blocked"
    way, nonce = min(tries, key=lambda one: sum(not p.permits(*one) for p in watching))
    loads = all(policy.pixel for policy in binding)
    pixel: Meta = "trusted" if trusted else "loads"
    return way, int(nonce) if nonce else None, pixel if loads else "blocked"


def _policies(text: str, scripts: Scripts, *, sandboxes: bool = False) -> list[_Policy]:
    """Neither a `<meta>` nor a report-only policy can put a page into a sandbox."""
    return [_policy(_directives(one), scripts, sandboxes) for one in text.split(",")]


def _directives(policy: str) -> dict[str, list[str]]:
    """A policy's directives by name; of a repeated one, the first."""
    found: dict[str, list[str]] = {}
    for directive in policy.split(";"):
        words = directive.split()
        if words and directive.isascii():
            found.setdefault(words[0].lower(), words[1:])
    return found


def _policy(directives: dict[str, list[str]], scripts: Scripts, sandboxes: bool) -> _Policy:
    sandbox = directives.get("sandbox") if sandboxes else None
    runs = sandbox is None or "allow-scripts" in map(str.lower, sandbox)
    trusted = "'script'" in directives.get("require-trusted-types-for", ())
    sources = next((directives[name] for name in _SCRIPT_LISTS if name in directives), None)
    if sources is None:
        return _Policy(frozenset(), True, True, True, runs, trusted)
    words = {source.lower() for source in sources}
    nonces = frozenset(found[1] for s in sources if (found := _NUMBERED.fullmatch(s)))
    hashes = {_plain(found[1]) for s in sources if (found := _HASH.fullmatch(s))}
    dynamic = "'strict-dynamic'" in words
    closed = nonces or hashes or dynamic
    return _Policy(
        nonces,
        inline=("'unsafe-inline'" in words and not closed)
        or not hashes.isdisjoint(map(_plain, scripts.hashes)),
        own=not dynamic and lists(sources, scripts.origin, scripts.origin + scripts.path),
        pixel=dynamic or lists(sources, scripts.origin, scripts.pixel),
        scripts=runs,
        trusted=trusted,
    )


def _plain(digest: str) -> str:
    return digest.replace("-", "+").replace("_", "/")
