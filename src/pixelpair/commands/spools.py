"""A shop's spool and outbox, opened beside whoever sends: nothing is mended, and made only where
that is asked for.
"""

from __future__ import annotations

import logging
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pixelpair.delivery.intake import Intake
from pixelpair.delivery.locks import is_there
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.errors import PixelPairError, SpoolError
from pixelpair.sending import open_outbox, outbox_file, spool_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pixelpair.delivery.outbox import Key, Outbox
    from pixelpair.settings import Settings

log = logging.getLogger("pixelpair")


# Rows that one short transaction of a command changes, while the sender goes on.
PORTION: Final = 500


@dataclass(frozen=True, slots=True)
class Opened:
    """What lies there: the folder, and the outbox with what its journals still hold."""

    spool: Path
    file: Path | None  # none where the outbox is a Redis
    outbox: Outbox
    intake: Intake


@contextmanager
def opened(settings: Settings, *, make: bool = False) -> Iterator[Opened]:
    """The shop's outbox, an empty one where there is none yet; closed behind it.

    `make`: where there is a spool, the outbox is made in it. Raises SpoolError where something
    is there and cannot be read.
    """
    spool = spool_of(settings)
    file = outbox_file(settings, spool)
    try:
        with closing(_outbox(settings, spool, make=make and spool.is_dir())) as outbox:
            yield Opened(spool, file, outbox, Intake(spool, outbox))
    except PixelPairError:
        raise
    except Exception as error:  # whatever the outbox of this shop raises
        log.debug("the spool cannot be read", exc_info=True)
        raise SpoolError(f"the spool {spool} cannot be read: {_reason(error)}") from error


def _outbox(settings: Settings, spool: Path, *, make: bool) -> Outbox:
    file = outbox_file(settings, spool)
    there = make or file is None or is_there(file)
    return open_outbox(settings, spool, mends=False) if there else MemoryOutbox()


def _reason(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "run this as the user that the shop runs as"
    return f"{type(error).__name__}: {error}"


def in_portions(keys: list[Key], act: Callable[[list[Key]], int]) -> int:
    """Do it with some keys after the others; gives the sum."""
    return sum(act(keys[start : start + PORTION]) for start in range(0, len(keys), PORTION))
