"""What only the shop knows of its visitors, asked by its doors: callables, by dotted path or not.

A callable that fails knows nothing; it never reaches the shop's answer.
"""

from __future__ import annotations

from importlib import import_module
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Asked(Protocol):
    """Has questions that may block, and is told their answers: an `Inquiry`, or a `Gathering`."""

    source: object

    @property
    def questions(self) -> Iterable[tuple[Any, Callable[..., Any]]]: ...

    def told(self, kind: Any, answer: object) -> None: ...

    def untold(self, kind: Any) -> None: ...


class Named:
    """A callable by its dotted path, imported when it is first asked: the shop is whole by then.

    Raises what the import raises, each time.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._found: Callable[..., Any] | None = None

    @property
    def is_found(self) -> bool:
        """Whether it was imported."""
        return self._found is not None

    def found(self) -> Callable[..., Any]:
        """The callable behind the path."""
        if self._found is None:
            module, _, name = self.path.rpartition(".")
            self._found = getattr(import_module(module), name)
        return self._found

    def __call__(self, *given: object) -> Any:
        return self.found()(*given)


def callable_of(given: object) -> Callable[..., Any]:
    """A callable as a setting gives it: itself, or by its dotted path."""
    return Named(given) if isinstance(given, str) else given  # type: ignore[return-value]


def ask(inquiry: Asked) -> None:
    """Ask the shop what its callables know."""
    for kind, question in inquiry.questions:
        try:
            answer = question(inquiry.source)
            if iscoroutine(answer):
                answer.close()
                raise TypeError("a coroutine can be asked under ASGI only")
            inquiry.told(kind, answer)
        except Exception:
            inquiry.untold(kind)
