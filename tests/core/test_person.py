from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.core.consent import Consent, Signals, parse_consent
from pixelpair.core.exchange import Exchange
from pixelpair.core.identity import COOKIE, anonymous_id
from pixelpair.core.person import Person
from pixelpair.core.policy import Learned, Policy, Question
from pixelpair.core.shop import Said
from pixelpair.core.staff import parse_staff
from tests.core.exchanges import (
    AGENT,
    FBP,
    HTML,
    JSON,
    KEY,
    NOW,
    PIXEL,
    answer,
    digest,
    request,
    routes,
    site,
)
from tests.core.visitors import (
    BANNER,
    GONE,
    GOOGLEBOT,
    KEEPSAKE,
    META,
    NO,
    OWN,
    YES,
    asking,
    hashed,
    known,
    policy,
)

if TYPE_CHECKING:
    from pixelpair.core.identity import Hashes
    from pixelpair.core.inquiry import Inquiry
    from tests.core.exchanges import Site

CALLABLE = parse_consent(lambda _request: None)
JANE, JOHN = "jane@shop.example", "john@shop.example"
EM = {"em": [digest(JANE)]}


def person(
    where: Site,
    said: Said | None = None,
    learned: Learned | None = None,
    cookie: str = f"_fbp={FBP}",
    client: str = "203.0.113.7",
    **headers: str,
) -> Person:
    given = {"cookie": cookie, **{name.replace("_", "-"): v for name, v in headers.items()}}
    asked = request(headers=given, client=client)
    where.shop.arrive(asked)
    return Person(where.shop, asked, said, learned)


def kept(hashes: Hashes) -> str:
    return f"{COOKIE}={KEEPSAKE.sealed(hashes)}"


def cookies(one: Person) -> list[str]:
    values = one.cookies(NOW)
    assert one.cookies(NOW) == values
    assert {name for name, _ in values} <= {b"set-cookie"}
    return [value.decode() for _, value in values]


# --- the gate ------------------------------------------------------------------------------------

STAFF_COOKIE, BOT = {"cookie": "staff=1"}, {"user_agent": GOOGLEBOT}


@pytest.mark.parametrize(
    ("given", "learned", "muted"),
    [
        ({"cookie": YES}, None, ""),
        ({"cookie": NO}, None, "no consent"),
        ({}, None, "no consent"),
        ({"cookie": YES, **BOT}, None, "machine: crawler"),
        ({"cookie": NO, **BOT}, None, "machine: crawler"),
        ({"cookie": YES, "user_agent": ""}, None, "machine: no user agent"),
        ({"cookie": YES, "user_agent": "python-httpx/0.28.1"}, None, "machine: library"),
        (STAFF_COOKIE, None, "staff"),
        ({**STAFF_COOKIE, **BOT}, None, "staff"),
        ({"cookie": f"{YES}; staff=1"}, None, "staff"),
        ({"cookie": YES, "client": "198.51.100.9"}, None, "staff"),
        ({"cookie": YES, "client": "198.51.101.9"}, None, ""),
        ({"cookie": YES}, Learned(staff=True), "staff"),
        (BOT, Learned(staff=True), "staff"),
        ({"cookie": YES}, Learned(), ""),
    ],
)
def test_gate_asks_for_staff_then_machines_then_consent(
    given: dict[str, str], learned: Learned | None, muted: str
) -> None:
    assert person(asking(), None, learned, **given).muted == muted


def test_own_people_of_a_local_network_are_known_by_the_socket() -> None:
    where = asking(policy=policy(staff=parse_staff(["10.0.0.0/8"])))
    assert person(where, cookie=YES, client="10.1.2.3").muted == "staff"
    assert person(where, cookie=YES, client="192.168.1.2").muted == ""


def test_who_comes_through_a_proxy_that_nobody_trusts_is_not_the_proxy() -> None:
    """All visitors were staff where the proxy stood in the network of the shop's people."""
    where = asking(policy=policy(staff=parse_staff(["10.0.0.0/8"])))
    who = person(where, cookie=YES, client="10.1.2.3", x_forwarded_for="198.51.1.1")
    assert who.muted == ""


