from __future__ import annotations

import pytest

from pixelpair.sandbox.advice import BY_CODE, BY_PAIR, UNKNOWN, advice
from pixelpair.sandbox.verdicts import TITLES


@pytest.mark.parametrize("subcode", [*TITLES, 33])
def test_every_subcode_of_ours_has_advice_of_its_own(subcode):
    assert advice({"code": 100, "error_subcode": subcode}) == BY_PAIR[100, subcode]


def test_another_subcode_has_its_codes_and_another_code_has_the_general_one():
    assert advice({"code": 190, "error_subcode": 460}) == BY_CODE[190]
    assert advice({"code": 77}) == advice({}) == UNKNOWN
