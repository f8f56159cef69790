"""Where Graph is and by whose word we ask: what every Query and Action of ours is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Literal
from urllib.parse import quote

from pixelpair.graph.client import Action, Query, appsecret_proof, as_text

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Access:
    """A version of Graph and a token for it. A parameter that is None is left out of a call."""

    graph_url: str
    version: str
    token: str = field(repr=False)
    app_secret: str = field(default="", repr=False)

    def url(self, *path: str) -> str:
        """The address of a node, or of an edge of it."""
        parts = (
            self.graph_url.rstrip("/"),
            self.version,
            *(quote(part, safe=":") for part in path),
        )
        return "/".join(parts)

    def query(self, *path: str, **params: object) -> Query:
        """Get this, with these parameters: lists and objects stand there as JSON."""
        texts = {key: as_text(value) for key, value in params.items() if value is not None}
        return Query(self.url(*path), texts, self.token, self._proof())

    def action(
        self,
        method: Literal["POST", "DELETE"],
        *path: str,
        body: Mapping[str, object] | bytes = b"{}",
        files: Mapping[str, tuple[str, bytes | IO[bytes], str]] | None = None,
    ) -> Action:
        """Change this."""
        if not isinstance(body, bytes):
            body = {key: value for key, value in body.items() if value is not None}
        return Action(method, self.url(*path), body, self.token, files, self._proof())

    def _proof(self) -> str:
        return appsecret_proof(self.app_secret, self.token)