@pytest.mark.parametrize(
    ("rule", "said", "learned", "cookie", "state"),
    [
        ("required", None, None, "", "pending"),
        ("required", None, None, YES, "granted"),
        ("required", True, None, NO, "granted"),
        ("required", False, None, YES, "denied"),
        ("granted", False, None, "", "granted"),
        ("banner", True, None, "banner=no", "denied"),
        ("banner", False, None, "banner=yes", "granted"),
        ("banner", None, "denied", "banner=yes", "granted"),
        ("callable", None, None, "", "pending"),
        ("callable", None, "granted", NO, "granted"),
        ("callable", None, "denied", YES, "denied"),
        ("callable", None, None, YES, "granted"),
        ("callable", False, "granted", YES, "denied"),
        ("callable", True, "denied", "", "granted"),
    ],
)
def test_consent_is_the_views_word_then_the_callables_then_the_cookies(
    rule: str, said: bool | None, learned: Any, cookie: str, state: str
) -> None:
    rules = {"callable": CALLABLE, "banner": BANNER}
    where = asking(policy=policy(consent=rules.get(rule) or parse_consent(rule)))
    word = None if said is None else Said(consent=said)
    one = person(where, word, Learned(learned), cookie=cookie)
    assert one.consent == Consent(state)  # type: ignore[arg-type]
    assert one.muted == ("" if state == "granted" else "no consent")


@pytest.mark.parametrize(
    ("signals", "headers", "consent"),
    [
        (Signals(), {"sec_gpc": "1"}, Consent("granted", (0, 0))),
        (Signals(), {"sec_gpc": "0"}, Consent("granted")),
        (Signals(), {"dnt": "1"}, Consent("granted")),
        (Signals(dnt=True), {"dnt": "1"}, Consent("granted", (0, 0))),
        (Signals(gpc="deny", dnt=True), {"dnt": "1"}, Consent("denied")),
        (Signals(gpc="deny"), {"sec_gpc": "1"}, Consent("denied")),
        (Signals(gpc="deny"), {"sec_gpc": "1, 1"}, Consent("granted")),
        (Signals(gpc="ignore"), {"sec_gpc": "1"}, Consent("granted")),
        (Signals(ldu=(1, 1000)), {}, Consent("granted", (1, 1000))),
        (Signals(ldu=(1, 1000)), {"sec_gpc": "1"}, Consent("granted", (1, 1000))),
    ],
)
def test_signals_limit_or_refuse(signals: Signals, headers: Any, consent: Consent) -> None:
    where = asking(policy=policy(signals=signals))
    assert person(where, Said(consent=True), **headers).consent == consent


# --- who it is -----------------------------------------------------------------------------------


def one(**fields: object) -> Hashes:
    return hashed(fields)


@pytest.mark.parametrize(
    ("said", "told", "user", "remembered", "expected"),
    [
        (one(email=JANE), {}, {}, {}, one(email=JANE)),
        ({}, one(email=JANE), {}, {}, one(email=JANE)),
        ({}, {}, one(email=JANE), {}, one(email=JANE)),
        ({}, {}, {}, one(email=JANE), one(email=JANE)),
        (
            one(email="view@shop.example"),
            one(email="view@shop.example", city="berlin", zip="10115"),
            one(email="view@shop.example", city="paris", first_name="jane"),
            {},
            one(email="view@shop.example", city="berlin", zip="10115", first_name="jane"),
        ),
        (  # a clerk who acts for a customer
            one(email="view@shop.example"),
            one(city="berlin"),
            one(email="user@shop.example", first_name="jane"),
            {},
            one(email="view@shop.example", city="berlin"),
        ),
        (
            {},
            one(city="berlin"),
            {},
            one(email=JANE, city="paris"),
            one(email=JANE, city="berlin"),
        ),
        (one(email=JOHN), {}, {}, one(email=JANE, city="paris"), one(email=JOHN)),
        ({}, {}, one(email=JOHN), one(email=JANE, city="paris"), one(email=JOHN)),
        (one(external_id="2"), {}, {}, one(external_id="1", city="p"), one(external_id="2")),
        ({}, {}, {}, {}, {}),
    ],
)
def test_information_by_the_order_of_trust(
    said: Hashes, told: Hashes, user: Hashes, remembered: Hashes, expected: Hashes
) -> None:
    who = person(
        asking(policy=known()),
        Said(hashed=said),
        Learned(told=told, user=user),
        cookie=f"a=b; {kept(remembered)}",
    )
    assert who.hashed(FBP) == expected


