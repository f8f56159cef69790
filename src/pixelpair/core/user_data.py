"""Customer information: normalised as the browser pixel does it, hashed, ready for both channels.

Where Meta's documents ask for another form than the pixel makes, a value has both, the pixel's
first. A value that cannot be right is dropped, never an error.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from hashlib import sha256
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from uuid import UUID

from pixelpair.core.places import PROVINCES, US_OTHERS, US_STATES, country_code, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "email": "em",
        "phone": "ph",
        "first_name": "fn",
        "last_name": "ln",
        "date_of_birth": "db",
        "gender": "ge",
        "city": "ct",
        "state": "st",
        "zip": "zp",
        "country": "country",
        "external_id": "external_id",
    }
)

VALUES_LIMIT = 10
ASCII_LIMIT = 10_000  # the longest value the pixel was seen to hash
LENGTH_LIMIT = 1_000  # of other scripts: 10,000 ligatures would take 20 ms to fold

_Forms = tuple[str, ...]

_HASH = re.compile(r"[0-9a-fA-F]{64}")
_WHITE_SPACE = re.compile(r"[\s\ufeff]+")  # a BOM is white space to JavaScript, not to Python
_NAME_NOISE = re.compile(r"[\s\ufeff!-/:-@\[-`{-~]+")
_NO_ASCII_LETTER = re.compile(r"[^a-z0-9]+")
_NO_DIGIT = re.compile(r"[^0-9]+")
_DIGITS = re.compile(r"[0-9]+")
_EMAIL = re.compile(r"[^@\s\ufeff]+@[^@.\s\ufeff]+(?:\.[^@.\s\ufeff]+)+")
_ZIP_NOISE = re.compile(r"[\s\ufeff-]+")
_US_ZIP = re.compile(r"([0-9]{5})[\s-]?[0-9]{4}")
_GERMAN_DATE = re.compile(r"[0-9]+\.\s?[0-9]+\.\s?[0-9]+")

_MEN = """
    boy boyfriend bloke brother chap count dad daddy duke dude emperor father fellow gentleman god
    groom guy he him himself his husband king lad lord m male man mister mr nephew papa prince sir
    son uncle widower
"""
_WOMEN = """
    aunt belle bride chick countess dame daughter duchess empress f female gal girl girlfriend
    goddess her hers herself lady lass ma'am madam maiden mama miss mom mommy mother mrs ms niece
    princess queen she sister widow wife woman
