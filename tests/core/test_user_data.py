from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.user_data import (
    ASCII_LIMIT,
    FIELDS,
    LENGTH_LIMIT,
    VALUES_LIMIT,
    customer_information,
    hashed,
    normalise,
)

YEAR = 2026
KEYS = tuple(FIELDS.values())
VECTORS = json.loads((Path(__file__).parent / "data" / "normalisation.json").read_text("utf-8"))


def sha(*forms: str) -> tuple[str, ...]:
    return tuple(sha256(form.encode()).hexdigest() for form in forms)


# --- the forms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", sorted({row["field"] for row in VECTORS}))
def test_first_form_is_what_the_pixel_makes(key: str) -> None:
    """855 values: printed in Meta's documents, or agreed by its two official libraries."""
    rows = [row for row in VECTORS if row["field"] == key]
    values = [row["input"] for row in rows]
    expected = [(row["normalized"], row["sha256"]) for row in rows]
    made = [normalise(key, value, year=YEAR) for value in values]
    hashes = [hashed(key, value, year=YEAR) for value in values]
    pairs = zip(made, hashes, strict=True)
    first = [(forms[0], digests[0]) if forms else (None, None) for forms, digests in pairs]
    assert dict(zip(values, first, strict=True)) == dict(zip(values, expected, strict=True))


FORMS: list[tuple[str, object, tuple[str, ...]]] = [
    ("em", "Jörg@Bücher.Example", ("jörg@bücher.example",)),
    ("em", "a.b+tag@gmail.com", ("a.b+tag@gmail.com",)),
    ("em", ".a@b.c", (".a@b.c",)),
    ("em", "a@.b.c", ()),
    ("em", "a@b.c.", ()),
    ("em", "Jane <jane@example.com>", ()),
    ("em", b"Jane@Example.com", ("jane@example.com",)),
    ("fn", "Mary Ann", ("maryann",)),
    ("fn", "José\ufeffMaría ", ("josémaría",)),
    ("ln", "O'Neil-Smith", ("oneilsmith",)),
    ("ct", "Malmö", ("malm", "malmö")),
    ("ct", "São Paulo", ("sopaulo", "sãopaulo")),
    ("ct", "New York", ("newyork",)),
    ("ct", "서울", ("서울",)),
    ("ct", "東京", ("東京",)),
    ("ct", "मुंबई", ("मुंबई",)),
    ("ct", "Zürich 8000", ("zrich8000", "zürich8000")),
    ("ct", "🎉—", ()),
    ("st", "Bavaria", ("ba", "bavaria")),
    ("st", "California", ("ca",)),
    ("st", "CA", ("ca",)),
    ("st", "New-York!", ("ny",)),
    ("st", "Québec", ("qc", "québec")),
    ("st", "Ontario", ("on", "ontario")),
    ("st", "Västra Götaland", ("vs", "västragötaland")),
    ("st", "東京都", ("東京都",)),
    ("st", "Washington, D.C.", ("wa", "dc")),
    ("st", "District of Columbia", ("di", "dc")),
    ("zp", "SW1A 1AA", ("sw1a 1aa", "sw1a1aa")),
    ("zp", "00-950", ("00", "00950")),
    ("zp", "94102-5678", ("94102",)),
    ("zp", "94102 5678", ("94102 5678", "94102")),
    ("zp", "211 22", ("211 22", "21122")),
    ("zp", 21122, ("21122",)),
    ("country", "uk", ("gb",)),
    ("country", "SWE", ("se",)),
    ("country", "Sverige", ("se",)),
    ("country", "zz", ()),
    ("country", "Atlantis", ()),
    ("db", date(1990, 12, 31), ("19901231",)),
    ("db", datetime(1990, 12, 31, 23, 59, tzinfo=UTC), ("19901231",)),
    ("db", "1990-12-31T00:00:00Z", ("19901231",)),
    ("db", "05.03.1995", ("19950305",)),
    ("db", "5. 3. 1995", ("19950305",)),
    ("db", "05/03/1995", ("19950503",)),
    ("db", "13/03/1995", ("19950313",)),
    ("db", "12.31.1995", ("19951231",)),
    ("db", "1995.05.03", ("19950503",)),
    ("db", "1800-01-01", ("18000101",)),
    ("db", "2027-01-01", ("20270101",)),
    ("db", "2028-01-01", ()),
    ("db", "30.02.1990", ()),
    ("db", "19900230", ()),
    ("db", "31121990", ()),
    ("db", "1.2.90", ()),
    ("db", "1990-012-31", ()),
    ("db", "１９９０-12-31", ()),
    ("db", date(1, 1, 1), ()),
    ("ge", " Ma'am ", ("f",)),
    ("ge", "diverse", ()),
    ("external_id", "User 1\ufeff23", ("user123",)),
    ("external_id", 123, ("123",)),
    ("external_id", UUID("6BA7B810-9DAD-11D1-80B4-00C04FD430C8"),
     ("6ba7b810-9dad-11d1-80b4-00c04fd430c8",)),
    ("fn", "A" * 32 + "f" * 32, ("a" * 32 + "f" * 32,)),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "forms"), FORMS, ids=lambda part: str(part)[:30])
