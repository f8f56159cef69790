"""mkdocs hooks: the papers of the repository's root are pages of the site too."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

DOCS = Path(__file__).parent
PAPERS = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_LINK = re.compile(r"(?<!!)\[([^]]*)\]\((?!https?:|mailto:|#)([^)\s#]+)([^)\s]*)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name in PAPERS:
        files.append(File.generated(config, name, abs_src_path=str(DOCS.parent / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as they are in the repository become links of the site, or plain words."""
    return _LINK.sub(lambda link: _of_site(link, page.file), markdown)


def _of_site(link: re.Match[str], page: File) -> str:
    place = _place((Path(page.abs_src_path or "").parent / link[2]).resolve())
    if place is None:
        return link[1]
    return (
        f"[{link[1]}]({posixpath.relpath(place, posixpath.dirname(page.src_uri) or '.')}{link[3]})"
    )


def _place(target: Path) -> str | None:
    """Where a file of the repository stands in the site, if it is of it."""
    if target.is_relative_to(DOCS):
        return target.relative_to(DOCS).as_posix()
    of_root = target.name in PAPERS and target.parent == DOCS.parent
    return target.name if of_root else None