"""
_GENDERS = dict.fromkeys(_MEN.split(), "m") | dict.fromkeys(_WOMEN.split(), "f")


def _is_hash(text: str) -> bool:
    return len(text) == 64 and _HASH.fullmatch(text) is not None


def _email(text: str) -> _Forms:
    return (text.lower(),) if _EMAIL.fullmatch(text) else ()


def _name(text: str) -> _Forms:
    return _distinct(_NAME_NOISE.sub("", text.lower()))


def _city(text: str) -> _Forms:
    return _distinct(_ascii_letters(text), _letters(text))


def _state(text: str) -> _Forms:
    name, letters = fold(text), _letters(text)
    if name in US_STATES:
        return (US_STATES[name],)
    first = PROVINCES.get(name) or _ascii_letters(text)[:2]
    return _distinct(first, US_OTHERS.get(name) or letters)


def _zip(text: str) -> _Forms:
    first = text.lower().partition("-")[0].strip()
    us = _US_ZIP.fullmatch(text)
    return _distinct(first, us[1] if us else _ZIP_NOISE.sub("", text.lower())) if first else ()


def _country(text: str) -> _Forms:
    code = country_code(text)
    return (code,) if code else ()


def _gender(text: str) -> _Forms:
    gender = _GENDERS.get(text.lower())
    return (gender,) if gender else ()


def _external_id(text: str) -> _Forms:
    return _distinct(_WHITE_SPACE.sub("", text.lower()))


_RULES: Mapping[str, Callable[[str], _Forms]] = {
    "em": _email,
    "fn": _name,
    "ln": _name,
    "ct": _city,
    "st": _state,
    "zp": _zip,
    "country": _country,
    "ge": _gender,
    "external_id": _external_id,
}


def _phone(text: str, country: str | None) -> _Forms:
    digits = _international(text, country) or _NO_DIGIT.sub("", text)
    digits = digits.lstrip("0")
    return (digits,) if 7 <= len(digits) <= 15 else ()


def _international(text: str, country: str | None) -> str | None:
    """Country code and national number, without trunk zero and extension; None if impossible."""
    number = text.lstrip(" (")
    if number.startswith("00"):
        number = "+" + number[2:]
    if not number.startswith("+") and country is None:
        return None
    # imported late: 27 ms and 2.5 MB that a shop without phone numbers never needs
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, country and country.upper())
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return f"{parsed.country_code}{phonenumbers.national_significant_number(parsed)}"


def _birth_date(text: str, year: int) -> _Forms:
    groups = _DIGITS.findall(text)[:3]
    if len(text) == 8 and groups == [text]:
        groups = [text[:4], text[4:6], text[6:]]
    years = [group for group in groups if len(group) == 4]
    others = [int(group) for group in groups if len(group) <= 2]
    if len(years) != 1 or len(others) != 2 or not 1800 <= int(years[0]) <= year + 1:
        return ()
    month, day = others
    dotted = groups[2] == years[0] and _GERMAN_DATE.match(text) and day <= 12
    if dotted or month > 12:
        month, day = day, month
    return _calendar_day(int(years[0]), month, day)


def _calendar_day(year: int, month: int, day: int) -> _Forms:
    try:
        return (date(year, month, day).strftime("%Y%m%d"),)
    except ValueError:
        return ()


def _ascii_letters(text: str) -> str:
    return _NO_ASCII_LETTER.sub("", text.lower())


def _letters(text: str) -> str:
    """Letters, the marks that belong to them, and digits, of every script."""
    if text.isascii():
        return _ascii_letters(text)
    return "".join(c for c in text.lower() if unicodedata.category(c)[0] in "LMN")


def _distinct(*forms: str) -> _Forms:
    return tuple(dict.fromkeys(filter(None, forms)))


def _forms(key: str, text: str, phone_country: str | None, year: int) -> _Forms:
    if _is_hash(text):
        return (text.lower(),)
    if key == "ph":
        return _phone(text, phone_country)
    if key == "db":
        return _birth_date(text, year)
    return _RULES[key](text)


def _text(key: str, value: object) -> str | None:
    """The value as stripped text: "" when blank, None when it cannot be read as text."""
    if value is None:
        return ""
    try:
        text = _as_str(key, value)
        if len(text) > (ASCII_LIMIT if text.isascii() else LENGTH_LIMIT):
            return None
        text.encode()  # refuses lone surrogates
    except Exception:  # the shop's own object may raise anything from anywhere
        return None
    return text.strip().strip("\ufeff").strip()


def _as_str(key: str, value: object) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        return value[: ASCII_LIMIT + 1].decode()
    if key == "db" and isinstance(value, date):
        return f"{value.year:04}-{value.month:02}-{value.day:02}"
    if key in _NUMERIC and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if key == "external_id" and isinstance(value, UUID):
        return str(value)
    raise TypeError


_NUMERIC = frozenset({"ph", "zp", "external_id"})


def normalise(
    key: str, value: object, *, phone_country: str | None = None, year: int
) -> tuple[str, ...]:
    """The forms of one value under Meta's `key`: the pixel's, then the documents' if it differs.

    Nothing when the value is blank or cannot be right. `phone_country` is the alpha-2 code for
    phone numbers without one, `year` the present year.
    """
    text = _text(key, value)
    return _forms(key, text, phone_country, year) if text else ()


def hashed(
    key: str, value: object, *, phone_country: str | None = None, year: int
) -> tuple[str, ...]:
    """SHA-256 of a value's forms, or of those of the first ten of a list, set or tuple.

    All first forms come before all second ones. What already is a hash is passed on.
    """
    if not isinstance(value, _COLLECTIONS):
        forms = normalise(key, value, phone_country=phone_country, year=year)
        return tuple(map(_digest, forms))
    values = islice(value, VALUES_LIMIT)
    each = [normalise(key, one, phone_country=phone_country, year=year) for one in values]
    firsts = [forms[0] for forms in each if forms]
    seconds = [forms[1] for forms in each if len(forms) == 2]
    return tuple(dict.fromkeys(map(_digest, firsts + seconds)))


def _digest(form: str) -> str:
    return form if _is_hash(form) else sha256(form.encode()).hexdigest()


_COLLECTIONS = (list, tuple, set, frozenset)


def customer_information(
    given: Mapping[str, object], *, phone_country: str | None, year: int
) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Meta's `user_data` keys with their hashes, and the names of the fields that were dropped.

    A field that is blank is neither. Raises TypeError for a name that is not in `FIELDS`.
    """
    unknown = [name for name in given if name not in FIELDS]
    if unknown:
        raise TypeError(f"unknown {', '.join(unknown)}: the fields are {', '.join(FIELDS)}")
    known: dict[str, list[str]] = {}
    dropped: list[str] = []
    for name, value in given.items():
        key = FIELDS[name]
        hashes = hashed(key, value, phone_country=phone_country, year=year)
        if hashes:
            known[key] = list(hashes)
        elif not _blank(key, value):
            dropped.append(name)
    return known, tuple(dropped)


def _blank(key: str, value: object) -> bool:
    values = islice(value, VALUES_LIMIT) if isinstance(value, _COLLECTIONS) else (value,)
    return all(_text(key, one) == "" for one in values)
