"""The tables of docs/compatibility.md that are about frameworks, made of what the tests declare:
`python -m tests.matrix.framework_table` writes them."""

from __future__ import annotations

import re
import sys
from importlib.metadata import distributions, version
from itertools import groupby

from tests.docs_pages import ROOT

from .framework_checks import CHECKS
from .framework_combinations import COMBINATIONS, MOUNTED, Combination
from .framework_walk import needs
from .frameworks import FRAMEWORKS, KNOWN, PAGE, Framework, folder_of

FILE = ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- frameworks: begin -->", "<!-- frameworks: end -->"
BETWEEN = re.compile(f"{BEGIN}\n(.*?){END}", re.DOTALL)
OUT_AND_IN = {"outside": "outside of pixelpair", "inside": "inside"}
OF_MOUNTS = {where: f"pixelpair {where}, `{rule}`" for where, _, rule in MOUNTED}
MAKERS = (
    "a2wsgi",
    "asgiref",
    "brotli-asgi",
    "django-compression-middleware",
    "django-csp",
    "flask-compress",
    "flask-talisman",
    "whitenoise",
)


def made() -> str:
    """What stands between the marks."""
    with_others = [one for one in COMBINATIONS if one.place in OUT_AND_IN]
    of_mounts = [one for one in COMBINATIONS if one.place in OF_MOUNTS]
    versions = ", ".join(f"{name} {version(name)}" for name in MAKERS)
    parts = (
        frameworks(),
        reasons(),
        pivot("With", OUT_AND_IN, with_others),
        f"These were {versions}.\n",
        pivot("Mounted by", OF_MOUNTS, of_mounts),
    )
    return "\n".join(parts)


def rows_of(head: list[str], rows: list[list[str]]) -> str:
    first, *rest = (f"| {' | '.join(cells)} |\n" for cells in (head, *rows))
    return "".join([first, f"|{'---|' * len(head)}\n", *rest])


def frameworks() -> str:
    head = ["Framework", "Version", "Server", *(check.name for check in CHECKS)]
    return rows_of(head, [framework_row(one) for one in FRAMEWORKS])


def framework_row(framework: Framework) -> list[str]:
    anchor = re.sub(r"[^\w\- ]", "", framework.heading.lstrip("# ").lower()).replace(" ", "-")
    name = f"[{framework.name}]({PAGE.removeprefix('docs/')}#{anchor})"
    cells = [cell(framework, check.name) for check in CHECKS]
    return [name, version_of(framework), framework.server, *cells]


def cell(framework: Framework, check: str) -> str:
    if check in framework.lacks:
        return "–"
    known = next((k for k in KNOWN if (k.framework, k.check) == (framework.name, check)), None)
    return f"[no]({known.link})" if known else "✓"


def version_of(framework: Framework) -> str:
    if not needs(framework.version):
        return version(framework.package)
    found = [
        d.version for d in distributions(name="django", path=[str(folder_of(framework.version))])
    ]
    return found[0] if found else framework.version


def reasons() -> str:
    """What a dash means, and what the newest is."""
    lacking = [
        (check.name, one) for check in CHECKS for one in FRAMEWORKS if check.name in one.lacks
    ]
    told = sorted({(check, one.lacks[check]) for check, one in lacking})
    lines = []
    for check, why in told:
        names = [one.name for name, one in lacking if name == check and one.lacks[check] == why]
        lines.append(f"- {check}, {', '.join(names)}: {why}.\n")
    python = "Python {}.{}".format(*sys.version_info[:2])
    newest = f"On {python}, whose newest Django is not always Django's newest."
    return f"A dash: there is nothing to check. {newest}\n\n" + "".join(lines)


def pivot(title: str, places: dict[str, str], combinations: list[Combination]) -> str:
    rows = []
    for what, group in groupby(combinations, lambda one: one.what):
        at = {one.place: outcome(one) for one in group}
        rows.append([what, *(at.get(place, "–") for place in places)])
    return rows_of([title, *places.values()], rows)


def outcome(one: Combination) -> str:
    return f"no: [{one.why}]({one.link})" if one.why else "✓"


def written() -> str:
    """What the page has between the marks."""
    (found,) = BETWEEN.findall(FILE.read_text())
    return str(found)


def write() -> None:
    text = FILE.read_text()
    FILE.write_text(BETWEEN.sub(lambda _: f"{BEGIN}\n{made()}{END}", text))


if __name__ == "__main__":
    write()
