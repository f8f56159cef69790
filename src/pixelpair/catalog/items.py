"""Rows become items: each field by its rule, what is missing named, unknown columns kept."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from pixelpair.catalog.fields import (
    FATAL,
    IMAGES,
    REQUIRED,
    RULES,
    TEXTS,
    VOLATILE,
)
from pixelpair.catalog.rows import Fault, Row
from pixelpair.catalog.values import Remark, Unfit, plain, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PRODUCT: Final = "PRODUCT_ITEM"
# What names an item of each type; of others Meta's page says nothing, and `id` is assumed.
ID_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    PRODUCT: ("id",),
    "HOTEL": ("hotel_id",),
    "VEHICLE": ("vehicle_id",),
    "FLIGHT": ("origin_airport", "destination_airport"),
}
_PART: Final = re.compile(r"(\w+)\[(\d{1,3})\](?:\.(\w+)(?:\[(\d{1,3})\])?)?", re.ASCII)
_QUICK: Final = frozenset(VOLATILE)
_PUSHED: Final = frozenset(("id", *VOLATILE))
_REQUIRED: Final = frozenset(("id", *REQUIRED))
_EMPTY: Final[tuple[object, ...]] = ("", None, [])


class Item(NamedTuple):
    """One item as it will travel. `id` names it in the catalog; `line` is where it came from."""

    id: str
    data: Mapping[str, Any]
    line: int


def item_of(
    row: Row, item_type: str = PRODUCT, *, volatile: bool = False
) -> tuple[Item | None, list[Fault]]:
    """The item in a row, where it has one, and what is to be said about the row.

    `volatile`: only what changes by the minute, which need not be complete.
    """
    if item_type != PRODUCT:
        return _other(row, ID_FIELDS.get(item_type, ("id",)))
    values = unflattened(row.values) if "[" in "".join(row.values) else row.values
    if volatile:
        values = {name: value for name, value in values.items() if name in _PUSHED}
    data, faults = _product(row.line, values)
    if not row.sound or _has_depth(data):
        faults += _unwritable(row.line, data)
    item_id = data.get("id", "")
    if not (data.keys() >= _REQUIRED and "image_link" in data) or volatile:
        faults += _missing(row.line, data, faults, volatile=volatile)
    if faults:
        faults = [replace(fault, id=item_id) for fault in faults]
        if any(fault.fatal for fault in faults):
            return None, faults
    return Item(item_id, data, row.line), faults


def _product(line: int, values: Mapping[str, object]) -> tuple[dict[str, Any], list[Fault]]:
    """Each field by its rule; empty ones are left out."""
    data: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, value in values.items():
        most = TEXTS.get(name)
        if type(value) is str:
            value = value.strip()
            if most is not None and 0 < len(value) <= most:  # most fields of most rows
                data[name] = value
                continue
        if value is None or value == "":
            continue
        try:
            if most is not None:
                found: object = text(value, most)
            else:
                found = (RULES.get(name) or plain)(value)
        except Remark as remark:
            found = remark.value
            faults.append(Fault(line, name, str(remark), fatal=False))
        except Unfit as unfit:
            faults.append(Fault(line, name, str(unfit), fatal=name in FATAL))
            continue
        if found not in _EMPTY and name:
            data[name] = found
    if "sale_price" in values and "sale_price" not in data:
        data["sale_price"] = ""  # left out, the old sale would go on
    return data, faults


def _has_depth(data: dict[str, Any]) -> bool:
    """What JSON can be read may be nested too deeply to be written."""
    return any(type(value) in (list, dict) for value in data.values())


def _unwritable(line: int, data: dict[str, Any]) -> list[Fault]:
    """Fields that JSON cannot hold, such as bytes that are no UTF-8: they are taken out."""
    try:
        orjson.dumps(data)
    except TypeError:
        bad = [name for name, value in data.items() if not _is_writable({name: value})]
        for name in bad:
            del data[name]
        text = "is no UTF-8, nested too deeply, or nothing that JSON knows"
        return [Fault(line, ascii(name)[1:-1], text, fatal=name in FATAL) for name in bad]
    return []


def _is_writable(value: object) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def _other(row: Row, names: tuple[str, ...]) -> tuple[Item | None, list[Fault]]:
    """An item of a type whose fields are not known here: it needs what names it."""
    found = {name: plain(value) for name, value in row.values.items() if name}
    data: dict[str, Any] = {name: v for name, v in found.items() if v not in _EMPTY}
    faults = _unwritable(row.line, data) if not row.sound or _has_depth(data) else []
    item_id = "/".join(str(data[name]) for name in names if data.get(name))
    missing = [name for name in names if not data.get(name)]
    faults = [replace(fault, id=item_id) for fault in faults]
    faults += [Fault(row.line, name, "is missing", item_id) for name in missing]
    return (None if missing else Item(item_id, data, row.line)), faults


def _missing(
    line: int, data: Mapping[str, Any], faults: list[Fault], *, volatile: bool
) -> list[Fault]:
    """A fault for each field that is required and was not told of yet."""
    said = {fault.field for fault in faults if fault.fatal}
    names = ["id"]
    if volatile:
        names += [] if said or not _QUICK.isdisjoint(data) else ["price"]
    else:
        names += REQUIRED
        names += [] if any(name in data or name in said for name in IMAGES) else [IMAGES[0]]
    lacks = [name for name in names if name not in data and name not in said]
    return [Fault(line, name, "is missing") for name in lacks]


def unflattened(values: Mapping[str, object]) -> dict[str, object]:
    """`image[0].url` and `image[0].tag[1]` columns as the lists that they are parts of."""
    found: dict[str, Any] = {}
    parts: dict[str, dict[int, Any]] = {}
    for name, value in values.items():
        part = _PART.fullmatch(name)
        if part is None:
            found[name] = value
        elif value not in _EMPTY:
            _place(parts.setdefault(part[1], {}), part, value)
    for name, by_place in parts.items():
        found[name] = [by_place[place] for place in sorted(by_place)]
    return found


def _place(by_place: dict[int, Any], part: re.Match[str], value: object) -> None:
    place, key, inner = int(part[2]), part[3], part[4]
    if key is None:
        by_place[place] = value
        return
    holder = by_place.setdefault(place, {})
    if not isinstance(holder, dict):
        return
    if inner is None:
        holder[key] = value
    else:
        before = holder.setdefault(key, [])
        if isinstance(before, list):
            before.append(value)


def read_items(
    rows: Iterable[Row | Fault], item_type: str = PRODUCT, *, volatile: bool = False
) -> Iterable[tuple[Item | None, list[Fault]]]:
    """Each row's item, and what is to be said about the row."""
    for row in rows:
        yield (None, [row]) if isinstance(row, Fault) else _read(row, item_type, volatile=volatile)


def _read(row: Row, item_type: str, *, volatile: bool) -> tuple[Item | None, list[Fault]]:
    try:
        return item_of(row, item_type, volatile=volatile)
    except Exception as error:  # an object of the shop's own may fail where its text is asked for
        problem = f"cannot be read: {type(error).__name__}: {error}"
        return None, [Fault(row.line, "", problem)]
