"""On which kind of file system a folder lies, read from what Linux says of its mounts. Elsewhere
nobody tells.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pixelpair.errors import SpoolError

# proc_pid_mountinfo(5)
MOUNTS: Final = Path("/proc/self/mountinfo")
# SQLite's log needs memory that all its processes share, which those of two machines do not
# (sqlite.org/wal.html). 9p and virtiofs are not named: what a machine lends its own guests, gVisor
# its every container, is shared by nobody else.
NETWORKED: Final = frozenset(
    {"afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4"}
    | {"orangefs", "pvfs2", "smb2", "smb3", "smbfs", "fuse.blobfuse2", "fuse.ceph"}
    | {"fuse.ceph-fuse", "fuse.gcsfuse", "fuse.glusterfs", "fuse.juicefs", "fuse.mfs"}
    | {"fuse.rclone", "fuse.s3fs", "fuse.sshfs"}
)
_REFUSED: Final = (
    "{folder} is on a network file system ({kind}), where SQLite's log would be damaged: set"
    " PIXELPAIR_SPOOL to a folder on a local disk, or PIXELPAIR_OUTBOX=redis://HOST; until then"
    " events wait in their journals"
)
_OCTAL = re.compile(r"\\([0-7]{3})")


def refuse_network(folder: Path) -> None:
    """Raise SpoolError, with what to do, where this folder is known to be on another machine."""
    try:
        told = MOUNTS.read_text("utf-8", "surrogateescape")
        kind = kind_of(told, str(folder.resolve()))
    except (OSError, RuntimeError):  # a loop of symbolic links
        return
    if kind in NETWORKED:
        raise SpoolError(_REFUSED.format(folder=folder, kind=kind))


def kind_of(mountinfo: str, path: str) -> str:
    """The file system's type of the innermost mount that an absolute path lies in; "" if none.

    Of two mounts on one folder the later hides the earlier.
    """
    innermost, kind = "", ""
    for line in mountinfo.split("\n"):
        before, _, behind = line.partition(" - ")
        places, kinds = before.split(" "), behind.split(" ")
        if len(places) < 6 or not kinds[0]:
            continue
        point = _OCTAL.sub(_letter, places[4])
        if len(point) >= len(innermost) and _lies_in(path, point):
            innermost, kind = point, kinds[0]
    return kind


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _letter(escaped: re.Match[str]) -> str:
    return chr(int(escaped[1], 8))
