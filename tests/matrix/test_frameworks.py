"""Each framework of docs/frameworks.md, run as it stands there; each check is a test of its own."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.docs_pages import BLOCKS

from .framework_checks import CHECKS, Check
from .framework_walk import Seen, needs, see
from .frameworks import FRAMEWORKS, KNOWN, PAGE, Framework
from .raw import FramingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.conftest import Sandbox

CELLS = [
    pytest.param(framework, check, id=f"{framework.name}-{check.name}")
    for framework in FRAMEWORKS
    for check in CHECKS
]


@pytest.fixture(scope="module")
def seen_of(
    sandbox: Sandbox, chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Framework], Seen]]:
    """A framework's walk, made once; the newest Django may be one that has a row already."""
    made: dict[object, Seen] = {}

    def look(framework: Framework) -> Seen:
        version = framework.version if needs(framework.version) else ""
        key = (framework.heading, framework.line, version)
        if key not in made:
            folder: Path = tmp_path_factory.mktemp(framework.shop)
            with ExitStack() as stack:
                made[key] = see(framework, sandbox, chromium, folder, stack)
        return made[key]

    return look


@pytest.mark.e2e
@pytest.mark.drill
@pytest.mark.parametrize(("framework", "check"), CELLS)
def test_cell(framework: Framework, check: Check, seen_of: Callable[[Framework], Seen]) -> None:
    seen = seen_of(framework)
    known = next((k for k in KNOWN if (k.framework, k.check) == (framework.name, check.name)), None)
    if check.name in framework.lacks:
        assert check.lacking(seen), "it is there: take it out of `lacks`"
    elif known is None:
        check.run(seen)
    else:
        with pytest.raises((AssertionError, FramingError), match=known.says):
            check.run(seen)  # does it not fail? take it out of KNOWN


def test_every_app_of_the_page_is_run() -> None:
    told = [block.text for block in BLOCKS if block.page == PAGE and block.file]
    assert sorted(told) == sorted({file.text for one in FRAMEWORKS for file in one.files})


def test_every_command_of_the_page_is_run() -> None:
    consoles = [b.text for b in BLOCKS if b.page == PAGE and b.language == "console"]
    told = [line.removeprefix("$ ") for text in consoles for line in text.splitlines()]
    ran = {(one.heading, one.told) for one in FRAMEWORKS}
    assert sorted(told) == sorted(command for _, command in ran)


def test_what_is_known_is_of_a_cell() -> None:
    names = {(one.name, check.name) for one in FRAMEWORKS for check in CHECKS}
    lacking = {(one.name, check) for one in FRAMEWORKS for check in one.lacks}
    assert lacking <= names
    assert {(known.framework, known.check) for known in KNOWN} <= names - lacking
