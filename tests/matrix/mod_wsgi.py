"""Apache with Debian's mod_wsgi: a configuration of its own, and a folder that its user may read.

The module is linked to the system's Python, which gets this environment's packages by python-path.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
from importlib.metadata import requires
from pathlib import Path

from tests.conftest import ROOT, missing_tool

MODULES = Path("/usr/lib/apache2/modules")
USER = "www-data"  # Apache's workers refuse to be root
COMMON = """\
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
Mutex file:{folder} default
ErrorLog /dev/stderr
LogLevel warn
User {user}
Group {user}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
KeepAlive On
MaxKeepAliveRequests 0
StartServers 2
# Without spare threads Apache closes kept connections, and a cell looks other than it is.
ThreadsPerChild 50
MinSpareThreads 50
MaxSpareThreads 200
MaxRequestWorkers 200
AsyncRequestWorkerFactor 4
<Directory "{root}">
Require all granted
</Directory>
WSGIScriptAlias / {root}/tests/matrix/server_shops.py
"""
DAEMON = """\
WSGISocketPrefix {folder}/wsgi
WSGIDaemonProcess shop processes=2 threads=4 python-path={path}
WSGIProcessGroup shop
WSGIApplicationGroup %{{GLOBAL}}
"""
EMBEDDED = """\
WSGIPythonPath {path}
WSGIApplicationGroup %{{GLOBAL}}
"""


def daemon_config(folder: Path, port: str) -> None:
    _write(COMMON + DAEMON, folder, port)


def embedded_config(folder: Path, port: str) -> None:
    _write(COMMON + EMBEDDED, folder, port)


def _write(text: str, folder: Path, port: str) -> None:
    root = ROOT if os.geteuid() or is_open(ROOT) else _copied(folder / "code")
    path = os.pathsep.join([str(packages(folder)), str(root / "src"), str(root)])
    words = {"folder": folder, "port": port, "modules": MODULES, "root": root, "path": path}
    (folder / "apache.conf").write_text(text.format(user=USER, **words))
    if os.geteuid() == 0:
        for there in (folder, *folder.rglob("*")):
            shutil.chown(there, USER, USER)


def is_open(folder: Path) -> bool:
    """Whether other users may look into it: a repository below /root is closed."""
    return all(one.stat().st_mode & stat.S_IXOTH for one in (folder, *folder.parents))


def _copied(code: Path) -> Path:
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, code / name, ignore=shutil.ignore_patterns("__pycache__"))
    return code


def linked_to() -> str:
    """The version of the Python that the module was built for; Debian may bring several."""
    module = MODULES / "mod_wsgi.so"
    if not module.exists():
        missing_tool("libapache2-mod-wsgi-py3")
    return module.resolve().name.partition("-")[2]


def packages(folder: Path) -> Path:
    """Packages for that Python: this environment's, or others where the versions differ or the
    server may not read them."""
    version, own = linked_to(), Path(sysconfig.get_path("purelib"))
    may_read = os.geteuid() != 0 or is_open(own)
    if may_read and version == "{}.{}".format(*sys.version_info[:2]):
        return own
    made = (ROOT / ".cache" if may_read else folder) / f"packages-{version}"
    if not made.exists():
        needed = [line for line in requires("pixelpair") or () if "extra ==" not in line]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
        pip += ["--python-version", version, "--target", str(made), *needed]
        subprocess.run(pip, check=True)
    return made


def version() -> str:
    """What Debian calls the module's version."""
    command = ["dpkg-query", "--show", "--showformat=${Version}", "libapache2-mod-wsgi-py3"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.match(r"[\d.]+", told)
    return found[0] if found else ""
