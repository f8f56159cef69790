"""What the shop knows of its visitors, asked through every door: the same answers and twins."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from django.http import HttpRequest

from pixelpair import Settings, identify
from pixelpair.core.events import Withdrawal
from pixelpair.core.person import IN_FLIGHT

from . import site
from .drive import NOON, PIXEL, Ask, Ledger, names
from .fronts import FRONTS
from .site import CASES, ROUTES, report

if TYPE_CHECKING:
    from collections.abc import Callable

ASYNC = ["asgi", "starlette", "fastapi", "django async"]
every_door = pytest.mark.parametrize("door", FRONTS)
PRODUCT, PLAIN = CASES["product"].ask, CASES["plain page"].ask
ADA = {"email": "ada@shop.example", "first_name": None}
HASHED = {"em": [sha256(b"ada@shop.example").hexdigest()]}
MATCHING = {"advanced_matching": "1"}


class Asked:
    """Who was asked about whom, and whether an event loop had to wait for the answer."""

    SEEN: ClassVar[list[tuple[str, object]]] = []
    LOOPS: ClassVar[list[bool]] = []


def _noted(kind: str, visitor: object) -> None:
    Asked.SEEN.append((kind, visitor))
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        Asked.LOOPS.append(False)
    else:
        Asked.LOOPS.append(True)


def whose(visitor: object) -> object:
    _noted("identify", visitor)
    return ADA


async def whose_later(visitor: object) -> object:
    _noted("identify", visitor)
    await asyncio.sleep(0)
    return ADA


class Whose:
    def __call__(self, visitor: object) -> object:
        return whose(visitor)


def failing(visitor: object) -> object:
    raise KeyError("ada@shop.example")


def agreed(visitor: object) -> bool:
    _noted("consent", visitor)
    return True


def refused(visitor: object) -> bool:
    return False


def undecided(visitor: object) -> None:
    return None


async def agreed_later(visitor: object) -> bool:
    return True


def is_staff(visitor: object) -> bool:
    _noted("staff", visitor)
    return True


def is_nobody(visitor: object) -> bool:
    _noted("staff", visitor)
    return False


WHOSE = Whose()


@pytest.fixture(autouse=True)
def _nobody_yet() -> None:
    Asked.SEEN.clear()
    Asked.LOOPS.clear()


def known(twins: list[dict[str, Any]]) -> list[object]:
    """The customer information of each twin."""
    plain = {"client_ip_address", "client_user_agent", "fbp", "fbc"}
    return [{k: v for k, v in t["user_data"].items() if k not in plain} for t in twins]


def failures(said: Callable[[], list]) -> list[str]:
    """Which options' callables failed, as the log says it; it says nothing else."""
    tail = ": the callable of the shop failed; it counts as if it knew nothing"
    assert [line for line in said() if line[0] != "ERROR" or not line[1].endswith(tail)] == []
    return [text.removesuffix(tail) for _, text in said()]


# --- identify ------------------------------------------------------------------------------------


@every_door
@pytest.mark.parametrize("given", [whose, WHOSE, f"{__name__}.whose", f"{__name__}.WHOSE"], ids=str)
def test_callable_knows_the_visitor_of_an_event(door, given, behind, said):
    ask = behind(door, identify=given, **MATCHING)
    answer, twins = ask(PRODUCT)
    assert known(twins) == [HASHED, HASHED]
    assert [block["match"] for block in answer.blocks] == [{"em": HASHED["em"][0]}]
    assert (Asked.LOOPS, said()) == ([False], [])
    _, [view] = ask(PLAIN)
    assert (known([view]), len(Asked.SEEN)) == ([{}], 1)


SOURCES = {
    "wsgi": dict, "flask": dict, "asgi": dict, "starlette": dict, "fastapi": dict,
    "django": HttpRequest, "django async": HttpRequest,
}  # fmt: skip


@every_door
def test_callable_gets_what_the_framework_calls_a_request(door, behind):
    behind(door, identify=whose, **MATCHING)(PRODUCT)
    [(_, source)] = Asked.SEEN
    assert isinstance(source, SOURCES[door])
    if SOURCES[door] is dict:
        assert source["type" if door in ASYNC else "REQUEST_METHOD"] in ("http", "GET")


@every_door
@pytest.mark.parametrize("given", [whose_later, f"{__name__}.whose_later"], ids=str)
def test_async_callable_is_asked_where_there_is_an_event_loop(door, given, behind, said):
    _, twins = behind(door, identify=given, **MATCHING)(PRODUCT)
    if door in ASYNC:
        assert (known(twins), Asked.LOOPS, said()) == ([HASHED, HASHED], [True], [])
    else:
        assert (known(twins), failures(said)) == ([{}, {}], ["PIXELPAIR_IDENTIFY"])


