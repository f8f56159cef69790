from __future__ import annotations

from collections import Counter

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core import places
from pixelpair.core.places import PROVINCES, US_OTHERS, US_STATES, country_code, fold

NAMES = {
    "SE": "se",
    "swe": "se",
    " Sweden ": "se",
    "SVERIGE": "se",
    "uk": "gb",
    "U.K.": "gb",
    "Great Britain": "gb",
    "England": "gb",
    "U.S.A.": "us",
    "United States of America": "us",
    "Österreich": "at",
    "OSTERREICH": "at",
    "o\N{COMBINING DIAERESIS}sterreich": "at",
    "Côte d\N{RIGHT SINGLE QUOTATION MARK}Ivoire": "ci",
    "cote d'ivoire": "ci",
    "Trinidad & Tobago": "tt",
    "Trinidad and Tobago": "tt",
    "St. Lucia": "lc",
    "Saint Lucia": "lc",
    "The Netherlands": "nl",
    "Holland": "nl",
    "Czech Republic": "cz",
    "Türkiye": "tr",
    "Turkey": "tr",
    "Korea, Republic of": "kr",
    "대한민국": "kr",
    "日本": "jp",
    "Россия": "ru",
    "Ελλάδα": "gr",
    "مصر": "eg",
    "भारत": "in",
    "zz": None,
    "eu": None,
    "Atlantis": None,
    "united": None,
    "---": None,
    "": None,
}


@pytest.mark.parametrize("name", NAMES)
def test_finds_the_country_of_a_code_or_name(name: str) -> None:
    assert country_code(name) == NAMES[name]


def test_knows_every_country_that_has_telephones() -> None:
    # Ascension, Tristan da Cunha and Kosovo have no code of their own in ISO 3166-1
    with_telephones = phonenumbers.SUPPORTED_REGIONS - {"AC", "TA", "XK"}
    assert {region for region in with_telephones if country_code(region) != region.lower()} == set()


def test_no_name_means_two_countries() -> None:
    owners = Counter[str]()
    lines = [line.split(" ", 2) for line in places._COUNTRIES.splitlines()]
    for alpha_2 in {line[0] for line in lines}:
        mine = [line for line in lines if line[0] == alpha_2]
        owners.update({fold(name) for line in mine for name in (*line[:2], *line[2].split("|"))})
    assert len({line[0] for line in lines}) == 249
    assert len({line[1] for line in lines}) == 249
    assert [name for name, count in owners.items() if count > 1 or not name] == []


def test_knows_fifty_states_and_thirteen_provinces() -> None:
    tables = US_STATES | US_OTHERS | PROVINCES
    assert (len(set(US_STATES.values())), len(set(PROVINCES.values()))) == (50, 13)
    assert len(tables) == 50 + len(US_OTHERS) + 13
    assert all(fold(name) == name and len(code) == 2 for name, code in tables.items())


@given(st.text())
def test_folding_twice_folds_no_further_and_case_never_counts(name: str) -> None:
    assert all(letter.isalnum() for letter in fold(name))
    if name.isascii():
        assert fold(name) == fold(name.upper()) == fold(fold(name))
