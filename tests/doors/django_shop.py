"""The site as Django views, and the settings that all Django tests begin with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import django
from django.conf import settings
from django.contrib import admin
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.urls import path, re_path

from pixelpair.django import PixelPairMiddleware

from .site import READ, Reply, view

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from django.http import HttpRequest

    from pixelpair import Tracker

if not settings.configured:
    settings.configure(
        SECRET_KEY="of the tests",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        LOGGING_CONFIG=None,
    )
    django.setup()

DOOR = f"{__name__}.Door"


class Door(PixelPairMiddleware):
    """The middleware, with the tracker that a test put here."""

    TRACKERS: ClassVar[list[Tracker]] = []

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self.tracker = self.TRACKERS[-1]


def response_to(reply: Reply, body: object) -> Any:
    if reply.file:
        made: Any = FileResponse(reply.file.open("rb"))
        for name, _ in list(made.items()):
            del made.headers[name]
    elif reply.streams:
        made = StreamingHttpResponse(body, status=reply.status)
    else:
        made = HttpResponse(body, status=reply.status)
    del made["Content-Type"]
    for name, value in reply.pairs:
        made.headers[name] = value
    for name, value in reply.cookies:
        made.set_cookie(name, value, path="/", httponly=True, samesite="Lax")
    return made


def read_django(request: HttpRequest, how: str) -> None:
    if how == "form":
        files = {name: file.read() for name, file in request.FILES.items()}
        READ.append({**request.POST.dict(), **files})
    elif how in ("whole", "twice"):
        READ.append(request.body)
        assert how == "whole" or request.body == READ[-1]
    elif how == "pieces":
        READ.append(b"".join(iter(partial(request.read, 7), b"")))
    elif how == "lines":
        READ.append(b"".join(request))
    elif how == "half":
        READ.append(request.read(7))


def sync_view(request: HttpRequest, **_: object) -> Any:
    reply = view(request.method or "", request.path_info)
    read_django(request, reply.reads)
    return response_to(reply, reply.stream() if reply.streams else reply.whole)


async def async_view(request: HttpRequest, **_: object) -> Any:
    reply = view(request.method or "", request.path_info)
    read_django(request, reply.reads)
    return response_to(reply, _later(reply) if reply.streams else reply.whole)


async def _later(reply: Reply) -> AsyncIterator[bytes]:
    for chunk in reply.stream():
        yield chunk


class SyncUrls:
    urlpatterns: ClassVar = [
        path("goods/<str:sku>", sync_view, name="goods"),
        re_path("", sync_view),
    ]


class AsyncUrls:
    urlpatterns: ClassVar = [
        path("goods/<str:sku>", async_view, name="goods"),
        re_path("", async_view),
    ]


urlpatterns = [path("control-room/", admin.site.urls)]
