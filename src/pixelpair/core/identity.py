"""Who the visitor is, by all that say so; and the cookie that keeps it for the browser session.

Plain information is only read here, to be hashed by the caller; what is kept and merged are
hashes. Knows no framework: a user object is whatever a door hands over.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from hashlib import sha256
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Final
from uuid import UUID

from itsdangerous import BadSignature

from pixelpair.core.cookies import valid_fbp
from pixelpair.core.seals import signer, unsigned

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Hashes = dict[str, list[str]]

COOKIE = "_pp_id"  # no name of a pending event: those begin with _pixelpair_
COOKIE_LIMIT = 400  # its name included; 8 fields take 395
_FIELDS_LIMIT = 8
_REMEMBERED = 1024

# What tells people apart best comes first: Meta names em, fn with ln, and ph as the information
# of most value, and external_id for all events ("Best practices" and "Customer information").
# The place of a field is its bit in the cookie: add at the end only.
_ORDER: Final = ("em", "external_id", "ph", "fn", "ln", "zp", "db", "ct", "st", "country", "ge")
_PERSONAL: Final = ("external_id", "em", "ph")  # two people share none of them
_NAMES: Final = ("fn", "ln", "db")  # where none of those is known of both

_HASH = re.compile(r"[0-9a-f]{64}")
_DIGEST = 32
_MASK = 2
# What shops hash when they know nothing. The surname Null loses its place in the cookie by it.
_BLANKS = ("", " ", "none", "null", "undefined", "nan")
_BLANK_HASHES = frozenset(sha256(blank.encode()).hexdigest() for blank in _BLANKS)
# It begins with its letters, so that the search runs at the speed of find().
_KEPT = re.compile(rb"_pp_id=(?<![^; ]_pp_id=)([A-Za-z0-9_.-]{1,400}) *(?=;|\Z)")


# --- a user object ---------------------------------------------------------------------------


def user_information(user: object) -> dict[str, object]:
    """What a framework's user object holds, by the names of `identify()`; nothing of a stranger.

    Only what lies in the object itself is read: ORMs fetch deferred and expired fields, and a
    property may do anything. Never raises.
    """
    try:
        if user is None or not _authenticated(user):
            return {}
        email_name = getattr(type(user), "EMAIL_FIELD", None) or "email"  # Django's own word
        found = {
            "email": _text(_held(user, email_name)),
            "first_name": _text(_held(user, "first_name")),
            "last_name": _text(_held(user, "last_name")),
            "external_id": _id(_primary_key(user)),
        }
    except Exception:  # the shop's own object may raise anything from anywhere
        return {}
    return {name: value for name, value in found.items() if value}


def _authenticated(user: object) -> bool:
    said = getattr(user, "is_authenticated", True)
    return bool(said() if callable(said) else said)


def _held(user: object, name: str) -> object:
    fields = getattr(user, "__dict__", {})
    if name in fields:
        return fields[name]
    slot = getattr(type(user), name, None)
    return getattr(user, name, None) if isinstance(slot, MemberDescriptorType) else None


def _primary_key(user: object) -> object:
    meta = getattr(type(user), "_meta", None)  # a Django model's key may have any name
    name = getattr(getattr(meta, "pk", None), "attname", "id")
    return _held(user, name)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _id(value: object) -> str:
    known = isinstance(value, str | int | UUID) and not isinstance(value, bool)
    return str(value).strip() if known else ""


# --- several sources -------------------------------------------------------------------------


def merged(*sources: Mapping[str, list[str]]) -> Hashes:
    """Hashes by Meta's keys, each field from the most trusted source that has it.

    The order of trust: what the view said, the shop's callable, the user object.
    """
    known: Hashes = {}
    for source in sources:
        for key, hashes in source.items():
            real = [one for one in hashes if one not in _BLANK_HASHES]
            if real:
                known.setdefault(key, real)
    return known


def with_remembered(known: Mapping[str, list[str]], remembered: Mapping[str, list[str]]) -> Hashes:
    """What is known now, and what was learned before if that was not somebody else."""
    return merged(known, remembered if same_person(known, remembered) else {})


def same_person(one: Mapping[str, list[str]], other: Mapping[str, list[str]]) -> bool:
    """Whether nothing speaks against it: the best field that both have decides."""
    for key in _PERSONAL:
        if key in one and key in other:
            return not set(one[key]).isdisjoint(other[key])
    return all(one[key][0] == other[key][0] for key in _NAMES if key in one and key in other)


# --- the cookie ------------------------------------------------------------------------------


class Keepsake:
    """What a view said of its visitor, as a cookie for the browser session and back.

    Signed, so that nobody can make it name another; the first secret signs, all verify.
    """

    __slots__ = ("_opened", "_signer")

    def __init__(self, secrets: Iterable[bytes], pixel_id: str) -> None:
        self._signer = signer(secrets, f"pixelpair.identity.{pixel_id}")
        # Opening takes 15 µs, remembered 2: the same visitor comes back with the same value.
        self._opened = lru_cache(_REMEMBERED)(self._unsealed)

    def sealed(self, hashed: Mapping[str, list[str]]) -> str:
        """The cookie's value: the first hash of each field that has room; "" for nothing."""
        mask = 0
        digests: list[bytes] = []
        for bit, key in enumerate(_ORDER):
            first = next(iter(hashed.get(key, ())), "")
            if len(digests) < _FIELDS_LIMIT and _real(first):
                mask |= 1 << bit
                digests.append(bytes.fromhex(first))
        if not digests:
            return ""
        packed = mask.to_bytes(_MASK, "big") + b"".join(digests)
        return self._signer.sign(urlsafe_b64encode(packed).rstrip(b"=")).decode()

    def opened(self, cookies: bytes) -> Hashes:
        """The hashes in a Cookie header; nothing where there is none that we signed."""
        if b"_pp_id=" not in cookies:
            return {}
        found = _KEPT.search(cookies)
        return {key: [one] for key, one in self._opened(found[1])} if found else {}

    def _unsealed(self, value: bytes) -> tuple[tuple[str, str], ...]:
        try:
            text = unsigned(self._signer, value)
            packed = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
        except (BadSignature, ValueError):
            return ()
        return _unpacked(packed)


