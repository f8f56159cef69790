"""The user that real Django and real Flask-Login have loaded, found without loading one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import flask
import flask_login
import pytest
from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib import auth
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.test.utils import override_settings
from django.urls import path
from django.utils.functional import SimpleLazyObject

from pixelpair.core.identity import user_information
from pixelpair.django.users import loaded_user

from . import django_shop  # noqa: F401 - its settings

if TYPE_CHECKING:
    from collections.abc import Callable

SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"
KNOWN = {
    "email": "ada@shop.example",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "external_id": "7",
}


# --- Django --------------------------------------------------------------------------------------


def ada() -> User:
    """A user as the database would give it; there is no database here."""
    user = User(pk=7, email="ada@shop.example", first_name="Ada", last_name="Lovelace")
    user.backend = f"{__name__}.Backend"
    user.save = lambda **_: None  # login() notes the time
    return user


class Backend(ModelBackend):
    LOADED: ClassVar[list[int]] = []

    def get_user(self, user_id: int) -> User:
        self.LOADED.append(user_id)
        return ada()

    async def aget_user(self, user_id: int) -> User:
        return self.get_user(user_id)


class Outside:
    """Stands where our middleware stands, and looks when the answer is there."""

    SEEN: ClassVar[list[object]] = []
    sync_capable = async_capable = True

    def __init__(self, get_response: Any) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self):
            return self._later(request)
        response = self._get_response(request)
        self.SEEN.append(loaded_user(request))
        return response

    async def _later(self, request: HttpRequest) -> HttpResponse:
        response = await self._get_response(request)
        self.SEEN.append(loaded_user(request))
        return response


def loads_lazily(get_response: Any) -> Any:
    """A middleware of a shop with tokens of its own."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.user = SimpleLazyObject(lambda: Backend().get_user(7))
        return get_response(request)

    return middleware


@pytest.fixture(autouse=True)
def _nobody_yet() -> None:
    Backend.LOADED.clear()
    Outside.SEEN.clear()


def shop(*middleware: str, **views: Any) -> Any:
    patterns = [path(name, view) for name, view in views.items()]
    return override_settings(
        ROOT_URLCONF=type("Urls", (), {"urlpatterns": patterns}),
        MIDDLEWARE=(f"{__name__}.Outside", *middleware),
        AUTHENTICATION_BACKENDS=[f"{__name__}.Backend"],
    )


def logging_in(request: HttpRequest) -> HttpResponse:
    auth.login(request, ada())
    return HttpResponse()


def seen_after(view: Callable[[HttpRequest], object], *, known: bool = True) -> tuple[object, int]:
    """What is known of a visitor, who had logged in before, and how often a user was loaded."""

    def answer(request: HttpRequest) -> HttpResponse:
        view(request)
        return HttpResponse()

    with shop(SESSIONS, USERS, login=logging_in, page=answer):
        client = Client()
        if known:
            client.get("/login")
        Backend.LOADED.clear()
        client.get("/page")
    return user_information(Outside.SEEN[-1]), len(Backend.LOADED)


def test_user_whom_nobody_asked_for_is_not_loaded() -> None:
    assert seen_after(lambda _: None) == ({}, 0)


def test_user_whom_the_view_asked_for_is_known() -> None:
    assert seen_after(lambda request: request.user.is_authenticated) == (KNOWN, 1)


def test_visitor_who_logs_in_is_known() -> None:
    assert seen_after(lambda request: auth.login(request, ada()), known=False) == (KNOWN, 0)


def test_visitor_who_logs_out_is_nobody() -> None:
    assert seen_after(auth.logout)[0] == {}


def test_visitor_without_a_login_is_nobody() -> None:
    assert seen_after(lambda request: request.user.is_authenticated, known=False) == ({}, 0)
    assert [AnonymousUser()] == Outside.SEEN


def test_request_without_users_has_none() -> None:
    with shop(page=lambda _: HttpResponse()):
        Client().get("/page")
    assert Outside.SEEN == [None]


@pytest.mark.parametrize(
    ("view", "expected"), [(lambda _: None, {}), (lambda request: request.user.pk, KNOWN)]
)
def test_lazy_user_of_another_middleware_is_left_asleep(view: Any, expected: object) -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        view(request)
        return HttpResponse()

    with shop(f"{__name__}.loads_lazily", page=answer):
        Client().get("/page")
    assert user_information(Outside.SEEN[0]) == expected
    assert len(Backend.LOADED) == bool(expected)


def test_looking_leaves_the_session_and_its_vary_alone() -> None:
    with shop(SESSIONS, USERS, login=logging_in, page=lambda r: HttpResponse(str(loaded_user(r)))):
        client = Client()
        client.get("/login")
        answer = client.get("/page")
    assert (answer.content, answer.has_header("Vary")) == (b"None", False)


