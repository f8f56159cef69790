"""A visitor sealed for an order: the facts of a checkout as a short text, for an event days later.

Signed, not encrypted: whoever holds the text can read IP, user agent, URL, `_fbp` and `_fbc` in
it, and hashes of customer information; without the shop's secret nobody can change or make one.
"""

from __future__ import annotations

import ipaddress
import struct
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from itsdangerous import BadSignature

from pixelpair.core.events import Visitor
from pixelpair.core.seals import signer, unsigned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOM = 500  # what a payment provider's metadata takes: Stripe's values have 500 characters
NINETY_DAYS = 90 * 24 * 3600  # as long as `_fbp` and `_fbc` live

_SALT = "pixelpair.checkout"
_VERSION = 1
# Version, flags, Unix time, which hashes follow.
_HEAD = struct.Struct(">BBIH")
_LDU = struct.Struct(">BH")
_ASKED, _HAS_LDU, _IPV4, _IPV6 = 1, 2, 4, 8
_DIGEST = 32

# The place of a field is its bit: add at the end only. What Meta finds people by comes first
# (`core/identity.py` has the source); when there is no room the last goes first.
_ORDER: Final = ("em", "ph", "external_id", "fn", "ln", "zp", "ct", "db", "country", "st", "ge")
_NAMES: Final = ("ln", "fn")
_WORST_FIRST: Final = tuple(key for key in reversed(_ORDER[3:]) if key not in _NAMES)

# Texts begin as these do: with it a user agent takes 40 bytes instead of 130. A seal of this
# version opens with no other dictionary.
_DICTIONARY: Final = (
    b"Mozilla/5.0 (iPad; CPU OS Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/"
    b"140.0 SamsungBrowser/ CriOS/ FxiOS/ GSA/ OPR/ Edg/ Barcelona Threads TikTok musical_ly_"
    b" Instagram 380.0.0. Android (35/15; 480dpi; 1080x2340; samsung; SM-S9; qcom; en_US; "
    b" Instagram 380.0.0. (iPhone; iOS 18_5; en_US; en; scale=3.00; 1170x2532; "
    b" [FB_IAB/FB4A;FBAV/500.0.0.;IABMV/1;]"
    b" [FBAN/FBIOS;FBAV/500.0.0.;FBBV/;FBDV/iPhone;FBMD/iPhone;FBSN/iOS;FBSV/18.5;FBSS/3;FBCR/;"
    b"FBID/phone;FBLC/en_US;FBOP/80]"
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    b"Version/18.5 Safari/605.1.15 "
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
    b"like Gecko) Mobile/15E148 Version/18.5 Mobile/15E148 Safari/604.1 "
    b"Mozilla/5.0 (Linux; Android 15; SM-A Build/AP3A.240905.015; wv) AppleWebKit/537.36 (KHTML, "
    b"like Gecko) Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36"
    b"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
    b"Mobile Safari/537.36 "
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/140.0.0.0 Safari/537.36"
    b"https://shop.example.com https://www. .com /cart/order/orders/payment/checkout/"
    b"\0Mozilla/5.0 ("
)