def test_who_says_nothing_is_still_remembered() -> None:
    assert person(asking(policy=known()), cookie=kept(EM)).hashed(FBP) == EM


def test_who_is_nobody_is_not_remembered() -> None:
    where = asking(policy=known())
    assert person(where, Said(forgets=True), cookie=kept(EM)).hashed(FBP) == {}
    said = Said(forgets=True, hashed=one(city="paris"))
    assert person(where, said, cookie=kept(EM)).hashed(FBP) == one(city="paris")


def test_who_is_nobody_by_the_view_is_nobody_whatever_was_loaded_before() -> None:
    """The user object of a logout's request is still the one who was logged in."""
    learned = Learned(told=one(city="paris"), user=one(email=JANE))
    assert person(asking(policy=known()), Said(forgets=True), learned).hashed(FBP) == {}


def test_nobody_is_identified_where_the_shop_does_not_match() -> None:
    learned = Learned(told=one(email=JANE), user=one(email=JANE))
    who = person(asking(policy=policy(anonymous=True)), Said(hashed=EM), learned)
    assert who.hashed(FBP) == {}


def test_stranger_gets_an_id_of_the_browsers_if_the_shop_says_so() -> None:
    where = asking(policy=known(anonymous=True))
    own = {"external_id": [anonymous_id(KEY, PIXEL, FBP)]}
    assert person(where).hashed(FBP) == own
    assert person(where).hashed(None) == {}
    assert person(where, Said(hashed=EM)).hashed(FBP) == EM | own
    customer = one(external_id="7")
    assert person(where, Said(hashed=customer)).hashed(FBP) == customer
    assert person(where, cookie=kept(customer)).hashed(FBP) == customer


def test_identity_of_another_shop_is_nobodys() -> None:
    forged = f"{COOKIE}={KEEPSAKE.sealed(EM)[:-1]}x"
    assert person(asking(policy=known()), cookie=forged).hashed(FBP) == {}


# --- their own word ------------------------------------------------------------------------------


def test_nothing_said_sets_nothing() -> None:
    for cookie in ("", YES, kept(EM), f"{YES}; {kept(EM)}; _pixelpair_1=e; _fbp={FBP}"):
        assert cookies(person(asking(policy=known()), cookie=cookie)) == []


@pytest.mark.parametrize(
    ("said", "cookie", "set_"),
    [
        (True, "", [f"{YES}; Max-Age=15724800{META}"]),
        (True, NO, [f"{YES}; Max-Age=15724800{META}"]),
        (True, "_pp_consent=1.1750000000", []),
        (True, "_pp_consent=rubbish", [f"{YES}; Max-Age=15724800{META}"]),
        (False, "", [f"{NO}; Max-Age=15724800{META}"]),
        (False, YES, [f"{NO}; Max-Age=15724800{META}"]),
        (False, "_pp_consent=0.1750000000", []),
    ],
)
def test_word_is_kept_when_it_changes(said: bool, cookie: str, set_: list[str]) -> None:
    for rule in (parse_consent("required"), CALLABLE):
        where = asking(policy=policy(consent=rule))
        assert cookies(person(where, Said(consent=said), cookie=cookie)) == set_
        assert where.counts == {}


def test_word_of_the_callable_is_kept_for_the_pages() -> None:
    where = asking(policy=policy(consent=CALLABLE))
    assert cookies(person(where, None, Learned("granted"), cookie="")) == [
        f"{YES}; Max-Age=15724800{META}"
    ]
    assert cookies(person(where, None, Learned("granted"), cookie=YES)) == []
    assert cookies(person(where, None, Learned(), cookie="")) == []


