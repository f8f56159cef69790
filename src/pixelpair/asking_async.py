"""The same questions under ASGI, where what may block goes to a thread.

Apart from `asking`, for asyncio is 45 ms and 10 MB that a WSGI shop need not load.
"""

from __future__ import annotations

from asyncio import timeout
from contextlib import suppress
from importlib import import_module
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import iscoroutinefunction, sync_to_async

from pixelpair.asking import Named

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.asking import Asked

PATIENCE: Final = 2.0  # seconds that a page waits for what its shop knows of the visitor
# What only some pages and views need. The first of them would keep everybody else in the loop
# waiting: seen to take 3 to 28 ms each, 36 ms and 3.5 MB together.
_LATE: Final = (
    *("email.utils", "encodings.utf_8_sig", "pixelpair.delivery.sightings", "pixelpair.verbs"),
    *("price_parser", "selectolax.lexbor"),
)


def load_ahead() -> None:
    """Import what else a request would be the first to need."""
    for name in _LATE:
        with suppress(ImportError):  # whoever needs it says so
            import_module(name)


async def in_thread(function: Callable[..., Any], *given: object, in_django: bool = False) -> Any:
    """What a function says that may block; under Django in the one thread that its ORM wants.

    Raises TimeoutError where it takes longer than PATIENCE.
    """
    async with timeout(PATIENCE):
        return await sync_to_async(function, thread_sensitive=in_django)(*given)


async def ask_async(inquiry: Asked, *, in_django: bool = False) -> None:
    """The same under ASGI: what may block goes to a thread, and nobody waits for ever."""
    for kind, question in inquiry.questions:
        try:
            found = await _found(question, in_django)
            if iscoroutinefunction(found):
                async with timeout(PATIENCE):
                    inquiry.told(kind, await found(inquiry.source))
            else:
                answer = await in_thread(_asked, found, inquiry.source, in_django=in_django)
                if isawaitable(answer):
                    async with timeout(PATIENCE):
                        answer = await answer
                inquiry.told(kind, answer)
        except Exception:
            inquiry.untold(kind)


async def _found(question: Callable[..., Any], in_django: bool) -> Callable[..., Any]:
    """The callable itself; of a path, whose module may take long to import."""
    if not isinstance(question, Named):
        return question
    if question.is_found:
        return question.found()
    found: Callable[..., Any] = await in_thread(question.found, in_django=in_django)
    return found


def _asked(question: Callable[..., Any], source: object) -> Any:
    return question(source)  # not the question itself: an object may be async in its __call__
