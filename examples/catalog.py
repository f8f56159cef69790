"""Give the sandbox a catalog of the shop's goods and link the pixel with it: for `make demo`.

One tea of the shop is missing in goods.csv, so that the sandbox has something unmatched to show.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

GOODS = Path(__file__).with_name("goods.csv")
BUSINESS = "1"  # in the sandbox any digits are a business


def fill(environ: Mapping[str, str]) -> bool:
    """Make, fill and link it; whether that went well. What did not stands on stderr."""
    try:
        catalog = str(_run(environ, "create", BUSINESS, "--name", "Bryggan Tea")["id"])
        _run(environ, "sync", str(GOODS), "--catalog", catalog, "--full")
        _run(environ, "link", catalog)
    except subprocess.CalledProcessError:
        return False
    return True


def _run(environ: Mapping[str, str], *words: str) -> Any:
    command = [sys.executable, "-m", "pixelpair", "catalog", *words, "--json"]
    done = subprocess.run(command, env=dict(environ), stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)