def test_deferred_fields_are_not_fetched() -> None:
    """There is no database here: asking for one would make the user nobody."""
    user = User.from_db("default", ["id", "email"], [7, "ada@shop.example"])
    assert user.get_deferred_fields() >= {"first_name", "last_name"}
    assert user_information(user) == {"email": "ada@shop.example", "external_id": "7"}


def seen_after_async(view: Any, *, known: bool = True) -> tuple[object, int]:
    async def answer(request: HttpRequest) -> HttpResponse:
        await view(request)
        return HttpResponse()

    async def walk() -> None:
        client = AsyncClient()
        if known:
            await client.get("/login")
        Backend.LOADED.clear()
        await client.get("/page")

    with shop(SESSIONS, USERS, login=logging_in, page=answer):
        asyncio.run(walk())
    return user_information(Outside.SEEN[-1]), len(Backend.LOADED)


needs_alogin = pytest.mark.skipif(not hasattr(auth, "alogin"), reason="of Django 5.0")


async def _nothing(_: HttpRequest) -> None:
    pass


async def _asks(request: HttpRequest) -> None:
    await request.auser()


async def _enters(request: HttpRequest) -> None:
    await auth.alogin(request, ada())


async def _asks_and_enters(request: HttpRequest) -> None:
    await request.auser()
    await sync_to_async(lambda: request.user.is_authenticated)()
    await auth.alogin(request, ada())


async def _asks_and_leaves(request: HttpRequest) -> None:
    await request.auser()
    await auth.alogout(request)


async def _asks_and_leaves_as_of_old(request: HttpRequest) -> None:
    await request.auser()
    await sync_to_async(auth.logout)(request)


def test_async_user_whom_nobody_asked_for_is_not_loaded() -> None:
    assert seen_after_async(_nothing) == ({}, 0)


@needs_alogin
def test_async_user_whom_the_view_asked_for_is_known() -> None:
    assert seen_after_async(_asks) == (KNOWN, 1)


@needs_alogin
@pytest.mark.parametrize("view", [_enters, _asks_and_enters])
def test_async_visitor_who_logs_in_is_known(view: Any) -> None:
    assert seen_after_async(view, known=False) == (KNOWN, 0)


@needs_alogin
@pytest.mark.parametrize("view", [_asks_and_leaves, _asks_and_leaves_as_of_old])
def test_async_visitor_who_logs_out_is_nobody(view: Any) -> None:
    """Seen: the user that auser() had loaded was still there after alogout()."""
    assert seen_after_async(view)[0] == {}


# --- Flask-Login ---------------------------------------------------------------------------------


def loaded_by_flask_login() -> object:
    """The user that Flask-Login has loaded in this request, or None (0.6.2 and later: Flask 3)."""
    return flask.g.get("_login_user") if flask.has_request_context() else None


class Customer(flask_login.UserMixin):
    def __init__(self) -> None:
        self.id, self.email = "7", "ada@shop.example"


def flask_seen(view: Callable[[], object], *, known: bool = True) -> tuple[object, int]:
    loads: list[str] = []
    seen: list[object] = []
    app = flask.Flask(__name__)
    app.secret_key = "of the tests"
    manager = flask_login.LoginManager(app)

    @manager.user_loader
    def load(user_id: str) -> Customer:
        loads.append(user_id)
        return Customer()

    app.add_url_rule("/login", view_func=lambda: str(flask_login.login_user(Customer())))
    app.add_url_rule("/page", view_func=lambda: str(view()), endpoint="page")
    inner = app.wsgi_app

    def outside(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: Any, *more: Any) -> Any:
            seen.append(loaded_by_flask_login())
            return start_response(status, headers, *more)

        return inner(environ, start)

    app.wsgi_app = outside
    client = app.test_client()
    if known:
        client.get("/login")
    loads.clear()
    client.get("/page")
    return user_information(seen[-1]), len(loads)


FLASK_KNOWN = {"email": "ada@shop.example", "external_id": "7"}


def test_flask_user_whom_nobody_asked_for_is_not_loaded() -> None:
    assert flask_seen(lambda: None) == ({}, 0)


def test_flask_user_whom_the_view_asked_for_is_known() -> None:
    assert flask_seen(lambda: flask_login.current_user.is_authenticated) == (FLASK_KNOWN, 1)


def test_flask_visitor_who_logs_in_is_known() -> None:
    view = lambda: flask_login.login_user(Customer())  # noqa: E731
    assert flask_seen(view, known=False) == (FLASK_KNOWN, 0)


def test_flask_visitor_who_logs_out_is_nobody() -> None:
    assert flask_seen(flask_login.logout_user)[0] == {}


def test_flask_visitor_without_a_login_is_nobody() -> None:
    view = lambda: flask_login.current_user.is_authenticated  # noqa: E731
    assert flask_seen(view, known=False) == ({}, 0)


def test_no_request_has_no_user() -> None:
    assert loaded_by_flask_login() is None