BROKEN = {
    "raises": failing,
    "no module": "no.such.module",
    "no such name": f"{__name__}.nobody_is_here",
    "a number": lambda visitor: 7,
    "text": lambda visitor: "ada@shop.example",
    "pairs that are none": lambda visitor: [1, 2],
}


@every_door
@pytest.mark.parametrize("how", BROKEN)
def test_callable_that_fails_changes_nothing_else(door, how, behind, said):
    """Each answer is that of a shop without the callable, to the byte."""
    ask = behind(door, identify=BROKEN[how], **MATCHING)
    found = [ask(PRODUCT), ask(PRODUCT)]
    assert failures(said) == ["PIXELPAIR_IDENTIFY"]
    plain = behind(door, **MATCHING)
    assert found == [plain(PRODUCT), plain(PRODUCT)]


@every_door
def test_value_of_a_callable_that_cannot_be_read_drops_its_field(door, behind, said):
    given = {"email": "ada@shop.example", "phone": object(), "gender": "?", "city": "", "hat": 7}
    _, twins = behind(door, identify=lambda visitor: given, **MATCHING)(PRODUCT)
    assert known(twins) == [HASHED, HASHED]
    text = "identify(): %s cannot be read; it was dropped"
    assert said() == [("WARNING", text % name) for name in ("hat", "phone", "gender")]


@pytest.mark.parametrize("door", [name for name in FRONTS if name not in ("asgi", "wsgi")])
def test_event_of_a_rule_by_name_is_one_too(door, behind):
    """Seen: rules by the route's name did not count, and their events knew nobody."""
    ask = behind(door, identify=whose, **MATCHING)
    _, twins = ask(Ask(path="/goods/SKU-7"))
    assert (names(twins), known(twins)) == (["PageView", "ViewContent"], [HASHED, HASHED])


@every_door
def test_view_is_trusted_before_the_callable(door, behind, monkeypatch):
    case = CASES["post and redirect"]
    says = replace(case.reply, acts=(*case.reply.acts, partial(identify, email="eve@a.example")))
    both = {"email": "eve@a.example", "city": "Lund"}
    monkeypatch.setitem(site._VIEWS, (case.ask.method, case.ask.path), says)
    _, [twin] = behind(door, identify=lambda visitor: both, **MATCHING)(case.ask)
    [found] = known([twin])
    assert found == {
        "em": [sha256(b"eve@a.example").hexdigest()],
        "ct": [sha256(b"lund").hexdigest()],
    }


# --- consent -------------------------------------------------------------------------------------


@every_door
@pytest.mark.parametrize("given", [agreed, f"{__name__}.agreed"], ids=str)
def test_callable_agrees(door, given, behind, said):
    answer, twins = behind(door, consent=given)(PRODUCT)
    assert names(twins) == names(answer.shown) == ["PageView", "ViewContent"]
    assert set(answer.cookies) == {"_fbp", "_pp_consent"}
    assert answer.cookies["_pp_consent"][0] == "1.1750000000"
    assert (Asked.LOOPS, said()) == ([False], [])


@every_door
def test_async_callable_agrees_where_there_is_an_event_loop(door, behind, said):
    _, twins = behind(door, consent=agreed_later)(PRODUCT)
    if door in ASYNC:
        assert (names(twins), said()) == (["PageView", "ViewContent"], [])
    else:
        assert (twins, failures(said)) == ([], ["PIXELPAIR_CONSENT"])


NOT_AGREED = {
    "refused": (refused, {"_pp_consent": "0.1750000000"}, []),
    "undecided": (undecided, {}, []),
    "raises": (failing, {}, ["PIXELPAIR_CONSENT"]),
    "no module": ("no.such.module", {}, ["PIXELPAIR_CONSENT"]),
    "nonsense": (lambda visitor: "yes", {"_pp_consent": "0.1750000000"}, []),
}


@every_door
@pytest.mark.parametrize("how", NOT_AGREED)
def test_page_of_who_has_not_agreed_waits_for_a_word(door, how, behind, said):
    given, cookies, failed = NOT_AGREED[how]
    ask = behind(door, consent=given)
    answer, twins = ask(PRODUCT)
    assert (twins, answer.shown, names(answer.sealed)) == ([], [], ["PageView", "ViewContent"])
    assert {name: value for name, (value, _) in answer.cookies.items()} == cookies
    act, twins = ask(CASES["post and redirect"].ask)
    assert (twins, act.shown, failures(said)) == ([], [], failed)
    assert b"<noscript>" not in answer.body


