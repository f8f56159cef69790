"""The shop's users as Django and Flask-Login know them: in the events, and no query of ours.

Their sessions are the shop's: nothing of ours changes one.
"""

from __future__ import annotations

from contextlib import contextmanager
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any

import flask
import flask_login
import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import User
from django.contrib.sessions.backends.file import SessionStore as FileStore
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import path

from pixelpair import identify, track
from pixelpair.flask import PixelPair

from .django_shop import DOOR, Door
from .drive import Ledger, names
from .site import DOCUMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Flask-Login 0.6.3 dates its cookie so.
pytestmark = pytest.mark.filterwarnings(
    "ignore:datetime.datetime.utcnow:DeprecationWarning:flask_login"
)
USERS = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
)
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"
MATCHING = {"advanced_matching": "1"}


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def of_ada(pk: object) -> dict[str, list[str]]:
    return {
        "em": [digest("ada@shop.example")],
        "fn": [digest("ada")],
        "ln": [digest("lovelace")],
        "external_id": [digest(str(pk))],
    }


def known(twin: dict[str, Any]) -> dict[str, Any]:
    """The customer information of a twin."""
    plain = {"client_ip_address", "client_user_agent", "fbp", "fbc"}
    return {key: value for key, value in twin["user_data"].items() if key not in plain}


# --- Django --------------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def _database() -> None:
    """A real one, in memory: it lives as long as this thread's connection."""
    call_command("migrate", verbosity=0)


@pytest.fixture
def ada() -> Iterator[User]:
    user = User.objects.create(
        username="ada", email="ada@shop.example", first_name="Ada", last_name="Lovelace"
    )
    yield user
    user.delete()


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(DOCUMENT)


def act(request: HttpRequest) -> HttpResponse:
    track("Contact")
    return HttpResponse(DOCUMENT)


def greeting(request: HttpRequest) -> HttpResponse:
    return HttpResponse(DOCUMENT + str(request.user.is_authenticated).encode())


def json(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"{}", "application/json")


def logging_in(request: HttpRequest) -> HttpResponse:
    track("Login")
    auth.login(request, User.objects.get(username="ada"))
    return HttpResponse(DOCUMENT)


def logging_out(request: HttpRequest) -> HttpResponse:
    track("Logout")
    auth.logout(request)
    return HttpResponse(DOCUMENT)


def saying(request: HttpRequest) -> HttpResponse:
    track("Contact")
    identify(email="eve@a.example")
    return HttpResponse(DOCUMENT)


def putting(request: HttpRequest) -> HttpResponse:
    request.session["cart"] = ["tea"]
    return HttpResponse()


def adding(request: HttpRequest) -> HttpResponse:
    """An act of the shop that asks neither its session nor its user."""
    track("AddToCart")
    return JsonResponse({})


def cart(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"cart": request.session.get("cart")})


async def async_page(request: HttpRequest) -> HttpResponse:
    return page(request)


async def async_act(request: HttpRequest) -> HttpResponse:
    return act(request)


async def async_greeting(request: HttpRequest) -> HttpResponse:
    return HttpResponse(DOCUMENT + str((await request.auser()).is_authenticated).encode())


def agreeing(request: HttpRequest) -> HttpResponse:
    track("Contact")
    identify(email="ada@shop.example", city="Malmo")
    return HttpResponse(DOCUMENT)


VIEWS = [page, act, greeting, json, logging_in, logging_out, saying, agreeing]
VIEWS += [putting, adding, cart]


class Urls:
    urlpatterns = [  # noqa: RUF012
        *(path(view.__name__, view) for view in VIEWS),
        *(path(f"async/{view.__name__[6:]}", view) for view in (async_page, async_act)),
        path("async/greeting", async_greeting),
    ]


