"""Where a folder lies, by what Linux says of its mounts; and what becomes of a queue on NFS."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.delivery import mounts
from pixelpair.delivery.frames import read_frames
from pixelpair.delivery.mounts import NETWORKED, kind_of, refuse_network
from pixelpair.delivery.sqlite import SqliteOutbox
from pixelpair.errors import SpoolError

from .conftest import make_twin, put

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Build

# As kernels 5.15 and 6.1 write them: a server with a share, an automounter and a container.
MOUNTINFO = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
31 22 0:27 / /srv rw,relatime shared:20 master:1 - autofs systemd-1 rw,fd=29,pgrp=1,timeout=0
88 31 0:52 / /srv/shared rw,relatime shared:21 - nfs4 10.0.0.5:/export rw,vers=4.2,hard
91 88 8:17 / /srv/shared/fast rw,relatime - xfs /dev/sdb1 rw,attr2,inode64
95 22 0:61 / /mnt/team\040files\134x rw,relatime shared:30 - cifs //nas/team rw,vers=3.1.1
97 22 0:63 / /mnt/ssh rw,nosuid,nodev - fuse.sshfs me@far:/ rw,user_id=0
98 22 0:64 / /var/lib/pods rw,relatime - 9p none rw,trans=fd
99 22 0:65 / /home rw,relatime shared:40 - ext4 /dev/sdc1 rw
100 99 0:66 / /home rw,relatime shared:41 - nfs far:/home rw,vers=3
not a line of this kind
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/var/lib/shop", "ext4"),
        ("/srv", "autofs"),
        ("/srv/sharedother", "autofs"),
        ("/srv/shared", "nfs4"),
        ("/srv/shared/shop/spool", "nfs4"),
        ("/srv/shared/fast/spool", "xfs"),
        ("/mnt/team files\\x/spool", "cifs"),
        ("/mnt/team", "ext4"),
        ("/mnt/ssh/a", "fuse.sshfs"),
        ("/var/lib/pods/a", "9p"),
        ("/home/shop", "nfs"),
    ],
)
def test_finds_the_innermost_mount(path: str, kind: str) -> None:
    assert kind_of(MOUNTINFO, path) == kind


@given(st.text(), st.text())
def test_any_text_is_read(mountinfo: str, path: str) -> None:
    lines = mountinfo.split("\n")
    assert kind_of(mountinfo, path) in {"", *(word for line in lines for word in line.split(" "))}


def escaped(point: str) -> str:
    return "".join(f"\\{ord(c):03o}" if c in " \t\n\\" else c for c in point)


NAMES = st.text(st.sampled_from("ab \t\n\\å-"), min_size=1, max_size=4)


@given(st.lists(st.lists(NAMES, max_size=3), max_size=6), st.lists(NAMES, max_size=4))
def test_the_longest_and_latest_mount_counts(points: list[list[str]], path: list[str]) -> None:
    lines = [
        f"{n} 1 0:{n} / /{escaped('/'.join(point))} rw shared:1 - kind{n} source rw"
        for n, point in enumerate(points)
    ]
    around = [(len(p), n) for n, p in enumerate(points) if path[: len(p)] == p]
    wanted = f"kind{max(around)[1]}" if around else ""
    assert kind_of("\n".join(lines), "/" + "/".join(path)) == wanted


def network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path, kind: str) -> None:
    file = tmp_path / "mountinfo"
    file.write_text(f"1 0 8:1 / / rw - ext4 d rw\n2 1 0:9 / {folder} rw - {kind} far:/ rw\n")
    monkeypatch.setattr(mounts, "MOUNTS", file)


@pytest.mark.parametrize("kind", sorted(NETWORKED))
def test_a_queue_on_another_machine_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    network(monkeypatch, tmp_path, tmp_path, kind)
    with pytest.raises(SpoolError) as caught:
        SqliteOutbox(tmp_path / "spool" / "outbox.sqlite3")
    assert str(caught.value) == (
        f"{tmp_path}/spool is on a network file system ({kind}), where SQLite's log would be"
        " damaged: set PIXELPAIR_SPOOL to a folder on a local disk, or"
        " PIXELPAIR_OUTBOX=redis://HOST; until then events wait in their journals"
    )
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize("kind", ["ext4", "overlay", "tmpfs", "9p", "virtiofs", "fuse.grpcfuse"])
def test_what_one_machine_has_for_itself_is_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    network(monkeypatch, tmp_path, tmp_path, kind)
    refuse_network(tmp_path)


def test_a_link_is_followed_to_where_it_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    network(monkeypatch, tmp_path, tmp_path / "far", "nfs")
    with pytest.raises(SpoolError):
        refuse_network(tmp_path / "near" / "spool")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_kernels_own_words_are_understood() -> None:
    assert kind_of(mounts.MOUNTS.read_text(), "/proc") == "proc"


def test_where_nobody_tells_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "missing")
    refuse_network(tmp_path)


def test_a_shop_on_a_network_file_system_is_told_once_and_keeps_its_events(
    spool: Path,
    tmp_path: Path,
    build: Build,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    network(monkeypatch, tmp_path, tmp_path, "nfs4")
    worker, journal = build()
    put(journal, 1, 2)
    for _ in range(3):
        worker.step()
    told = [(r.levelno, r.getMessage(), r.exc_info) for r in caplog.records]
    begin = f"delivery could not lead: {spool} is on a network file system (nfs4), where"
    assert [(level, text[: len(begin)], trace) for level, text, trace in told] == [
        (logging.ERROR, begin, None)
    ]
    files = [path.read_bytes() for path in spool.glob("*.pxj")]
    assert [r for data in files for r in read_frames(data, final=True).payloads] == [
        make_twin(n).pack() for n in (1, 2)
    ]