def test_makes_the_forms(key: str, value: object, forms: tuple[str, ...]) -> None:
    assert normalise(key, value, year=YEAR) == forms


PHONES: list[tuple[str | int, str | None, tuple[str, ...]]] = [
    ("+46 (0)70-123 45 67", None, ("46701234567",)),
    ("(+46) 070-123 45 67", None, ("46701234567",)),
    ("0046 70 123 45 67", None, ("46701234567",)),
    ("0046 70 123 45 67", "US", ("46701234567",)),
    ("070-123 45 67", "SE", ("46701234567",)),
    ("070-123 45 67", "se", ("46701234567",)),
    ("46701234567", "SE", ("46701234567",)),
    ("070-123 45 67", None, ("701234567",)),
    ("070-123 45 67", "Atlantis", ("701234567",)),
    ("+1 650 555 1212 ext. 5", None, ("16505551212",)),
    ("650-555-1212 x5", "US", ("16505551212",)),
    ("+39 06 1234 5678", None, ("390612345678",)),
    ("+44 (0)20 7946 0958", "SE", ("442079460958",)),
    (6505551212, None, ("6505551212",)),
    (6505551212, "US", ("16505551212",)),
    ("123456", None, ()),
    ("1234567", None, ("1234567",)),
    ("123456789012345", None, ("123456789012345",)),
    ("1234567890123456", None, ()),
    ("+1 23", None, ()),
    ("n/a", "SE", ()),
    ("1" * 300, "SE", ()),
]


@pytest.mark.parametrize(("value", "country", "forms"), PHONES, ids=lambda part: str(part)[:30])
def test_makes_the_form_of_a_phone_number(
    value: object, country: str | None, forms: tuple[str, ...]
) -> None:
    assert normalise("ph", value, phone_country=country, year=YEAR) == forms


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_way_to_write_a_phone_number_gives_one_form(region: str) -> None:
    example = phonenumbers.example_number(region)
    styles = phonenumbers.PhoneNumberFormat
    plain = phonenumbers.format_number(example, styles.E164)
    spaced = phonenumbers.format_number(example, styles.INTERNATIONAL)
    written = [plain, spaced, "00" + plain[1:], "00 " + spaced[1:] + " ext. 12"]
    assert {normalise("ph", one, year=YEAR) for one in written} == {(plain[1:],)}
    national = phonenumbers.format_number(example, styles.NATIONAL)
    assert normalise("ph", national, phone_country=region, year=YEAR) == (plain[1:],)


DAYS = st.dates(date(1800, 1, 1), date(YEAR + 1, 12, 31))


@given(
    DAYS, st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%m/%d/%Y", "%d.%m.%Y", "%Y.%m.%d", "%d. %m. %Y"])
)
def test_every_way_to_write_a_day_gives_one_form(day: date, style: str) -> None:
    assert normalise("db", day.strftime(style), year=YEAR) == (day.strftime("%Y%m%d"),)


# --- whatever comes ------------------------------------------------------------------------------


class Spiteful(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text("0123456789+-. ()x#/").map(lambda digits: "+" + digits)
    | st.from_regex(r"[0-9]{1,5}([-./ ][0-9]{1,5}){1,4}", fullmatch=True)
    | st.binary()
    | st.dates()
    | st.datetimes()
    | st.timedeltas(max_value=timedelta(days=1))
    | st.uuids()
    | st.sampled_from(["\ud800", b"\xff", object(), Spiteful("x"), str, 1j])
)
VALUES = (
    SCALARS | st.recursive(SCALARS, st.lists) | st.lists(st.text()).map(tuple) | st.sets(st.text())
)
COUNTRIES = st.sampled_from([None, "SE", "us", "IT", "", "xx"]) | st.text(max_size=3)


@given(st.sampled_from(KEYS), VALUES, COUNTRIES)
def test_any_value_gives_distinct_hashes_or_nothing(
    key: str, value: Any, country: str | None
) -> None:
    hashes = hashed(key, value, phone_country=country, year=YEAR)
    assert all(re.fullmatch(r"[0-9a-f]{64}", one) for one in hashes)
    assert len(set(hashes)) == len(hashes) <= 2 * VALUES_LIMIT


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), VALUES))
def test_any_value_is_known_dropped_or_blank(fields: dict[str, Any]) -> None:
    known, dropped = customer_information(fields, phone_country="SE", year=YEAR)
    blank = {name for name, value in fields.items() if value is None or value in ("", b"", [])}
    assert not known.keys() & {FIELDS[name] for name in dropped}
    assert not blank & set(dropped)
    for key, hashes in known.items():
        name = next(name for name in FIELDS if FIELDS[name] == key)
        assert tuple(hashes) == hashed(key, fields[name], phone_country="SE", year=YEAR)


