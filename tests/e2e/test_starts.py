"""The quickstarts, followed to the letter: each ends with the pairs that it promises."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import PATIENCE, Sandbox, free_port, until
from tests.docs_pages import BLOCKS, ROOT, Block
from tests.e2e.visits import pairs, settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

STARTS = sorted({block.page for block in BLOCKS if block.page.startswith("docs/start/")})
# What the reader's machine does and this one has done: an environment with everything installed.
DONE = ("python3 -m venv .venv", ". .venv/bin/activate", "pip install ")
PROMISED = pairs("PageView", "ViewContent", "AddToCart", "PageView", "PageView", "Purchase")


class Reader:
    """Does what a page says, in an empty folder; other ports than the page's are free for sure."""

    def __init__(self, page: str, folder: Path) -> None:
        self.blocks = [block for block in BLOCKS if block.page == page]
        self.folder, self.project = folder, folder
        self.ports = {"8000": str(free_port()), "8765": str(free_port())}

    def text(self, block: Block) -> str:
        text = block.text
        for told, ours in self.ports.items():
            text = text.replace(told, ours)
        return text

    def commands(self, block: Block) -> list[str]:
        lines = [ln.removeprefix("$ ") for ln in self.text(block).splitlines()]
        return [line for line in lines if not line.startswith(DONE)]

    def save(self, block: Block) -> None:
        path = self.project / block.file
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:  # "add to the end of" what a command has made
            file.write(self.text(block))

    def shell(self, commands: list[str]) -> list[str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return [
            "env",
            f"PATH={path}",
            f"PYTHONPATH={ROOT / 'src'}",
            "bash",
            "-ec",
            "\n".join(commands),
        ]


@contextmanager
def terminal(reader: Reader, commands: list[str], port: str) -> Iterator[None]:
    """What these commands start, once it answers; ended with all that it has started."""
    words = reader.shell([*commands[:-1], f"exec {commands[-1]}"])
    process = subprocess.Popen(
        words, cwd=reader.folder, start_new_session=True, stdout=subprocess.DEVNULL
    )
    try:
        assert until(lambda: process.poll() is not None or _answers(int(port)))
        assert process.poll() is None, f"{shlex.join(words)} ended"
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("start", STARTS)
def test_reader_gets_to_the_first_pair(start: str, tmp_path: Path, tab: Page) -> None:
    reader = Reader(start, tmp_path)
    prepare, sandbox, shop = [b for b in reader.blocks if b.language == "console"]
    subprocess.run(reader.shell(reader.commands(prepare)), cwd=tmp_path, check=True)
    reader.project = tmp_path / "tea-shop"
    for block in reader.blocks:
        if block.file:
            reader.save(block)
    with ExitStack() as stack:
        stack.enter_context(terminal(reader, reader.commands(sandbox), reader.ports["8765"]))
        stack.enter_context(terminal(reader, reader.commands(shop), reader.ports["8000"]))
        tab.goto(f"http://127.0.0.1:{reader.ports['8000']}/products/TEA-1")
        tab.click("button")
        tab.click("text=Order")
        tab.wait_for_selector("text=Thank you")
        seen = Sandbox(int(reader.ports["8765"]))
        stack.callback(seen.close)
        events = settled(seen, tab, PROMISED)
    (bought,) = [event["server"] for event in events if event["name"] == "Purchase"]
    assert bought["custom_data"] == {
        "value": 8.9,
        "currency": "EUR",
        "content_ids": ["TEA-1"],
        "order_id": "1001",
    }


def test_every_framework_has_a_start() -> None:
    assert [Path(start).stem for start in STARTS] == ["django", "fastapi", "flask", "starlette"]
