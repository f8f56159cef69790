"""What the server around us makes of a thread: some have none, others run it between requests.

Looks at what is loaded already, and loads nothing.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

_INSTEAD: Final = (
    "; set PIXELPAIR_SENDER=none here and run `pixelpair worker` beside the server as a process of"
    " its own"
)
_NO_THREADS: Final = (
    "uWSGI runs no threads in this process: its events are written to the spool, and nothing sends"
    f" them from here{_INSTEAD}, or set enable-threads = true"
)
_HALF: Final = (
    "{hub} has replaced this process's threads, but not its sockets: a call to Meta would hold up"
    " every request, so its events are written to the spool, and nothing sends them from here"
    f"{_INSTEAD}"
)
_SHARED: Final = (
    "{hub} has replaced this process's threads: the sender shares one with the requests, which"
    f" wait whenever it reads and writes files{_INSTEAD}"
)
# What tells of a replaced module, by whose name; and the names of what must be replaced together.
_HUBS: Final = (
    ("gevent", "gevent.monkey", "is_module_patched", ("_thread", "socket", "ssl")),
    ("eventlet", "eventlet.patcher", "is_monkey_patched", ("thread", "socket")),
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Whether a thread of ours can send here, and what a person should know of it."""

    can_send: bool = True
    remark: str = ""


def surroundings() -> Surroundings:
    """Where this process runs. To be asked late: servers replace threads after they have forked."""
    # uWSGI's own module: up to 2.0.26 it has no threads without enable-threads, 2.0.28 always.
    if not getattr(sys.modules.get("uwsgi"), "has_threads", True):
        return Surroundings(False, _NO_THREADS)
    if _will_fork(sys.modules.get("uwsgi")):
        return Surroundings(False)
    for hub, module, question, (threads, *sockets) in _HUBS:
        replaced = getattr(sys.modules.get(module), question, None)
        if replaced is not None and replaced(threads):
            whole = all(map(replaced, sockets))
            return Surroundings(whole, (_SHARED if whole else _HALF).format(hub=hub))
    return Surroundings()


def _will_fork(uwsgi: object) -> bool:
    """Whether this is uWSGI's master, loading the app: children forked while a thread of it ran
    were seen to wait for Python's lock (GIL) for ever, and uWSGI's stop for them."""
    return not any(getattr(uwsgi, name, lambda: 1)() for name in ("worker_id", "mule_id"))