class Browser:
    """A visitor of the Django shop, over one of its handlers; `ask` counts the queries."""

    def __init__(
        self, ledger: Ledger, *, is_async: bool, middleware: tuple[str, ...], **given: object
    ) -> None:
        self.ledger = ledger
        self._given = given
        self._is_async = is_async
        self._client: Any = AsyncClient() if is_async else Client()
        self._middleware = middleware
        self.queries: list[str] = []

    def log_in(self, user: User) -> None:
        with self._settings():
            self._client.force_login(user)

    def ask(self, name: str, method: str = "get") -> Any:
        call = getattr(self._client, method)
        call = async_to_sync(call) if self._is_async else call
        with self._settings(), CaptureQueriesContext(connection) as queries:
            answer = call(f"/{name}", headers={"user-agent": AGENT})
        self.queries = [query["sql"] for query in queries.captured_queries]
        assert answer.status_code == 200
        return answer

    def twins(self) -> list[dict[str, Any]]:
        return self.ledger.twins()

    def session(self) -> tuple[str, dict[str, object]]:
        """The session's key, as the browser has it, and what the shop's store holds of it."""
        key = self._client.cookies["sessionid"].value
        with self._settings():
            return key, import_module(settings.SESSION_ENGINE).SessionStore(key).load()

    def _settings(self) -> Any:
        given = {"ROOT_URLCONF": Urls, "MIDDLEWARE": self._middleware, "PIXELPAIR": {}}
        return override_settings(**given | self._given)


@pytest.fixture(params=["sync", "async"])
def visit(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Browser]]:
    """A browser at the shop, whose door has these options."""
    trackers: list[Any] = []
    monkeypatch.setenv("PIXELPAIR_MODE", "off")

    def start(
        *, door: bool = True, given: dict[str, object] | None = None, **options: object
    ) -> Browser:
        ledger = Ledger(tmp_path / str(len(trackers)), routes="none", **options)
        trackers.append(ledger.tracker)
        monkeypatch.setattr(Door, "TRACKERS", [ledger.tracker])
        middleware = (DOOR, *USERS) if door else USERS
        is_async = request.param == "async"
        return Browser(ledger, is_async=is_async, middleware=middleware, **given or {})

    yield start
    for tracker in trackers:
        tracker.close()


VIEWS_OF_BOTH = ["page", "act", "greeting", "async/page", "async/act", "async/greeting"]


@pytest.mark.parametrize("view", VIEWS_OF_BOTH)
def test_user_is_in_the_events_of_the_answers_that_have_one(visit, ada, view):
    browser = visit(**MATCHING)
    browser.log_in(ada)
    browser.ask(view)
    expected = {} if view.endswith("page") else of_ada(ada.pk)
    assert [known(twin) for twin in browser.twins()] == [expected] * (2 if "act" in view else 1)


@pytest.mark.parametrize("view", [*VIEWS_OF_BOTH, "json"])
@pytest.mark.parametrize(
    "options",
    [{}, {"staff": "192.0.2.1"}, {"consent": f"{__name__}.agreed"}, MATCHING, {"staff": "django"}],
    ids=str,
)
def test_no_query_of_ours_but_for_an_event_that_needs_it(visit, ada, view, options):
    """Seen: with a consent callable alone, each event loaded the user."""
    bare, browser = visit(door=False), visit(**options)
    answers = []
    for one in (bare, browser):
        one.log_in(ada)
        answers.append(one.ask(view))
    asks, needs = "greeting" in view, "act" in view and options in (MATCHING, {"staff": "django"})
    assert [len(bare.queries), len(browser.queries)] == [asks, asks or needs]
    assert all("auth_user" in query for query in browser.queries)
    assert answers[1].get("Vary") == answers[0].get("Vary")


def agreed(visitor: object) -> bool:
    return True


def test_vary_is_the_shops_own(visit, ada):
    browser = visit(**MATCHING)
    browser.log_in(ada)
    heads = {view: browser.ask(view).get("Vary") for view in ("act", "greeting")}
    assert heads == {"act": None, "greeting": "Cookie"}


