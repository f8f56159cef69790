"""Makes the inline loaders from their source: `python -m tests.page.minify`, with terser."""

from __future__ import annotations

import subprocess
from pathlib import Path

CORE = Path(__file__).parents[2] / "src" / "pixelpair" / "core"
SOURCE = CORE / "pixel.js"
INLINE, FULL = CORE / "pixel.min.js", CORE / "pixel.full.min.js"
NPM = Path(__file__).parents[2] / ".cache" / "npm" / "node_modules"
# How the lines end that a loader leaves out.
ELSEWHERE, ASKED = "/* by URL */", "/* full */"
WITHOUT = {INLINE: (ELSEWHERE, ASKED), FULL: (ELSEWHERE,)}
COMPRESS = "passes=3,ecma=2020,unsafe_arrows,loops=false"  # 4 bytes less than without the last two


def minified(loader: Path, terser: Path) -> str:
    lines = SOURCE.read_text("ascii").splitlines()
    source = "\n".join([line for line in lines if not line.endswith(WITHOUT[loader])])
    command = [str(terser), "--compress", COMPRESS, "--mangle"]
    return subprocess.run(command, input=source, capture_output=True, check=True, text=True).stdout


if __name__ == "__main__":
    for path in WITHOUT:
        path.write_text(minified(path, NPM / ".bin" / "terser"), "ascii")
