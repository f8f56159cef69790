"""The table of docs/settings.md, written from the class: `python -m tests.docs_settings`.

What an option does is prose: it is kept, by the option's name, and a new one wants some.
"""

from __future__ import annotations

import dataclasses
import re

from pixelpair import Settings

from .docs_pages import ROOT, section, table

PAGE = ROOT / "docs" / "settings.md"
BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"
HEAD = "| Name | Default | What is right | What it does |\n|---|---|---|---|\n"
# Defaults that are objects, or too long for a cell.
SHOWN = {
    "consent": "`granted`",
    "outbox": "`SPOOL/outbox.sqlite3`",
    "routes": "the default table",
    "sensitive": "[a list of them](privacy.md#sensitive-pages)",
    "spool": "[see Delivery](delivery.md#the-spool)",
    "spool_limit": "`4GB`",
    "staff": "none",
    "test_event_code": "none",
}
_STARS = re.compile(r"(?<!\S)\*+/?(?=[ ;,]|$)")


def default_of(option: dataclasses.Field[object]) -> str:
    if option.name in SHOWN:
        return SHOWN[option.name]
    default = option.default
    if isinstance(default, bool):
        return f"`{int(default)}`"
    text = " ".join(default) if isinstance(default, tuple) else str(default or "")
    return f"`{text}`" if text else "none"


def row(option: dataclasses.Field[object], does: str) -> str:
    right = _STARS.sub(lambda star: f"`{star[0]}`", option.metadata["expected"])
    return f"| `{option.name.upper()}` | {default_of(option)} | {right} | {does} |\n"


def told() -> dict[str, str]:
    """What the page says that each option does."""
    rows = table(section("docs/settings.md", "## Every option"))
    return {cells[0].strip("`").lower(): cells[3] for cells in rows}


def written(prose: dict[str, str]) -> str:
    return HEAD + "".join(
        row(option, prose[option.name]) for option in dataclasses.fields(Settings)
    )


def main() -> None:
    options = {option.name: "…" for option in dataclasses.fields(Settings)}
    text, table_of_class = PAGE.read_text(), written(options | told())
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + table_of_class + END + after)


if __name__ == "__main__":
    main()
