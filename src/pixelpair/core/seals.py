"""What a cacheable page tells for its events, and the seal that brings it back unchanged.

The sealed text is the same for every visitor: it holds no time and nothing of anybody.
"""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

import orjson
from itsdangerous import BadSignature, Signer, base64_decode, base64_encode, want_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# A report has 8 KB for this, for two addresses and for what the page itself makes.
TEXT_ROOM = 5000
MOST_CALLS = 40  # of one page; its report may hold ten more that the page makes
_PATH_ROOM = 1000
_PAGES_REMEMBERED = 256
_ID_ROOM = len('"00000000000000000000000000000000",')  # that of each call, beside the text
_SLIM = ("content_ids", "content_type", "value", "currency", "order_id", "num_items")
_MONEY = ("value", "currency", "order_id")  # what a Purchase may never lack


def signer(secrets: Iterable[bytes], salt: str) -> Signer:
    """What signs for one purpose. The first secret signs, all verify."""
    newest_last = list(secrets)[::-1]  # as itsdangerous wants them
    return Signer(newest_last, salt=salt, key_derivation="hmac", digest_method=sha256)


def unsigned(by: Signer, text: str | bytes) -> bytes:
    """What was signed. Raises BadSignature.

    Base64 reads over letters that are none, and over the last bits: each signature has other
    spellings, which nobody was given.
    """
    found = by.unsign(text)
    signature = want_bytes(text).rpartition(b".")[2]
    if base64_encode(base64_decode(signature)) != signature:
        raise BadSignature("the signature is spelled in another way")
    return found


class Seal:
    """Signs the texts of one pixel's pages. The first secret signs, all verify."""

    __slots__ = ("_signer", "seal")

    def __init__(self, secrets: Iterable[bytes], pixel_id: str) -> None:
        self._signer = signer(secrets, f"pixelpair.page.{pixel_id}")
        # Sealing takes 6 µs, most of it the key's derivation; remembering the seal 0.15.
        self.seal = lru_cache(_PAGES_REMEMBERED)(self._sealed)

    def _sealed(self, text: str) -> str:
        """TEXT.SIGNATURE of a page_text()."""
        return self._signer.sign(text).decode()

    def opened(self, sealed: str) -> str | None:
        """The text that was sealed with one of the secrets, or None."""
        if not sealed.isascii():
            return None
        try:
            return unsigned(self._signer, sealed).decode()
        except BadSignature:
            return None


def page_text(path: str, calls: Sequence[Sequence[object]]) -> str:
    """The path of a page and its calls as ASCII JSON that leaves a report room for the rest.

    Long calls lose details, then all but the money; of too many, those of Purchases stay. Of an
    endless path the end stays: that is what is compared.
    """
    path = _end(path)
    if len(calls) > MOST_CALLS:
        calls = _foremost(calls)[:MOST_CALLS]
    for keys in (None, _SLIM, _MONEY):
        slim = calls if keys is None else [_slimmed(call, keys) for call in calls]
        text = _compact([path, slim])
        if _cost(text, len(slim)) <= TEXT_ROOM:
            return text
    kept = _foremost(slim)
    while kept and _cost(text, len(kept)) > TEXT_ROOM:
        kept = kept[:-1]
        text = _compact([path, kept])
    return text


def _end(path: str) -> str:
    """A path, or as many of its last segments as there is room for."""
    if len(path) <= _PATH_ROOM:
        return path
    _, slash, end = path[-_PATH_ROOM:].partition("/")
    return slash + end


def _foremost(calls: Sequence[Sequence[object]]) -> list[Sequence[object]]:
    return sorted(calls, key=lambda call: call[0] != "Purchase")


def _slimmed(call: Sequence[object], keys: tuple[str, ...]) -> list[object]:
    name, data, *rest = call
    given: Mapping[str, object] = data if isinstance(data, dict) else {}
    return [name, {key: given[key] for key in keys if key in given}, *rest]


def _cost(text: str, calls: int) -> int:
    """Bytes in a report, where the text is a JSON string and each call has an id beside it."""
    return len(text) + text.count('"') + text.count("\\") + calls * _ID_ROOM


def _compact(value: object) -> str:
    text = orjson.dumps(value)
    if not text.isascii():  # the page may be in any charset
        return json.dumps(orjson.loads(text), separators=(",", ":"))
    return text.decode()
