import re

import pytest

from pixelpair.core.currencies import MINOR_UNITS, SYMBOLS, currency_code
from pixelpair.sandbox.currencies import CURRENCIES


def test_codes_are_those_of_iso_4217() -> None:
    assert len(MINOR_UNITS) == 155
    assert all(re.fullmatch("[A-Z]{3}", code) for code in MINOR_UNITS)
    assert set(MINOR_UNITS.values()) == {0, 2, 3}


def test_differs_from_what_the_sandbox_takes() -> None:
    """MRU is valid and was seen rejected; the others were withdrawn, and are in old books."""
    assert set(MINOR_UNITS) - CURRENCIES == {"MRU"}
    assert CURRENCIES - set(MINOR_UNITS) == {"ANG", "BGN", "HRK"}


@pytest.mark.parametrize(
    ("code", "units"),
    [("JPY", 0), ("KRW", 0), ("CLP", 0), ("ISK", 0), ("EUR", 2), ("HUF", 2), ("KWD", 3)],
)
def test_minor_units(code: str, units: int) -> None:
    assert MINOR_UNITS[code] == units


@pytest.mark.parametrize(
    ("text", "code"),
    [("sek", "SEK"), (" EUR ", "EUR"), ("€", "EUR"), ("zł", "PLN"), ("US$", "USD"),
     ("$", None), ("kr", None), ("£", None), ("EURO", None), ("XXX", None), ("", None)],
)  # fmt: skip
def test_reads_a_code(text: str, code: str | None) -> None:
    assert currency_code(text) == code


def test_every_sign_has_a_currency_that_there_is() -> None:
    assert set(SYMBOLS.values()) <= set(MINOR_UNITS)