def _unpacked(packed: bytes) -> tuple[tuple[str, str], ...]:
    mask = int.from_bytes(packed[:_MASK], "big")
    keys = [key for bit, key in enumerate(_ORDER) if mask >> bit & 1]
    digests = packed[_MASK:].hex()
    if mask >> len(_ORDER) or len(digests) != 2 * _DIGEST * len(keys):
        return ()  # of a later version
    each = (digests[at : at + 2 * _DIGEST] for at in range(0, len(digests), 2 * _DIGEST))
    return tuple(zip(keys, each, strict=True))


def _real(one: str) -> bool:
    return _HASH.fullmatch(one) is not None and one not in _BLANK_HASHES


def identity_cookie(value: str, *, secure: bool) -> bytes:
    """The Set-Cookie value that keeps it until the browser is closed; of "", that deletes it."""
    life = "" if value else "; Max-Age=0"
    attributes = f"{life}; Path=/; HttpOnly; SameSite=Lax" + "; Secure" * secure
    return f"{COOKIE}={value}{attributes}".encode("ascii")


# --- a visitor without a name ----------------------------------------------------------------


@lru_cache(_REMEMBERED)
def anonymous_id(key: bytes, pixel_id: str, fbp: str) -> str:
    """An external_id, as a hash, that lives and dies with the browser id it is made of.

    It needs no cookie of its own, and nobody without the shop's key can come from it to an
    `_fbp`. The same for each form of one `_fbp`: index and appendix are left out.
    """
    if not valid_fbp(fbp):
        return ""
    _, _, born, number, *_ = fbp.split(".")
    text = f"pixelpair.anonymous.{pixel_id}.{born}.{number}"
    return hmac.new(key, text.encode(), sha256).hexdigest()