@dataclass(frozen=True, slots=True)
class Checkout:
    """What a seal held: the visitor as of `time` (Unix seconds)."""

    visitor: Visitor
    time: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a text opens to nothing. `text` is for the log: nothing of what was sealed is in it."""

    reason: Literal["malformed", "forged", "expired"]
    text: str


def seal(visitor: Visitor, secrets: Iterable[bytes], now: float) -> str:
    """The visitor's facts as printable, URL-safe ASCII of ROOM characters at most.

    What does not fit is left out whole, in the order of `_lighter`. The referrer and all but the
    first hash of each field stay behind.
    """
    sign = signer(secrets, _SALT).sign
    text = ""
    for light in _lighter(visitor):
        text = sign(urlsafe_b64encode(_packed(light, int(now))).rstrip(b"=")).decode()
        if len(text) <= ROOM:
            break
    return text


def opened(
    text: object, secrets: Iterable[bytes], now: float, max_age: int = NINETY_DAYS
) -> Checkout | Problem:
    """The facts in a seal of one of the secrets, or why there are none. Never raises."""
    if not isinstance(text, str) or not text.isascii() or not 0 < len(text) <= ROOM:
        return Problem("malformed", "it is no seal")
    if not text.rpartition(".")[0]:
        return Problem("malformed", "it is no seal, or a part of one")
    try:
        packed = _decoded(unsigned(signer(secrets, _SALT), text).decode())
    except (BadSignature, ValueError):
        return Problem("forged", "it was changed, or sealed with another SECRET or PIXEL_ID")
    try:
        checkout = _unpacked(packed)
    except (ValueError, LookupError, struct.error, zlib.error):
        return Problem("malformed", "it was sealed by a later version")
    if now - checkout.time > max_age:
        return Problem("expired", f"it is more than {max_age // 86400} days old")
    return checkout


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


# --- what gives way ------------------------------------------------------------------------------


def _lighter(visitor: Visitor) -> Iterator[Visitor]:
    """The facts, and then ever fewer of them: what is worth least goes first, and goes whole.

    The URL's query; hashes of address, birth and gender; the URL's path; the name; external_id
    and telephone; the user agent, which Meta's documents want of website events; the click;
    e-mail; the URL.
    """
    yield visitor
    yield (visitor := visitor._replace(url=visitor.url.partition("?")[0]))
    for key in _WORST_FIRST:
        yield (visitor := _without(visitor, key))
    yield (visitor := visitor._replace(url="/".join([*visitor.url.split("/", 3)[:3], ""])))
    for key in _NAMES:
        yield (visitor := _without(visitor, key))
    for key in ("external_id", "ph"):
        yield (visitor := _without(visitor, key))
    yield (visitor := visitor._replace(user_agent=""))
    yield (visitor := visitor._replace(fbc=None))
    yield (visitor := _without(visitor, "em"))
    yield visitor._replace(url="")


def _without(visitor: Visitor, key: str) -> Visitor:
    return visitor._replace(hashed={k: v for k, v in visitor.hashed.items() if k != key})


# --- bytes ---------------------------------------------------------------------------------------


def _packed(visitor: Visitor, time: int) -> bytes:
    mask, digests = _digests(visitor.hashed)
    ip = _address(visitor.client_ip)
    ldu = b"" if visitor.ldu is None else _LDU.pack(*visitor.ldu)
    flags = _ASKED * visitor.asked | _HAS_LDU * bool(ldu) | {4: _IPV4, 16: _IPV6}.get(len(ip), 0)
    return b"".join((
        *(_HEAD.pack(_VERSION, flags, time, mask), ip, ldu, digests),
        *(_dense(visitor.fbp), _dense(visitor.fbc), _deflated(visitor.url, visitor.user_agent)),
    ))  # fmt: skip


def _unpacked(packed: bytes) -> Checkout:
    version, flags, time, mask = _HEAD.unpack_from(packed)
    if version != _VERSION or mask >> len(_ORDER):
        raise ValueError("of a later version")
    rest = _Rest(packed, _HEAD.size)
    ip = rest.take(4 if flags & _IPV4 else 16 if flags & _IPV6 else 0)
    country_state = _LDU.unpack(rest.take(_LDU.size)) if flags & _HAS_LDU else None
    keys = [key for bit, key in enumerate(_ORDER) if mask >> bit & 1]
    hashed = {key: [rest.take(_DIGEST).hex()] for key in keys}
    fbp, fbc = (_spread(rest.take(rest.take(1)[0])) for _ in range(2))
    url, agent = _inflated(rest.take(None))
    visitor = Visitor(
        *(url, "", str(ipaddress.ip_address(ip)) if ip else "", agent, fbp, fbc, hashed),
        asked=bool(flags & _ASKED),
        ldu=country_state and (country_state[0], country_state[1]),
    )
    return Checkout(visitor, time)


class _Rest:
    """Bytes that are taken one piece after the other."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def take(self, size: int | None) -> bytes:
        end = len(self._data) if size is None else self._at + size
        if end > len(self._data):
            raise ValueError("too short")
        piece, self._at = self._data[self._at : end], end
        return piece


def _digests(hashed: Mapping[str, list[str]]) -> tuple[int, bytes]:
    mask, digests = 0, []
    for bit, key in enumerate(_ORDER):
        first = next(iter(hashed.get(key, ())), "")
        if len(first) == 2 * _DIGEST:
            mask |= 1 << bit
            digests.append(bytes.fromhex(first))
    return mask, b"".join(digests)


def _address(text: str) -> bytes:
    try:
        return ipaddress.ip_address(text).packed
    except ValueError:
        return b""


# The letters of `_fbp` and `_fbc`, as digits of one number: an `_fbp` of 37 letters takes 18 bytes.
_DIGITS: Final = "0123456789.fb"
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
_LONGEST = 255


def _dense(text: str | None) -> bytes:
    """A cookie of Meta's, its length before it; nothing of one with other letters."""
    letters = _DIGITS if set(text or "") <= set(_DIGITS) else _LETTERS
    number = 1
    for letter in text or "":
        place = letters.find(letter)
        if place < 0:
            return b"\0"
        number = number * len(letters) + place
    dense = bytes([len(letters)]) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([len(dense)]) + dense if text and len(dense) <= _LONGEST else b"\0"


def _spread(dense: bytes) -> str | None:
    if not dense:
        return None
    letters = _DIGITS if dense[0] == len(_DIGITS) else _LETTERS
    number, spread = int.from_bytes(dense[1:], "big"), []
    while number > 1:
        number, place = divmod(number, len(letters))
        spread.append(letters[place])
    return "".join(reversed(spread))


def _deflated(url: str, agent: str) -> bytes:
    if not url and not agent:
        return b""
    text = f"{url.replace(chr(0), '')}\0{agent}".encode("utf-8", "replace")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=_DICTIONARY)
    return packer.compress(text) + packer.flush()


def _inflated(data: bytes) -> tuple[str, str]:
    if not data:
        return "", ""
    unpacker = zlib.decompressobj(-15, zdict=_DICTIONARY)
    url, _, agent = unpacker.decompress(data).decode().partition("\0")
    return url, agent
