"""The test kit for shops: which events a test's requests made, as pairs. See docs/testing.md.

pytest finds its fixtures by itself: `pixelpair_events` records, `pixelpair_sandbox` delivers.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelpair.testing.events import Events, Pair
    from pixelpair.testing.sandbox import Sandbox

__all__ = ["Events", "Pair", "Sandbox"]


if not TYPE_CHECKING:  # for mypy a module with this has every name there is

    def __getattr__(name: str) -> object:
        # pytest imports our plugin, and with it this file, in every project.
        if name not in __all__:
            raise AttributeError(f"module 'pixelpair.testing' has no attribute {name!r}")
        from importlib import import_module

        home = "sandbox" if name == "Sandbox" else "events"
        return getattr(import_module(f"pixelpair.testing.{home}"), name)
