"""The exchange whose request is being served: set by the doors, asked by the verbs."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelpair.core.exchange import Exchange

CURRENT: ContextVar[Exchange | None] = ContextVar("pixelpair", default=None)
