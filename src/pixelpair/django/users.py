"""Django's user of a request, as it was loaded or, where an event is worth it, loads now."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from django.contrib import auth
from django.utils.functional import LazyObject, empty

if TYPE_CHECKING:
    from django.http import HttpRequest

# AuthenticationMiddleware's, from Django 4.2 to 6.0: of `request.user`, and of `auser()`
_CACHED = ("_cached_user", "_acached_user")


def loaded_user(request: HttpRequest) -> object:
    """The user that this request has loaded already, or None.

    login() and logout() of both kinds come before what was loaded earlier.
    """
    held = vars(request)
    for user in (_since_alogin(held.get("auser")), _unwrapped(held.get("user"))):
        if user is not None:
            return user
    return next((held[name] for name in _CACHED if held.get(name) is not None), None)


def load_user(request: HttpRequest) -> None:
    """Make AuthenticationMiddleware load its user; whatever fails, there is none."""
    with suppress(Exception):  # the shop's own backend may raise anything
        bool(getattr(request, "user", None))


async def load_user_async(request: HttpRequest) -> None:
    """The same under ASGI, in the way that does not block."""
    auser = getattr(request, "auser", None)
    if auser is not None:
        with suppress(Exception):
            await auser()


def _unwrapped(user: object) -> object:
    if not isinstance(user, LazyObject):
        return user
    wrapped = vars(user).get("_wrapped", empty)
    return None if wrapped is empty else wrapped


def _since_alogin(auser: object) -> object:
    """What alogin() and alogout() put in the place of `auser()` since Django 6.0; never waits."""
    if not callable(auser) or getattr(auser, "__module__", "") != auth.__name__:
        return None
    coroutine = auser()
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    coroutine.close()
    return None
