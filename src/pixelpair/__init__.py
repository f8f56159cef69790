"""pixelpair: every page carries the Meta Pixel, and every shop event leaves twice under one id.

In a view: `track`, `identify`, `consent`, `discard`, `seal`; for what happens later, `send`; where
processes are frozen, `flush`.
Importing it starts nothing.
"""

from pixelpair.core.events import Event
from pixelpair.errors import OutsideRequest, PixelPairError, SettingsError, SpoolError
from pixelpair.settings import Settings
from pixelpair.tracker import Tracker
from pixelpair.verbs import consent, discard, flush, identify, seal, send, track

__version__ = "0.1.0"

__all__ = [
    "Event",
    "OutsideRequest",
    "PixelPairError",
    "Settings",
    "SettingsError",
    "SpoolError",
    "Tracker",
    "__version__",
    "consent",
    "discard",
    "flush",
    "identify",
    "seal",
    "send",
    "track",
]