def test_visitor_without_a_session_costs_no_query(visit):
    browser = visit(**MATCHING)
    browser.ask("act")
    assert (browser.queries, [known(twin) for twin in browser.twins()]) == ([], [{}, {}])


@pytest.mark.parametrize("staff", [True, False])
def test_staff_users_are_not_counted(visit, ada, staff):
    ada.is_staff = staff
    ada.save()
    browser = visit(staff="django")
    browser.log_in(ada)
    answers = [browser.ask(view).content for view in ("act", "greeting")]
    found = [DOCUMENT, DOCUMENT + b"True"]
    assert (answers == found) is staff
    assert names(browser.twins()) == ([] if staff else ["PageView", "Contact", "PageView"])


ENGINES = ["db", "cache", "cached_db", "file", "signed_cookies"]


@pytest.fixture(params=ENGINES)
def sessions(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, object]:
    """Django's settings for sessions of each kind."""
    monkeypatch.setattr(FileStore, "_storage_path", str(tmp_path), raising=False)
    return {"SESSION_ENGINE": f"django.contrib.sessions.backends.{request.param}"}


ROTATED = {"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": ["of the tests"]}


def with_a_cart(visit: Callable[..., Browser], ada: User, sessions: dict[str, object]) -> Browser:
    browser = visit(given=sessions, **MATCHING)
    browser.log_in(ada)
    browser.ask("putting")
    return browser


def added_twice(browser: Browser) -> list[dict[str, Any]]:
    """What is known of who adds to the cart; whose session stays as it is."""
    before = browser.session()
    answers = [browser.ask("adding", "post") for _ in range(2)]
    assert [(answer.get("Vary"), "sessionid" in answer.cookies) for answer in answers] == [
        (None, False)
    ] * 2
    assert browser.session() == before
    assert browser.ask("cart").json() == {"cart": ["tea"]}
    return [known(twin) for twin in browser.twins()]


def test_rotated_key_leaves_the_customers_session_alone(visit, ada, sessions):
    """Seen: get_user() gave the session another key behind SessionMiddleware: logged out, and
    the cart gone.
    """
    browser = with_a_cart(visit, ada, sessions)
    with override_settings(**ROTATED):
        assert added_twice(browser) == [of_ada(ada.pk)] * 2


def test_password_changed_elsewhere_is_nobody_and_no_logout(visit, ada, sessions):
    """Seen: get_user() flushed the session, and the cart with it."""
    browser = with_a_cart(visit, ada, sessions)
    User.objects.filter(pk=ada.pk).update(password="another")
    assert added_twice(browser) == [{}, {}]


DB = {"SESSION_ENGINE": "django.contrib.sessions.backends.db"}


def test_session_of_a_backend_that_is_gone_is_nobodys(visit, ada):
    browser = with_a_cart(visit, ada, DB)
    browser._given |= {"AUTHENTICATION_BACKENDS": ["django.contrib.auth.backends.BaseBackend"]}
    assert added_twice(browser) == [{}, {}]


def test_session_without_a_hash_is_nobodys(visit, ada):
    browser = with_a_cart(visit, ada, DB)
    key, _ = browser.session()
    with browser._settings():
        store = import_module(settings.SESSION_ENGINE).SessionStore(key)
        del store[auth.HASH_SESSION_KEY]
        store.save()
    assert added_twice(browser) == [{}, {}]


def test_user_who_was_deactivated_is_nobody(visit, ada, sessions):
    browser = with_a_cart(visit, ada, sessions)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert added_twice(browser) == [{}, {}]


