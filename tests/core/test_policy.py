from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pixelpair.core.consent import Signals, parse_consent
from pixelpair.core.policy import Policy, Question, as_information, as_state
from pixelpair.core.staff import parse_staff
from tests.core.exchanges import site
from tests.core.visitors import BANNER, KEEPSAKE, REQUIRED

ASKED = (Question("identify", dict),)


@pytest.mark.parametrize(
    ("options", "matches", "curious", "plain"),
    [
        ({}, False, False, True),
        ({"signals": Signals(gpc="deny")}, False, False, True),
        ({"signals": Signals(gpc="ignore")}, False, False, True),
        ({"signals": Signals(dnt=True)}, False, False, False),
        ({"signals": Signals(ldu=(0, 0))}, False, False, False),
        ({"consent": REQUIRED}, False, False, False),
        ({"consent": BANNER}, False, False, False),
        ({"consent": parse_consent("tcf")}, False, False, False),
        ({"staff": parse_staff(["203.0.113.0/24"])}, False, False, False),
        ({"staff": parse_staff(["cookie:staff"])}, False, False, False),
        ({"staff": parse_staff(["django"])}, False, True, False),
        ({"keepsake": KEEPSAKE}, True, True, False),
        ({"keepsake": KEEPSAKE, "anonymous": True}, True, True, False),
        ({"anonymous": True}, False, False, True),
        ({"questions": ASKED}, False, True, False),
    ],
)
def test_what_a_policy_is(options: Any, matches: bool, curious: bool, plain: bool) -> None:
    policy = Policy(**options)
    assert (policy.matches, policy.curious, policy.plain) == (matches, curious, plain)


def test_shop_is_plain_with_one_pixel_and_a_plain_policy() -> None:
    shop = site().shop
    assert (shop.plain, shop.pixel_id) == (True, "1234567890")
    two = replace(shop, pixels=("111", "222"))
    assert (two.plain, two.pixel_id) == (False, "111")
    assert not replace(shop, policy=Policy(consent=REQUIRED)).plain


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (True, "granted"),
        (False, "denied"),
        (None, "pending"),
        (1, "denied"),
        ("yes", "denied"),
        (object(), "denied"),
    ],
)
def test_nothing_but_true_is_consent(said: object, state: str | None) -> None:
    assert as_state(said) == state


@pytest.mark.parametrize(
    ("said", "information"),
    [
        (None, {}),
        ({}, {}),
        ({"email": "a@b.example", "phone": None, "city": ""}, {"email": "a@b.example", "city": ""}),
        ([("email", "a@b.example")], {"email": "a@b.example"}),
    ],
)
def test_information_is_what_a_mapping_says(said: object, information: object) -> None:
    assert as_information(said) == information


@pytest.mark.parametrize("said", [True, 7, ["email"]])
def test_what_is_no_mapping_raises(said: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        as_information(said)
