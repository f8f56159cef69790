"""pixelpair: every page carries the Meta Pixel, and every shop event leaves twice under one id.

In a view: `track`, `identify`, `consent`, `discard`, `seal`; for what happens later, `send`; where
processes are frozen, `flush`.
Importing it starts nothing, and loads each name when that is first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

# Whatever imports one of our modules runs this file: pytest, for its plugin, in every project.
_HOMES = {
    "Event": "core.events",
    "OutsideRequest": "errors",
    "PixelPairError": "errors",
    "Settings": "settings",
    "SettingsError": "errors",
    "SpoolError": "errors",
    "Tracker": "tracker",
}


if not TYPE_CHECKING:  # for mypy a module with this has every name there is

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'pixelpair' has no attribute {name!r}")
        from importlib import import_module

        found = getattr(import_module(f"pixelpair.{_HOMES.get(name, 'verbs')}"), name)
        globals()[name] = found
        return found
