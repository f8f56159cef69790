"""Makes the inline loader from its source: `python -m tests.page.minify`, with terser from npm."""

from __future__ import annotations

import subprocess
from pathlib import Path

CORE = Path(__file__).parents[2] / "src" / "pixelpair" / "core"
SOURCE = CORE / "pixel.js"
INLINE = CORE / "pixel.min.js"
NPM = Path(__file__).parents[2] / ".cache" / "npm" / "node_modules"
ELSEWHERE = "/* by URL */"  # ends the lines that no inline loader needs


def minified(terser: Path) -> str:
    lines = SOURCE.read_text("ascii").splitlines()
    source = "\n".join([line for line in lines if not line.endswith(ELSEWHERE)])
    command = [str(terser), "--compress", "passes=3,ecma=2020", "--mangle"]
    return subprocess.run(command, input=source, capture_output=True, check=True, text=True).stdout


if __name__ == "__main__":
    INLINE.write_text(minified(NPM / ".bin" / "terser"), "ascii")