@pytest.mark.parametrize("said", [True, False])
def test_word_changes_nothing_where_another_tool_decides(
    said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    where = asking(policy=policy(consent=BANNER))
    for _ in range(2):
        assert cookies(person(where, Said(consent=said), cookie="banner=yes")) == []
    assert [level for _, level, _ in caplog.record_tuples] == [logging.WARNING]
    assert "leave the decision to the tool" in caplog.text


def test_refusal_ends_what_was_kept_and_what_waits() -> None:
    where = asking(policy=known(), pixels=("111", "222"))
    cookie = f"_fbp={FBP}; _fbc=fb.1.1.AbC; _pixelpair_0a1b=e; {kept(EM)}; {NO}; _ga=1; a_fbp=2"
    assert cookies(person(where, cookie=cookie)) == [
        *GONE,
        *[f"_fbc=; Max-Age=0{terms}" for terms in (OWN, META)],
        f"_pixelpair_0a1b=; Max-Age=0{OWN}",
        "_pp_id=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure",
    ]
    assert where.withdrawn == [("111", FBP, int(NOW)), ("222", FBP, int(NOW))]


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.shop.example:8443", "; Domain=shop.example"),
        ("tea.co.uk", "; Domain=tea.co.uk"),
        ("tea.herokuapp.com", "; Domain=tea.herokuapp.com"),
        ("localhost:8000", ""),
        ("127.0.0.1", ""),
        ("[::1]:8000", ""),
    ],
)
def test_refusal_ends_cookies_where_they_live(host: str, domain: str) -> None:
    where = asking()
    asked = request(headers={"cookie": f"_fbp={FBP}; {NO}"}, host=host, scheme="http")
    one_ = Person(where.shop, asked, None)
    ended = [f"_fbp=; Max-Age=0{terms}; Path=/; SameSite=Lax" for terms in ("", domain)]
    assert cookies(one_) == (ended if domain else ended[:1])


@pytest.mark.parametrize("fbp", ["bad", "fb.1.1", "", "fb.1.1.x", "fb.1.1.å"])
def test_fbp_that_is_none_is_deleted_and_withdraws_nothing(fbp: str) -> None:
    where = asking()
    assert cookies(person(where, cookie=f"{NO}; _fbp={fbp}")) == GONE
    assert where.withdrawn == []


def test_shop_without_a_token_withdraws_nothing() -> None:
    where = asking(sends=False)
    assert cookies(person(where, cookie=f"{NO}; _fbp={FBP}")) == GONE
    assert where.withdrawn == []


@pytest.mark.parametrize("cookie", ["", YES, f"{kept(EM)}; _fbp={FBP}; _pixelpair_1=e"])
def test_who_has_not_refused_keeps_the_cookies(cookie: str) -> None:
    where = asking(policy=known())
    assert (cookies(person(where, cookie=cookie)), where.withdrawn) == ([], [])


# --- who was identified --------------------------------------------------------------------------

SESSION = "; Path=/; HttpOnly; SameSite=Lax; Secure"
ENDED = f"_pp_id=; Max-Age=0{SESSION}"
FULL = one(
    email=JANE, phone="+46701234567", first_name="Jane", last_name="Doe", city="berlin",
    state="be", zip="10115", country="de", date_of_birth="1990-01-02", gender="f", external_id="7",
)  # fmt: skip


@pytest.mark.parametrize(
    ("said", "cookie", "set_"),
    [
        (Said(hashed=EM), YES, [kept(EM) + SESSION]),
        (Said(hashed=EM), f"{YES}; {kept(EM)}", []),
        (
            Said(hashed=one(city="paris")),
            f"{YES}; {kept(EM)}",
            [kept(EM | one(city="paris")) + SESSION],
        ),
        (
            Said(hashed=one(email=JOHN)),
            f"{YES}; {kept(EM | one(city='paris'))}",
            [kept(one(email=JOHN)) + SESSION],
        ),
        (Said(forgets=True), f"{YES}; {kept(EM)}", [ENDED]),
        (Said(forgets=True), YES, []),
        (
            Said(forgets=True, hashed=one(city="paris")),
            f"{YES}; {kept(EM)}",
            [kept(one(city="paris")) + SESSION],
        ),
        (Said(hashed={"em": [digest("")], "ph": [digest("none")]}), YES, []),
        (Said(hashed={"em": [digest("")]}), f"{YES}; {kept(EM)}", []),
        (Said(hashed=EM), "", []),  # who has not agreed is not remembered
        (Said(hashed=EM), f"{YES}; staff=1", []),
        (Said(hashed=EM, consent=True), "", [f"{YES}; Max-Age=15724800{META}", kept(EM) + SESSION]),
        (Said(hashed=EM, consent=False), "", [f"{NO}; Max-Age=15724800{META}"]),
        (Said(hashed=EM), f"{NO}; {kept(EM)}", [ENDED]),
        (Said(forgets=True), f"{NO}; {kept(EM)}", [ENDED]),
        (Said(hashed=EM), f"{YES}; {COOKIE}=forged.x", [kept(EM) + SESSION]),
    ],
)
def test_identity_is_kept_for_the_session_if_it_changes(
    said: Said, cookie: str, set_: list[str]
) -> None:
    assert cookies(person(asking(policy=known()), said, cookie=cookie)) == set_


