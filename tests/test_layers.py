"""The import law: each room knows only what lies below it, type hints included."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pixelpair
from pixelpair import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(pixelpair.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))

DOORS = ("asgi", "wsgi", "flask", "django")
CORE = {"core", "errors"}
GRAPH = CORE | {"graph"}
DELIVERY = GRAPH | {"delivery"}
SETTINGS = CORE | {"options", "readers", "settings", "spool"}
SHOPS = SETTINGS | {"asking", "asking_async", "fittings", "storefront", "shops"}
SENDING = DELIVERY | SHOPS | {"sending", "start"}
TRACKER = SENDING | {"logs", "metrics", "tracker"}
# What a room may know beside itself; `pixelpair` is the façade.
LAW: dict[str, set[str]] = {
    "errors": set(),
    "core": {"errors"},
    "readers": CORE,
    "options": CORE | {"readers"},
    "spool": {"errors"},
    "settings": SETTINGS,
    "asking": CORE,
    "asking_async": CORE | {"asking"},
    "fittings": CORE | {"asking", "settings"},
    "storefront": CORE | {"fittings", "settings"},
    "shops": SHOPS,
    "start": SETTINGS,
    "sending": SENDING,
    "graph": CORE,
    "catalog": GRAPH | {"readers"},
    "delivery": GRAPH,
    "logs": set(),
    "metrics": DELIVERY,
    "tracker": TRACKER,
    "verbs": CORE | {"readers", "start", "tracker"},
    "asgi": TRACKER,
    "wsgi": TRACKER,
    "flask": TRACKER | {"wsgi", "cli"},
    "django": TRACKER | {"cli", "verbs"},  # the mixin of orders speaks as a view does
    "commands": TRACKER | {"catalog"},
    "cli": TRACKER | {"commands", "sandbox"},
    "sandbox": {"errors"},
    "testing": TRACKER | {"sandbox"},
    "pixelpair": TRACKER | {"verbs"},
    "__main__": {"cli"},
}
FORBIDDEN_TO_CORE = {
    "asyncio", "concurrent", "datetime", "httpx", "multiprocessing", "os", "random", "requests",
    "secrets", "select", "selectors", "signal", "socket", "sqlite3", "ssl", "subprocess",
    "tempfile", "_thread", "threading", "time",
}  # fmt: skip
# The calendar is no clock: a date of birth is checked against it.
ALLOWED_NAMES = {
    ("user_data.py", "datetime", "date"),
    ("orders.py", "datetime", "datetime"),  # what a shop gives; it is asked for no time
}
FRAMEWORKS = {"django", "flask", "werkzeug", "fastapi", "uvicorn", "starlette", "asgiref"}
KNOWS_A_FRAMEWORK = {
    "core": {"starlette"},  # path patterns
    "asking_async": {"asgiref"},
    "asgi": {"asgiref"},  # what an async function is to it
    "wsgi": set(),
    "flask": {"flask"},
    "django": {"django", "asgiref"},
    "sandbox": {"starlette", "uvicorn"},
    "testing": {"asgiref"},
}


def room_of(file: Path) -> str:
    first = file.relative_to(SOURCE).parts[0].removesuffix(".py")
    return "pixelpair" if first == "__init__" else first


def imports(file: Path, text: str | None = None) -> Iterator[tuple[str, str]]:
    """Each imported module, absolute, and the name taken from it; wherever it is imported."""
    package = ("pixelpair", *file.relative_to(SOURCE).parts[:-1])
    for node in ast.walk(ast.parse(file.read_bytes() if text is None else text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*above, *filter(None, [node.module])))
            yield from ((module, alias.name) for alias in node.names)


def own_rooms(file: Path) -> set[str]:
    """The rooms of ours that a file imports from."""
    rooms = set()
    for module, name in imports(file):
        if module == "pixelpair":
            rooms.add(name if name in LAW else "pixelpair")
        elif module.startswith("pixelpair."):
            rooms.add(module.split(".")[1])
    return rooms


def named(file: Path) -> str:
    return str(file.relative_to(SOURCE))


@pytest.mark.parametrize("file", FILES, ids=named)
def test_room_knows_only_what_lies_below_it(file: Path) -> None:
    room = room_of(file)
    assert own_rooms(file) - {room} <= LAW[room]


@pytest.mark.parametrize("file", FILES, ids=named)
def test_frameworks_are_known_to_their_doors_alone(file: Path) -> None:
    known = {module.partition(".")[0] for module, _ in imports(file)} & FRAMEWORKS
    assert known <= KNOWS_A_FRAMEWORK.get(room_of(file), set())


@pytest.mark.parametrize("file", sorted((SOURCE / "core").rglob("*.py")), ids=named)
def test_core_knows_no_clock_no_thread_and_no_socket(file: Path) -> None:
    found = {
        (file.name, module, name)
        for module, name in imports(file)
        if module.partition(".")[0] in FORBIDDEN_TO_CORE
    }
    assert found <= ALLOWED_NAMES


def test_core_opens_no_file() -> None:
    for file in (SOURCE / "core").rglob("*.py"):
        nodes = ast.walk(ast.parse(file.read_bytes()))
        called = [node.func for node in nodes if isinstance(node, ast.Call)]
        assert not [f for f in called if isinstance(f, ast.Name) and f.id in ("open", "print")]


def test_every_room_is_in_the_law() -> None:
    assert {room_of(file) for file in FILES} == LAW.keys()


def test_doors_do_not_import_each_other() -> None:
    for door in DOORS:
        assert LAW[door] & set(DOORS) <= ({"wsgi"} if door == "flask" else set())


def test_the_walk_sees_relative_and_late_imports() -> None:
    text = "from ..tracker import X\nfrom . import y\ndef f():\n    import pixelpair.cli\n"
    seen = list(imports(SOURCE / "core" / "example.py", text))
    assert seen == [("pixelpair.tracker", "X"), ("pixelpair.core", "y"), ("pixelpair.cli", "")]


# --- the façade ----------------------------------------------------------------------------------

FACADE = [
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


def test_facade_is_sorted_and_exact() -> None:
    assert sorted(pixelpair.__all__) == pixelpair.__all__ == FACADE
    assert all(hasattr(pixelpair, name) for name in FACADE)


def test_facade_has_nothing_that_is_not_in_it() -> None:
    names = {name: home for home, name in imports(SOURCE / "__init__.py") if "pixelpair" in home}
    assert sorted(names) == [name for name in FACADE if name != "__version__"]
    for name, home in names.items():
        assert getattr(pixelpair, name) is getattr(import_module(home), name)
    with pytest.raises(AttributeError, match="nothing"):
        pixelpair.nothing  # noqa: B018


def test_errors_are_a_tree_with_one_root() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Exception)]
    assert all(issubclass(c, errors.PixelPairError) for c in classes)
    assert [c.__name__ for c in classes if c.__name__ not in (errors.__doc__ or "")] == []


IMPORT = """
import sys, threading
import pixelpair
loaded = {name.partition(".")[0] for name in sys.modules}
libraries = {"flask", "django", "fastapi", "starlette", "uvicorn", "httpx", "phonenumbers"}
print(sorted(libraries & loaded), threading.active_count())
"""


def test_importing_the_facade_starts_nothing_and_no_framework() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT],
        env={"PYTHONPATH": str(SOURCE.parent)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.stdout, ran.stderr) == ("[] 1\n", "")