def test_session_that_has_ended_is_not_begun_anew(visit, ada, sessions, tmp_path):
    """The stores of files and of cookies begin a new one in the place of what they cannot read."""
    browser = with_a_cart(visit, ada, sessions)
    files = {file: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    browser._given |= {"SESSION_COOKIE_AGE": -1}
    if not sessions["SESSION_ENGINE"].endswith(("file", "signed_cookies")):
        browser._client.cookies["sessionid"] = "0" * 32
    answer = browser.ask("adding", "post")
    assert [known(twin) for twin in browser.twins()] == [{}]
    assert "sessionid" not in answer.cookies
    assert {file: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()} == files
    assert not [query for query in browser.queries if "SELECT" not in query]


def test_visitor_without_a_session_costs_no_query_of_any_store(visit, sessions):
    browser = visit(given=sessions, **MATCHING)
    browser.ask("adding", "post")
    assert (browser.queries, [known(twin) for twin in browser.twins()]) == ([], [{}])


def test_user_who_cannot_be_loaded_is_nobody(visit, ada, said):
    browser = visit(**MATCHING)
    browser.log_in(ada)
    User.objects.filter(pk=ada.pk).delete()
    browser.ask("act")
    assert ([known(twin) for twin in browser.twins()], said()) == ([{}, {}], [])


def test_who_logs_out_is_forgotten(visit, ada):
    """Their own events know them until then; what the browser has kept is deleted."""
    browser = visit(**MATCHING)
    browser.ask("saying")
    kept = browser._client.cookies["_pp_id"].value
    assert [known(twin) for twin in browser.twins()] == [{"em": [digest("eve@a.example")]}] * 2
    browser.ask("page")
    assert [known(twin) for twin in browser.twins()] == [{"em": [digest("eve@a.example")]}]
    browser.log_in(ada)
    answer = browser.ask("logging_out")
    gone = answer.cookies["_pp_id"]
    assert (kept != "", gone.value, gone["max-age"]) == (True, "", "0")
    assert [known(twin) for twin in browser.twins()] == [{}, {}]
    browser.ask("act")
    assert [known(twin) for twin in browser.twins()] == [{}, {}]


def test_who_logs_in_is_in_that_events_already(visit, ada):
    browser = visit(**MATCHING)
    browser.ask("logging_in")
    assert [known(twin) for twin in browser.twins()] == [of_ada(ada.pk)] * 2


def told(visitor: object) -> dict[str, object]:
    return {"city": "Lund", "country": "se"}


def test_view_goes_before_the_callable_and_that_before_the_user(visit, ada):
    browser = visit(**MATCHING, identify=told)
    browser.log_in(ada)
    browser.ask("agreeing")
    expected = of_ada(ada.pk) | {"ct": [digest("malmo")], "country": [digest("se")]}
    assert [known(twin) for twin in browser.twins()] == [expected] * 2


def test_user_adds_nothing_to_a_view_that_names_somebody_else(visit, ada):
    browser = visit(**MATCHING)
    browser.log_in(ada)
    browser.ask("saying")
    assert [known(twin) for twin in browser.twins()] == [{"em": [digest("eve@a.example")]}] * 2


def test_hashes_leave_only_where_they_are_asked_for(visit, ada):
    browser = visit()
    browser.log_in(ada)
    answer = browser.ask("saying")
    assert [known(twin) for twin in browser.twins()] == [{}, {}]
    assert "_pp_id" not in answer.cookies
    assert digest("eve@a.example").encode() not in answer.content


# --- Flask-Login ---------------------------------------------------------------------------------


class Customer(flask_login.UserMixin):
    def __init__(self, *, staff: bool = False) -> None:
        self.id, self.email = "7", "ada@shop.example"
        self.is_staff = staff


CUSTOMER = {"em": [digest("ada@shop.example")], "external_id": [digest("7")]}


class FlaskShop:
    """A Flask shop with logins; `loads` are the users that its loader was asked for, `sessions`
    what each request left of its session, and whether it changed.
    """

    def __init__(self, ledger: Ledger, *, manages: bool = True, fails: bool = False) -> None:
        self.ledger, self.loads, self.sessions = ledger, [], []
        app = self.app = flask.Flask(__name__, static_folder=None)
        app.secret_key = "of the tests"
        PixelPair(app, ledger.tracker.settings)
        app.wsgi_app.tracker = ledger.tracker  # type: ignore[attr-defined]
        if manages:
            flask_login.LoginManager(app).user_loader(self._load)
        self._fails = fails
        app.teardown_request(self._look)
        views = (self.page, self.act, self.greeting, self.login, self.logout, self.saying)
        for view in (*views, self.agreeing):
            app.add_url_rule(f"/{view.__name__}", view_func=view)
        self.client = app.test_client()

    def _load(self, user_id: str) -> Customer:
        self.loads.append(user_id)
        if self._fails:
            raise ConnectionError("ada@shop.example")
        return Customer()

    def _look(self, _error: object) -> None:
        self.sessions.append((dict(flask.session), flask.session.modified))

    def page(self) -> bytes:
        return DOCUMENT

    def act(self) -> bytes:
        track("Contact")
        return DOCUMENT

    def greeting(self) -> bytes:
        return DOCUMENT + str(flask_login.current_user.is_authenticated).encode()

    def login(self) -> bytes:
        flask_login.login_user(Customer(), remember=True)
        return DOCUMENT

    def logout(self) -> bytes:
        flask_login.logout_user()
        return DOCUMENT

    def saying(self) -> bytes:
        track("Contact")
        identify(email="eve@a.example", city="Lund")
        return DOCUMENT

    def agreeing(self) -> bytes:
        track("Contact")
        identify(email="ada@shop.example", city="Malmo")
        return DOCUMENT

    def ask(self, name: str, agent: str = AGENT) -> tuple[Any, list[dict[str, Any]]]:
        """An answer and what is known of the visitor of each of its events."""
        self.loads.clear()
        answer = self.client.get(f"/{name}", headers={"User-Agent": agent})
        assert answer.status_code == 200
        return answer, [known(twin) for twin in self.ledger.twins()]


@pytest.fixture
def flask_shop(tmp_path: Path) -> Iterator[Callable[..., FlaskShop]]:
    ledgers: list[Ledger] = []

    def start(*, manages: bool = True, fails: bool = False, **options: object) -> FlaskShop:
        ledgers.append(Ledger(tmp_path / str(len(ledgers)), routes="none", **options))
        return FlaskShop(ledgers[-1], manages=manages, fails=fails)

    yield start
    for ledger in ledgers:
        ledger.tracker.close()


def test_flask_user_is_in_the_events_of_the_answers_that_have_one(flask_shop):
    shop = flask_shop(**MATCHING)
    assert shop.ask("login")[1] == [CUSTOMER]
    found = {name: (shop.ask(name)[1], list(shop.loads)) for name in ("page", "act", "greeting")}
    assert found == {
        "page": ([{}], []),
        "act": ([CUSTOMER, CUSTOMER], ["7"]),
        "greeting": ([CUSTOMER], ["7"]),
    }


@pytest.mark.parametrize("options", [{}, {"staff": "192.0.2.1"}, {"consent": agreed}], ids=str)
def test_flask_user_whom_nobody_needs_is_not_loaded(flask_shop, options):
    shop = flask_shop(**options)
    shop.ask("login")
    assert (shop.ask("act")[1], shop.loads) == ([{}, {}], [])


def test_flask_users_change_no_vary(flask_shop):
    shop, bare = flask_shop(**MATCHING), flask_shop()
    for one in (shop, bare):
        one.ask("login")
    for name in ("page", "act", "greeting"):
        assert shop.ask(name)[0].headers.get("Vary") == bare.ask(name)[0].headers.get("Vary")


def test_who_logs_out_of_flask_is_forgotten(flask_shop):
    shop = flask_shop(**MATCHING)
    shop.ask("login")
    shop.ask("saying")
    assert shop.client.get_cookie("_pp_id") is not None
    assert shop.ask("logout")[1] == [{}]
    assert shop.client.get_cookie("_pp_id") is None
    assert shop.ask("act")[1] == [{}, {}]


def test_flask_view_goes_before_the_callable_and_that_before_the_user(flask_shop):
    shop = flask_shop(**MATCHING, identify=told)
    shop.ask("login")
    expected = CUSTOMER | {"ct": [digest("malmo")], "country": [digest("se")]}
    assert shop.ask("agreeing")[1] == [expected, expected]


def test_flask_user_adds_nothing_to_a_view_that_names_somebody_else(flask_shop):
    shop = flask_shop(**MATCHING)
    shop.ask("login")
    eve = {"em": [digest("eve@a.example")], "ct": [digest("lund")]}
    assert shop.ask("saying")[1] == [eve, eve]


# What Flask-Login would do with a session that another browser brings.
PROTECTIONS: dict[object, list[dict[str, list[str]]]] = {
    None: [CUSTOMER, CUSTOMER],
    "basic": [CUSTOMER, CUSTOMER],
    "strong": [{}, {}],
}


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_flask_session_of_another_browser_is_left_alone(flask_shop, protection):
    """Seen: it was made stale or emptied after it had been saved, and the shop's listeners heard
    of a protection that its session never had.
    """
    shop = flask_shop(**MATCHING)
    shop.app.config["SESSION_PROTECTION"] = protection
    shop.ask("login")
    held, before = shop.client.get_cookie("session"), shop.sessions[-1]
    with heard(flask_login.session_protected, shop.app) as signals:
        answer, found = shop.ask("act", AGENT + " Chrome/138.0.0.0")
    assert found == PROTECTIONS[protection]
    assert (shop.sessions[-1], signals, cookies_of(answer)) == ((before[0], False), [], [])
    assert shop.client.get_cookie("session") == held


def test_flask_session_that_is_permanent_is_basically_protected(flask_shop):
    shop = flask_shop(**MATCHING)
    shop.app.config["SESSION_PROTECTION"] = "strong"
    shop.ask("login")
    with shop.client.session_transaction() as session:
        session.permanent = True
    assert shop.ask("act", AGENT + " Chrome/138.0.0.0")[1] == [CUSTOMER, CUSTOMER]


@pytest.mark.parametrize("genuine", [True, False])
def test_flask_user_of_a_remember_cookie_is_known_and_not_logged_in(flask_shop, genuine):
    """Seen: the user was written into a session that had been saved, and the shop's listeners
    heard of a login.
    """
    shop = flask_shop(**MATCHING)
    shop.ask("login")
    if not genuine:
        shop.client.set_cookie("remember_token", "7|" + "0" * 128)
    shop.client.delete_cookie("session")
    with heard(flask_login.user_loaded_from_cookie, shop.app) as signals:
        answer, found = shop.ask("act")
    assert found == ([CUSTOMER] if genuine else [{}]) * 2
    assert (shop.sessions[-1], signals, cookies_of(answer)) == (({}, False), [], [])


@contextmanager
def heard(signal: Any, app: flask.Flask) -> Iterator[list[object]]:
    found: list[object] = []
    with signal.connected_to(lambda *given, **_: found.append(given), app):
        yield found


def cookies_of(answer: Any) -> list[str]:
    return sorted(line.partition("=")[0] for line in answer.headers.getlist("Set-Cookie"))


def test_app_without_a_login_manager_knows_nobody(flask_shop, said):
    """Seen: each such app logged an AttributeError, once Flask-Login was imported at all."""
    shop = flask_shop(manages=False, **MATCHING)
    assert (shop.ask("act")[1], said()) == ([{}, {}], [])


def test_user_loader_that_fails_is_said_once_and_knows_nobody(flask_shop, said):
    flask_shop(**MATCHING).ask("login")
    shop = flask_shop(fails=True, **MATCHING)
    shop.ask("login")
    assert [shop.ask("act")[1] for _ in range(2)] == [[{}, {}]] * 2
    text = "PIXELPAIR_ADVANCED_MATCHING: the callable of the shop failed"
    assert said() == [("ERROR", f"{text}; it counts as if it knew nothing")]