def test_identity_is_kept_in_at_most_400_bytes() -> None:
    [cookie] = cookies(person(asking(policy=known()), Said(hashed=FULL), cookie=YES))
    value = cookie.removesuffix(SESSION)
    assert len(value) <= 400
    again = person(asking(policy=known()), Said(hashed=FULL), cookie=f"{YES}; {value}")
    assert cookies(again) == []
    assert JANE not in cookie


def test_what_only_callable_and_user_say_is_not_kept() -> None:
    learned = Learned(told=EM, user=one(city="paris"))
    assert cookies(person(asking(policy=known()), None, learned, cookie=YES)) == []


def test_identity_on_plain_http_is_not_secure() -> None:
    where = asking(policy=known())
    asked = request(headers={"cookie": YES}, scheme="http")
    [cookie] = cookies(Person(where.shop, asked, Said(hashed=EM)))
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")


# --- what a door learns --------------------------------------------------------------------------


class User:
    is_authenticated = True

    def __init__(self, **fields: object) -> None:
        self.__dict__ |= fields


def serving(where: Site, method: str = "GET", path: str = "/products/1") -> Exchange:
    asked = request(method, path, headers={"cookie": YES, "user-agent": AGENT})
    return Exchange(where.shop, method, lambda *_: asked, "the framework's request")


def learning(where: Site) -> Inquiry:
    inquiry = serving(where).inquiry(200, HTML)
    assert inquiry is not None
    return inquiry


def test_user_object_is_learned() -> None:
    inquiry = learning(asking(policy=known(staff=parse_staff(["django"]))))
    inquiry.learn(lambda: User(email=JANE, id=7, is_staff=True))
    assert inquiry.learned == Learned(staff=True, user=one(email=JANE, external_id="7"))


def test_user_object_is_no_staff_where_the_shop_does_not_say_so() -> None:
    inquiry = learning(asking(policy=known()))
    inquiry.learn(lambda: User(email=JANE, is_staff=True))
    assert inquiry.learned == Learned(user=one(email=JANE))


@pytest.mark.parametrize("user", [None, 7, User(is_staff="yes"), User(is_authenticated=False)])
def test_stranger_teaches_nothing(user: object) -> None:
    inquiry = learning(asking(policy=known(staff=parse_staff(["django"]))))
    inquiry.learn(lambda: user)
    assert inquiry.learned == Learned()


def test_user_that_cannot_be_loaded_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    where = asking(policy=known())

    def broken() -> object:
        raise RuntimeError("no database")

    for _ in range(2):
        exchange = serving(where)
        inquiry = exchange.inquiry(200, HTML)
        assert inquiry is not None
        inquiry.learn(broken)
        assert exchange.respond(200, HTML) is None
    assert [r.levelname for r in caplog.records] == ["ERROR"]
    assert "failures" not in where.counts


ASKED = tuple(Question(kind, dict) for kind in ("staff", "consent", "identify"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "path", "headers", "kinds"),
    [
        ("GET", "/products/1", HTML, ["staff", "consent", "identify"]),
        ("GET", "/about", HTML, ["staff", "consent"]),
        ("GET", "/about", [(b"Content-Type", b"Text/HTML")], ["staff", "consent"]),
        ("POST", "/cart/add", JSON, ["staff", "consent", "identify"]),
        ("GET", "/about", JSON, []),
        ("GET", "/about", [], []),
    ],
)
def test_shop_is_asked_where_something_may_leave(
    method: str, path: str, headers: Any, kinds: list[str]
) -> None:
    exchange = serving(asking(policy=known(questions=ASKED)), method, path)
    assert exchange.curious
    inquiry = exchange.inquiry(200, headers)
    assert [question.kind for question in (inquiry.questions if inquiry else ())] == kinds


