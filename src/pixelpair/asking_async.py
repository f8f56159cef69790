"""The same questions under ASGI, where what may block goes to a thread.

Apart from `asking`, for asyncio is 45 ms and 10 MB that a WSGI shop need not load.
"""

from __future__ import annotations

from asyncio import timeout
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import iscoroutinefunction, sync_to_async

from pixelpair.asking import Named

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.asking import Asked

PATIENCE: Final = 2.0  # seconds that a page waits for what its shop knows of the visitor


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
            found = question.found() if isinstance(question, Named) else question
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


def _asked(question: Callable[..., Any], source: object) -> Any:
    return question(source)  # not the question itself: an object may be async in its __call__
