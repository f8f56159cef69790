"""Where events wait if the shop names no folder: what the machine keeps for state, else /tmp."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path

from pixelpair.errors import SpoolError


def default_spool(pixel_id: str) -> Path:
    """The folder for a shop that names none: the service manager's, the user's, a temporary one.

    Below the user's folder each pixel has its own: two shops must not share an outbox.
    """
    state = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]  # systemd.exec(5)
    if state:
        return Path(state)
    base = _user_state()
    if base is not None and _can_hold(base):
        return base / "pixelpair" / (pixel_id or "none")
    return temporary_spool(pixel_id)


def temporary_spool(pixel_id: str) -> Path:
    """Where events wait if there is no better place: it may be emptied at a reboot."""
    owner = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"pixelpair-{owner}" / (pixel_id or "none")


def _user_state() -> Path | None:
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    return Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state")


def _can_hold(folder: Path) -> bool:
    """Whether we could make a folder there, asked without making one."""
    for place in (folder, *folder.parents):
        try:
            mode = place.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:  # such as another user's home, which we may not even look into
            return False
        return stat.S_ISDIR(mode) and os.access(place, os.W_OK | os.X_OK)
    return False


def make_private(folder: Path) -> None:
    """Make this folder, or see that it is this user's alone. Raises SpoolError."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise SpoolError(f"{folder}: {error.strerror}: set PIXELPAIR_SPOOL") from None
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if not (stat.S_ISDIR(found.st_mode) and mine and not found.st_mode & 0o077):
        raise SpoolError(f"{folder} is not this user's alone: set PIXELPAIR_SPOOL")
