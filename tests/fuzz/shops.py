"""What a shop says: its routes, its settings, its list of products."""

from __future__ import annotations

import json
import re

import orjson

from pixelpair.catalog.items import ID_FIELDS, item_of
from pixelpair.catalog.rows import Fault, SourceError
from pixelpair.catalog.sources import file_rows
from pixelpair.core.events import clean_event_name
from pixelpair.core.routes import parse_routes
from pixelpair.errors import SettingsError
from pixelpair.settings import Settings

from . import scratch
from .pieces import one_of


def routes(data: bytes) -> None:
    """Rules; behind an empty line, requests as METHOD path?query, which they are asked of."""
    text, _, asked = data.decode("utf-8", "replace").partition("\n\n")
    table, problems = parse_routes(text)
    for problem in problems:
        assert re.match(r"line [0-9]+: ", problem)
    for line in asked.split("\n")[:20]:
        method, _, place = line.partition(" ")
        path, _, query = place.partition("?")
        for matched in table.match(method, path, query, ("shop:cart", {"sku": path}), _field):
            assert clean_event_name(matched.event_name)
            assert matched.fires_on
            json.dumps(matched.data)


def _field(name: str) -> str:
    return name


# Of what is secret, and of what else may look like it: a folder's name is none where it fits.
TOKEN = re.compile(r"EAA[0-9A-Za-z]{12,}")
SECRET = ("ACCESS_TOKEN", "APP_SECRET", "METRICS_TOKEN", "OUTBOX", "SECRET")


def settings(data: bytes) -> None:
    """Lines of NAME=value, as the environment has them."""
    pairs = [line.partition("=") for line in data.decode("utf-8", "replace").split("\n")]
    environ = {f"PIXELPAIR_{n}": v for n, _, v in pairs if "\0" not in v}
    environ.pop("PIXELPAIR_ACCESS_TOKEN_FILE", None)  # any file could be named there
    try:
        told = repr(Settings.from_env(environ))
    except SettingsError as error:
        told = str(error) + repr(error) + "".join(map(str, error.problems))
        assert not TOKEN.search(told), told
        return
    hidden = [environ.pop(f"PIXELPAIR_{name}", "") for name in SECRET]
    elsewhere = "\n".join(environ.values())
    secrets = [word for word in TOKEN.findall(" ".join(hidden)) if word not in elsewhere]
    assert not any(word in told for word in secrets), told


def catalog(data: bytes) -> None:
    """A file of products, whatever it is: CSV, JSON-lines, RSS or Atom."""
    path = scratch.folder() / "products"
    path.write_bytes(data)
    item_type = one_of([*ID_FIELDS, "PRODUCT_ITEM", "PRODUCT_ITEM", "DESTINATION"], data)
    try:
        for row in file_rows(path):
            if isinstance(row, Fault):
                assert str(row).isprintable(), row
                continue
            item, faults = item_of(row, item_type)
            assert item is not None or any(fault.fatal for fault in faults)
            for fault in faults:
                str(fault).encode()
            if item is not None:
                orjson.dumps(item.data)
                assert item.id
    except SourceError:
        return
