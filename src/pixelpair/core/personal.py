"""What is personal in a text: e-mail addresses, telephone and card numbers, and tokens."""

from __future__ import annotations

import re
from urllib.parse import unquote

REMOVED = "(removed)"  # parentheses need no escape in a path or a query (RFC 3986, 3.3 and 3.4)
_MOST = 4096  # of a text; addresses are shorter (http.MAX_URL)
_ROUNDS = 3  # %2540 is an @ that went through two redirects

# logo@2x.png is a picture for sharp displays.
EMAIL = re.compile(
    r"(?<![\w.!#$%&'*+=^`{|}~-])[\w.!#$%&'*+=^`{|}~-]+@(?![0-9]x\.)[\w-]+(?:\.[\w-]+)*\.[^\W\d_][\w-]+"
)
# With a + (E.164), or written as only telephone numbers are: 070-123 45 67, (08) 123 456 78,
# 555-234-5678. Bare digits stay: EAN and UPC-A numbers, ISBNs, orders and times look the same.
_E164 = r"(?<![\w+])\+[1-9](?:[ ().\-/]{0,2}[0-9]){7,14}(?![0-9])"
_WRITTEN = (
    r"(?<![\w.,+-])(?:"
    r"\(0?[0-9]{2,4}\)[ ./-]{0,2}[0-9](?:[ ./-]?[0-9]){5,9}"
    r"|(?![0-9]{2}[/-][0-9]{2}[/-][0-9]{4})0[0-9]{1,4}[ /-]{1,3}[0-9](?:[ -]?[0-9]){6,9}"
    r"|00[1-9][0-9]{0,2}[ ./-][0-9](?:[ ./-]?[0-9]){6,11}"
    r"|[2-9][0-9]{2}([ .-])[2-9][0-9]{2}\1[0-9]{4}"
    r")(?![\w-])"
)
# 15 to 19 digits that only a card begins with (ISO/IEC 7812; Amex, Diners, JCB, Visa, Mastercard,
# Maestro, Discover, UnionPay) and whose last is a card's. EANs, ISBNs and GTINs have 14 at most,
# times in microseconds begin with 1.
_CARD = re.compile(
    r"(?<![\w.,+-])(?=(?:[0-9][ -]?){14,18}[0-9](?![\w-]|[.,][0-9]))(?:"
    r"3[47](?:[ -]?[0-9]){13}|(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|3[0568][0-9]{2}|6[0-9]{3})"
    r"(?:[ -]?[0-9]){12}|(?:4[0-9]|5[06-8]|6[0-9])(?:[ -]?[0-9]){14,17})(?![\w-])",
    re.ASCII,
)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # twice a digit, the sum of its digits
PHONE_IN_PATH = re.compile(_E164, re.ASCII)
PHONE = re.compile(f"{_E164}|{_WRITTEN}", re.ASCII)

# 128 bits are 32 hex digits or 22 of base64; ids are shorter (Nano ID 21) or in one case
# (ObjectId 24, cuid 25, ULID 26).
_LONG, _LONG_MIXED = 32, 22
# Three parts with dots: JWT, itsdangerous. Else one long run of letters and digits.
_SIGNED = r"(?<![\w.-])(?:eyJ[\w-]{8,}|[\w-]{8,})\.[\w-]{4,}\.[\w-]{22,}(?![\w.-])"
_RUN = rf"(?<![A-Za-z0-9_])[A-Za-z0-9_=-]{{{_LONG_MIXED},}}"
_TOKEN = re.compile(f"{_SIGNED}|{_RUN}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"(?<![0-9a-zA-Z])(?:[0-9a-f]{32,}|[0-9A-F]{32,})(?![0-9a-zA-Z])")
# Changes of kind, to a character: chance makes 0.6 in base62, where OrganicTea100gPackOf2Bags is
# half words; and 0.4 in base36, where words-with-25-numbers has 0.2, wordswith100numbers 0.15.
_CHANGE = re.compile(r"[a-z](?=[A-Z0-9])|[A-Z](?=[a-z0-9])|[0-9](?=[A-Za-z])")
_WORD = re.compile(r"[a-z]{3,}")


def clean_text(text: str, *, cards: bool = True) -> str:
    """A text without e-mail addresses, telephone and card numbers, and tokens."""
    text = text[:_MOST]
    if "@" in text or "%" in text:
        text = EMAIL.sub(REMOVED, text)
        if "%" in text and is_personal(decoded(text), PHONE):
            return REMOVED
    text = _CARD.sub(_without_card, text) if cards else text
    text = PHONE.sub(REMOVED, text)
    return _TOKEN.sub(_without_token, text)


def is_personal(text: str, phone: re.Pattern[str]) -> bool:
    """Whether an address, a number that `phone` finds, or a token stands in it."""
    if "@" in text and EMAIL.search(text):
        return True
    return phone.search(text) is not None or any(map(_is_token, _TOKEN.finditer(text)))


def has_card(text: str) -> bool:
    """Whether the number of a card stands in it."""
    return any(map(_is_card, _CARD.finditer(text)))


def _is_card(found: re.Match[str]) -> bool:
    """Whether the last digit is the one that ISO/IEC 7812 (Luhn) makes of the others."""
    digits = [int(char) for char in reversed(found[0]) if char.isdigit()]
    return (sum(digits[::2]) + sum(_DOUBLED[digit] for digit in digits[1::2])) % 10 == 0


def _without_card(found: re.Match[str]) -> str:
    return REMOVED if _is_card(found) else found[0]


def decoded(text: str) -> str:
    """A text without its percent signs, however often they were escaped."""
    for _ in range(_ROUNDS):
        before, text = text, unquote(text) if "%" in text else text
        if text == before:
            break
    return text


def _without_token(found: re.Match[str]) -> str:
    return REMOVED if _is_token(found) else found[0]


def _is_token(found: re.Match[str]) -> bool:
    """Whether a run of letters and digits is too random for a name and too long for an id."""
    text = found[0]
    if _HEX.search(text):
        return True
    bare = _UUID.sub("", text)
    mixed = any(map(str.isupper, bare)) and any(map(str.islower, bare))
    if len(bare) < (_LONG_MIXED if mixed else _LONG):
        return False
    changes = len(_CHANGE.findall(bare)) / len(bare)
    if mixed:
        return changes >= 0.3 and len("".join(_WORD.findall(bare))) < len(bare) / 2
    return changes >= (0.2 if bare.isalnum() else 0.28)