SHAPES = {
    "em": r"[^@\s]+@[^@\s]+",
    "ph": r"[1-9][0-9]{6,14}",
    "fn": r"\S+",
    "ln": r"\S+",
    "db": r"[0-9]{8}",
    "ge": r"[fm]",
    "ct": r"\w.*",
    "st": r"\w.*",
    "zp": r"[^-]+",
    "country": r"[a-z]{2}",
    "external_id": r"\S+",
}


@given(st.sampled_from(KEYS), st.text() | st.text("aBc-@. 1'é"))
def test_first_form_has_its_shape_and_is_its_own_form(key: str, value: str) -> None:
    forms = normalise(key, value, year=YEAR)
    assert len(forms) == len(set(forms)) <= 2
    for first in forms[:1]:
        assert re.fullmatch(SHAPES[key], first, re.DOTALL)
        assert normalise(key, first, year=YEAR)[:1] == (first,)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", [True, 1.5, object(), [["x"]], Spiteful("x"), "\ud800", b"\xff"])
def test_drops_what_is_no_value(key: str, value: object) -> None:
    assert hashed(key, value, year=YEAR) == ()


def test_drops_a_number_that_python_does_not_write_out() -> None:
    assert [hashed(key, 10**5000, year=YEAR) for key in KEYS] == [()] * len(KEYS)


# --- lists, hashes, bounds -----------------------------------------------------------------------


def test_all_first_forms_come_before_all_second_ones() -> None:
    cities = ["Malmö", "Paris", None, "São Paulo", "PARIS", "---"]
    assert hashed("ct", cities, year=YEAR) == sha("malm", "paris", "sopaulo", "malmö", "sãopaulo")


def test_takes_sets_and_tuples() -> None:
    assert hashed("fn", {"Jane"}, year=YEAR) == sha("jane")
    assert hashed("fn", ("Jane", "Ann"), year=YEAR) == sha("jane", "ann")
    assert hashed("fn", [], year=YEAR) == ()


def test_takes_ten_values_of_a_list() -> None:
    names = [f"name{number}" for number in range(VALUES_LIMIT + 1)]
    assert hashed("fn", names, year=YEAR) == sha(*names[:VALUES_LIMIT])


def test_drops_what_is_longer_than_any_value() -> None:
    for longest in ("a" * ASCII_LIMIT, "é" * LENGTH_LIMIT):
        assert normalise("fn", longest, year=YEAR) == (longest,)
        assert normalise("fn", longest.encode(), year=YEAR) == (longest,)
        assert normalise("fn", longest + longest[0], year=YEAR) == ()
        assert normalise("fn", (longest + longest[0]).encode(), year=YEAR) == ()
    assert normalise("fn", "🎉".encode() * ASCII_LIMIT, year=YEAR) == ()


@pytest.mark.parametrize("key", KEYS)
def test_passes_a_hash_on(key: str) -> None:
    (given_hash,) = sha("jane@example.com")
    assert hashed(key, f" {given_hash.upper()}\n", year=YEAR) == (given_hash,)


# --- identify() ----------------------------------------------------------------------------------


def test_names_every_field_by_metas_key() -> None:
    fields: dict[str, object] = {
        "email": "Jane@Example.com",
        "phone": "070-123 45 67",
        "first_name": "Jane",
        "last_name": "Doe",
        "date_of_birth": date(1990, 12, 31),
        "gender": "female",
        "city": "Malmö",
        "state": "Skåne",
        "zip": "211 22",
        "country": "Sweden",
        "external_id": ["U-1", 2],
    }
    assert customer_information(fields, phone_country="SE", year=YEAR) == (
        {
            "em": [*sha("jane@example.com")],
            "ph": [*sha("46701234567")],
            "fn": [*sha("jane")],
            "ln": [*sha("doe")],
            "db": [*sha("19901231")],
            "ge": [*sha("f")],
            "ct": [*sha("malm", "malmö")],
            "st": [*sha("sk", "skåne")],
            "zp": [*sha("211 22", "21122")],
            "country": [*sha("se")],
            "external_id": [*sha("u-1", "2")],
        },
        (),
    )


def test_names_dropped_fields_but_not_blank_ones() -> None:
    fields = {
        "email": "nobody",
        "phone": "",
        "first_name": None,
        "last_name": [" ", None, b""],
        "city": ["---", "Paris"],
        "country": [None, "Atlantis"],
        "external_id": object(),
    }
    assert customer_information(fields, phone_country=None, year=YEAR) == (
        {"ct": [*sha("paris")]},
        ("email", "country", "external_id"),
    )


def test_an_unknown_field_is_a_type_error_that_lists_the_right_ones() -> None:
    with pytest.raises(TypeError) as raised:
        customer_information({"email": "a@b.c", "mail": "x", "em": "y"}, phone_country=None, year=1)
    assert str(raised.value) == (
        "unknown mail, em: the fields are email, phone, first_name, last_name, date_of_birth, "
        "gender, city, state, zip, country, external_id"
    )
