"""Django's user of a request: as it was loaded or, where an event is worth it, as its session says.

The answer's session has been saved by then: it is read from a store of our own, and never changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import auth
from django.utils.crypto import constant_time_compare
from django.utils.functional import LazyObject, empty

from pixelpair.asking_async import in_thread

if TYPE_CHECKING:
    from django.http import HttpRequest

# AuthenticationMiddleware's, from Django 4.2 to 6.0: of `request.user`, and of `auser()`
_CACHED = ("_cached_user", "_acached_user")
# The file and signed-cookie stores begin a new session when they meet one that has ended.
_WRITES = ("create", "delete", "flush", "save")


def user_of(request: HttpRequest, *, load: bool) -> object:
    """The user that this request has loaded; else, with `load`, the one of its session; or None.

    Raises what the shop's own backend raises.
    """
    user = loaded_user(request)
    return _stored_user(request) if user is None and load else user


async def user_of_async(request: HttpRequest, *, load: bool) -> object:
    """The same under ASGI, in the way that does not block."""
    user = user_of(request, load=False)
    if user is None and load and _session_key(request):
        return await in_thread(_stored_user, request, in_django=True)
    return user


def loaded_user(request: HttpRequest) -> object:
    """The user that this request has loaded already, or None.

    login() and logout() of both kinds come before what was loaded earlier.
    """
    held = vars(request)
    for user in (_since_alogin(held.get("auser")), _unwrapped(held.get("user"))):
        if user is not None:
            return user
    return next((held[name] for name in _CACHED if held.get(name) is not None), None)


def _session_key(request: HttpRequest) -> Any:
    """The key of the session of a shop that has users; asking for it is no access."""
    held = vars(request)
    return getattr(held.get("session"), "session_key", None) if "user" in held else None


def _stored_user(request: HttpRequest) -> object:
    """What django.contrib.auth.get_user() says, without what it does: seen outside of
    SessionMiddleware, its cycle_key() and flush() took the customer's session with them.
    """
    key = _session_key(request)
    if not key:
        return None
    store: Any = type(request.session)(key)
    vars(store).update(dict.fromkeys(_WRITES, _nothing))
    path = store.get(auth.BACKEND_SESSION_KEY)
    if path not in settings.AUTHENTICATION_BACKENDS:
        return None
    pk = auth.get_user_model()._meta.pk.to_python(store[auth.SESSION_KEY])
    user = auth.load_backend(path).get_user(pk)
    return user if _is_of(user, store.get(auth.HASH_SESSION_KEY)) else None


def _is_of(user: Any, session_hash: str | None) -> bool:
    """Whether the session was begun with the password that this user has now."""
    if not hasattr(user, "get_session_auth_hash"):
        return user is not None
    if not session_hash:
        return False
    if constant_time_compare(session_hash, user.get_session_auth_hash()):
        return True
    older: Any = getattr(user, "get_session_auth_fallback_hash", tuple)()
    return any(constant_time_compare(session_hash, found) for found in older)


def _nothing(*_given: object, **_said: object) -> None:
    """Stands where a store would write."""


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