def test_shop_is_asked_of_the_order_that_a_form_names() -> None:
    """Seen: the status of order "", whatever the body said."""
    orders: list[str] = []
    status = Question("purchase_status", lambda _source, order: orders.append(order))
    rule = routes("Purchase POST /pay form:order=order_id")
    exchange = serving(site(policy=Policy(questions=(status,)), routes=rule), "POST", "/pay")
    reader = exchange.listen(b"application/x-www-form-urlencoded", None)
    assert reader is not None
    reader.feed(b"order=1001")
    reader.finish()
    inquiry = exchange.inquiry(302, [(b"location", b"/")])
    assert inquiry is not None
    for question in inquiry.questions:
        question.ask(None)
    assert orders == ["1001"]


def test_shop_is_not_asked_once_the_answer_is_let_through() -> None:
    exchange = serving(asking(policy=known(questions=ASKED)))
    exchange.respond(404, HTML)
    assert exchange.inquiry(200, HTML) is None


def test_what_the_shop_says_is_learned() -> None:
    inquiry = learning(asking(policy=known(consent=CALLABLE, questions=ASKED)))
    inquiry.told("consent", True)
    inquiry.told("staff", 1)
    inquiry.told("identify", {"email": JANE, "city": None})
    assert inquiry.learned == Learned("granted", answered=True, told=EM)


@pytest.mark.parametrize("said", [7, ["email"], {"email": object()}])
def test_shop_that_says_nonsense_knows_nothing(
    said: object, caplog: pytest.LogCaptureFixture
) -> None:
    inquiry = learning(asking(policy=known(questions=ASKED)))
    inquiry.told("identify", said)
    assert inquiry.learned in (Learned(), Learned(told={}))


@pytest.mark.parametrize(("said", "left"), [(True, ["PageView", "ViewContent"]), (None, [])])
def test_consent_callable_opens_the_gate(said: object, left: list[str]) -> None:
    where = asking(policy=Policy(consent=CALLABLE, questions=ASKED))
    asked = request("GET", "/products/1")

    def view(exchange: Exchange) -> None:
        inquiry = exchange.inquiry(200, HTML)
        assert inquiry is not None
        inquiry.told("consent", said)

    answer(where, asked, view=view)
    assert [twin.event_name for twin in where.accepted] == left


# --- somebody else -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["told", "user"])
def test_another_person_ends_what_was_kept_of_the_last(how: str) -> None:
    """Else reports of cacheable pages would go on naming who used this browser before."""
    learned = Learned(**{how: one(email=JOHN)})
    who = person(asking(policy=known()), None, learned, cookie=f"{YES}; {kept(EM)}")
    assert cookies(who) == [ENDED]


def test_the_same_person_keeps_what_was_said() -> None:
    learned = Learned(user=one(email=JANE, first_name="jane"))
    who = person(asking(policy=known()), None, learned, cookie=f"{YES}; {kept(EM)}")
    assert cookies(who) == []


def test_who_has_not_decided_yet_loses_an_older_word_of_the_callable() -> None:
    where = asking(policy=known(consent=CALLABLE))
    who = person(where, None, Learned("pending", answered=True), cookie=YES)
    assert (who.muted, cookies(who)) == ("no consent", [f"_pp_consent=; Max-Age=0{META}"])
    who = person(where, None, Learned("pending"), cookie=YES)  # it could not be asked
    assert (who.muted, cookies(who)) == ("no consent", [])


def test_withdrawals_have_a_rate() -> None:
    where = asking(may_withdraw=lambda address, now: False)
    who = person(where, None, cookie=f"{NO}; _fbp={FBP}")
    assert (cookies(who), where.withdrawn) == (GONE, [])
    assert where.counts == {"too many withdrawals": 1}