@every_door
def test_refusal_deletes_what_was_there_and_what_waits(door, tmp_path):
    fbp = "fb.1.1700000000000.77"
    before = f"_fbp={fbp}; _pp_consent=1.1700000000; _pixelpair_0a1b2c3d=eyJ0Ijox"
    ledger = Ledger(tmp_path / "spool", consent=refused)
    answer = FRONTS[door](ledger.tracker).ask(Ask(headers=(("cookie", before),)))
    lives = {name: dict(terms).get("max-age") for name, (_, terms) in answer.cookies.items()}
    assert lives == {"_fbp": "0", "_pixelpair_0a1b2c3d": "0", "_pp_consent": "15724800"}
    assert answer.cookies["_pp_consent"][0] == "0.1750000000"
    assert (ledger.twins(), ledger.withdrawals) == (
        [],
        [Withdrawal(PIXEL, fbp, int(NOON) + IN_FLIGHT)],
    )
    ledger.tracker.close()


# --- staff ---------------------------------------------------------------------------------------


@every_door
def test_staff_is_not_counted(door, behind, said):
    ask = behind(door, staff=f"{__name__}.is_staff")
    found = [ask(CASES[name].ask) for name in ("product", "plain page", "post and redirect")]
    assert [twins for _, twins in found] == [[], [], []]
    whole = [CASES[name].reply.whole for name in ("product", "plain page")]
    assert [answer.body for answer, _ in found[:2]] == whole
    assert [answer.shown for answer, _ in found] == [[], [], []]
    assert (len(Asked.SEEN), said()) == (3, [])


@every_door
@pytest.mark.parametrize("given", ["no.such.module", "failing", "is_nobody"])
def test_who_cannot_be_told_from_a_customer_is_one(door, given, behind):
    path = given if "." in given else f"{__name__}.{given}"
    _, twins = behind(door, staff=path)(PRODUCT)
    assert names(twins) == ["PageView", "ViewContent"]


# --- where they are asked ------------------------------------------------------------------------

ALL = ["staff", "consent", "identify"]
WHERE = {
    "product": ALL,
    "plain page": ["staff", "consent"],
    "streamed in odd chunks": ["staff", "consent"],
    "json": ALL,
    "json that was read": [],
    "post and redirect": ALL,
    "route alone": ALL,
    "file": [],
    "not modified": [],
    "staff": [],
}


@every_door
@pytest.mark.parametrize("case", WHERE)
def test_asked_once_and_where_it_is_wanted(door, case, behind):
    options = {"staff": f"{__name__}.is_nobody", "consent": agreed, "identify": whose}
    behind(door, **options, **MATCHING)(CASES[case].ask)
    assert [kind for kind, _ in Asked.SEEN] == WHERE[case]


# --- many shops ----------------------------------------------------------------------------------


class Owner:
    """The shop's own object, which asks a database as Django lets it: in no event loop."""

    def for_host(self, host: str) -> Settings | None:
        _noted("host", host)
        if asyncio._get_running_loop() is not None:
            raise RuntimeError("You cannot call this from an async context")
        return self.for_pixel(PIXEL) if host == "www.shop.example" else None

    def for_pixel(self, pixel_id: str) -> Settings | None:
        return Settings(
            cookie_domain="shop.example",
            pixel_id=pixel_id,
            access_token="token",
            secret="secret",
            routes=ROUTES,
        )


@every_door
def test_object_that_knows_the_shops_is_asked_once_and_in_no_event_loop(door, behind, said):
    many = behind(door, shops=Owner(), pixel_id="", access_token="")
    one = behind(door)
    elsewhere = Ask(path="/products/SKU-1", headers=(("host", "b.example"),))
    report = site.report("0123456789abcdef" * 2)
    for what in (PRODUCT, PRODUCT, report, CASES["post and redirect"].ask):
        assert many(what) == one(what)
    assert many(elsewhere) == (CASES["product"].reply.answer(), [])
    ours = Ask(path="/_pixelpair/x", headers=(("host", "b.example"),))
    assert many(ours) == (CASES["other addresses below ours"].reply.answer(), [])
    assert Asked.SEEN == [("host", "www.shop.example"), ("host", "b.example")]
    assert (set(Asked.LOOPS), said()) == ({False}, [])


# --- reports of pages ----------------------------------------------------------------------------

REPORT = report("a" * 32)
OLD = ("cookie", "_pp_consent=1.1760000000; _fbp=fb.1.1750000000000.1116446470")
AGREED = replace(REPORT, headers=(*REPORT.headers, OLD))


@every_door
@pytest.mark.parametrize(
    ("options", "leaves"),
    [
        ({"staff": f"{__name__}.is_nobody"}, True),
        ({"staff": f"{__name__}.is_staff"}, False),
        ({"consent": agreed}, True),
        ({"consent": refused}, False),
        ({"consent": undecided}, False),
        ({"consent": failing}, False),
    ],
    ids=repr,
)
def test_reports_ask_too(door, options, leaves, behind, said):
    """Whatever an older cookie says: pages that caches keep have no other moment to ask."""
    answer, twins = behind(door, **options)(AGREED)
    assert (answer.status, names(twins)) == (204, ["PageView"] if leaves else [])
