"""What wakes a thread before its time: rung from anywhere, even from a signal handler."""

from __future__ import annotations

import queue


class Bell:
    """Rings once, however often it was rung, until somebody has waited for it."""

    def __init__(self) -> None:
        # No Event: its set() takes a lock, which a signal handler may find taken by its own
        # thread. Found by its module, in which gevent replaces it.
        self._rings: queue.SimpleQueue[None] = queue.SimpleQueue()

    def ring(self) -> None:
        if self._rings.empty():
            self._rings.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait for a ring, no longer than so many seconds. Whether it rang."""
        try:
            self._rings.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return False
        return True
