"""What has changed since Meta confirmed an item: told by a print of all that is steady."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from pixelpair.catalog.fields import VOLATILE
from pixelpair.catalog.items import ID_FIELDS, PRODUCT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixelpair.catalog.items import Item

_QUICK: Final = frozenset(VOLATILE)
# Joined with +, a request is as long as it is: what orjson gives keeps up to 8 KB for 1.
_HEAD: Final = b'{"method":"UPDATE","data":'
_SORTED: Final = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


class Change(NamedTuple):
    """One request of a batch: its JSON, and what to remember once Meta has it.

    `steady` is None where only what changes by the minute travels; `gone`: it is a DELETE.
    """

    id: str
    body: bytes
    steady: str | None
    quick: str
    gone: bool = False


class Known(NamedTuple):
    """What Meta has of an item: the print of what is steady, what changes by the minute as JSON.
    None: nobody knows."""

    steady: str | None
    quick: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How items are compared with what Meta has. `salt` is what a print depends on besides the
    item; `volatile`: only what changes by the minute; `again`: as if nothing were known to be
    the same."""

    salt: bytes = b""
    volatile: bool = False
    again: bool = False

    def change(self, item: Item, known: Known | None) -> Change | None:
        """What has to travel so that Meta has this item; None where it has."""
        data = item.data
        steady = b"{}" if self.volatile else self._steady(data)
        mark = None if self.volatile else self._print(steady)
        there = orjson.loads(known.quick) if known and known.quick else None
        if there is not None and known is not None and not self.again:
            same = self.volatile or known.steady == mark
            if same and not self._moved(data, there):
                return None
        quick = {name: data[name] for name in VOLATILE if name in data}
        unsure = known is not None and there is None
        if not self.volatile and (unsure or (there and there.get("sale_price"))):
            quick.setdefault("sale_price", "")  # left out, the old sale would go on
        more = {"id": data["id"], **quick} if self.volatile else quick
        body = _HEAD + _joined(steady, orjson.dumps(more)) + b"}"
        kept = {**there, **quick} if there and self.volatile else quick
        if self.volatile and there is None:
            kept.setdefault("sale_price", "?")  # nobody knows: the next whole run tells
        kept = {name: value for name, value in kept.items() if value != ""}
        return Change(item.id, body, mark, orjson.dumps(kept).decode())

    def _moved(self, data: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
        for name in VOLATILE:
            value = data.get(name)
            if value is None and (self.volatile or name != "sale_price"):
                continue
            if (value or None) != (there.get(name) or None):
                return True
        return False

    def _steady(self, data: Mapping[str, Any]) -> bytes:
        steady = {name: value for name, value in data.items() if name not in _QUICK}
        return orjson.dumps(steady, option=_SORTED)

    def _print(self, steady: bytes) -> str:
        return hashlib.blake2b(steady + self.salt, digest_size=16).hexdigest()


def _joined(one: bytes, other: bytes) -> bytes:
    """Two JSON objects as one."""
    if b"{}" in (one, other):
        return other if one == b"{}" else one
    return one[:-1] + b"," + other[1:]


def deletion(item_id: str, item_type: str = PRODUCT) -> Change:
    """What takes an item out of the catalog."""
    names = ID_FIELDS.get(item_type, ("id",))
    parts = item_id.split("/", len(names) - 1)
    data = dict(zip(names, parts, strict=False))
    body = orjson.dumps({"method": "DELETE", "data": data})
    return Change(item_id, body, None, "", gone=True)
