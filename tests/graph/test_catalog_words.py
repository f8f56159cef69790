"""The tables of a catalog, judged by Meta's own SDK."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.graph import catalog_health as health
from pixelpair.graph.catalog import OWNED, SHARED
from pixelpair.graph.catalog_vehicles import VEHICLE
from pixelpair.graph.catalog_words import (
    CREATE,
    EDGES,
    FIELDS,
    MORE_FIELDS,
    PRODUCT_SET,
    SEGMENT_USE_CASES,
    TASKS,
    UPDATE,
    VERTICALS,
)
from pixelpair.graph.parameters import Parameter, problems


def sdk(name: str) -> Any:
    module = importlib.import_module(f"facebook_business.adobjects.{name.lower()}")
    return getattr(module, name)


def fields_of(name: str) -> set[str]:
    return {text for text in vars(sdk(name).Field).values() if isinstance(text, str)}


def test_every_field_of_the_node_is_one_of_the_sdks() -> None:
    asked = {field.partition("{")[0] for field in (*FIELDS, *MORE_FIELDS)}
    assert asked - fields_of("ProductCatalog") == set()


@pytest.mark.parametrize("name", EDGES)
def test_every_field_of_an_edge_is_one_of_the_sdks(name: str) -> None:
    assert set(EDGES[name].fields) - fields_of(EDGES[name].node) == set()


def test_every_edge_can_be_read_by_the_sdk_too() -> None:
    catalog = sdk("ProductCatalog")
    assert [name for name in EDGES if not hasattr(catalog, f"get_{name}")] == []


def parameters_of(method: Any) -> set[str]:
    """The parameters that a method of the SDK sends, out of its source."""
    source = inspect.getsource(method)
    table = source[source.index("param_types = {") : source.index("enums = ")]
    return set(re.findall(r"'(\w+)':", table))


@pytest.mark.parametrize("name", EDGES)
def test_every_parameter_of_an_edge_is_the_sdks(name: str) -> None:
    theirs = parameters_of(getattr(sdk("ProductCatalog"), f"get_{name}"))
    assert {*EDGES[name].needs, *EDGES[name].takes} == theirs


@pytest.mark.parametrize(
    ("table", "node", "method"),
    [
        (CREATE, "Business", "create_owned_product_catalog"),
        (UPDATE, "ProductCatalog", "api_update"),
        (PRODUCT_SET, "ProductCatalog", "create_product_set"),
        (VEHICLE, "ProductCatalog", "create_vehicle"),
    ],
)
def test_every_parameter_of_the_sdk_is_there(
    table: tuple[Parameter, ...], node: str, method: str
) -> None:
    assert {one.name for one in table} == parameters_of(getattr(sdk(node), method))


def test_every_word_of_a_vehicle_is_the_sdks() -> None:
    ours = {one.name: set(one.one_of) for one in VEHICLE if one.one_of}
    enums = {name: "".join(part.title() for part in name.split("_")) for name in ours}
    theirs = {name: words_of("Vehicle", enum) for name, enum in enums.items()}
    missing = {name: theirs[name] - words for name, words in ours.items()}
    assert all(words <= theirs[name] for name, words in ours.items())
    assert {name: words for name, words in missing.items() if words} == {
        "availability": {"UNKNOWN"}  # the page has no such word
    }


def words_of(node: str, enum: str) -> set[str]:
    words = vars(getattr(sdk(node), enum)).items()
    return {text for name, text in words if not name.startswith("__")}


@pytest.mark.parametrize(
    ("ours", "node", "enum"),
    [
        (TASKS, "ProductCatalog", "Tasks"),
        (health.TYPES, "ProductCatalogDiagnosticGroup", "Types"),
        (health.SEVERITIES, "ProductCatalogDiagnosticGroup", "Severities"),
        (health.CHANNELS, "ProductCatalogDiagnosticGroup", "AffectedChannels"),
        (health.ENTITIES, "ProductCatalogDiagnosticGroup", "AffectedEntities"),
        (health.FEATURES, "ProductCatalogDiagnosticGroup", "AffectedFeatures"),
        (health.CONNECTIONS, "DACheck", "ConnectionMethod"),
    ],
)
def test_every_word_that_may_be_chosen_is_the_sdks(
    ours: tuple[str, ...], node: str, enum: str
) -> None:
    assert set(ours) == words_of(node, enum)


def test_verticals_are_the_sdks_and_one_that_only_the_page_has() -> None:
    words = vars(sdk("ProductCatalog").Vertical).items()
    theirs = {text for name, text in words if not name.startswith("__")}
    assert set(VERTICALS) - theirs == {"jobs"}  # a later SDK may have more


def test_use_cases_are_the_sdks_and_one_that_only_the_page_has() -> None:
    read = inspect.getsource(sdk("ProductCatalog").api_get)
    only_ours = {case for case in SEGMENT_USE_CASES if f"'{case}'" not in read}
    assert only_ours == {"CREATORS_AS_SELLERS"}


def test_catalogs_are_where_the_sdk_has_them() -> None:
    business = {name for name in dir(sdk("Business")) if name.endswith("product_catalogs")}
    assert {f"get_{SHARED}", f"get_{OWNED}"} <= business


TABLE = (
    Parameter("name", required=True),
    Parameter("count", "whole"),
    Parameter("share", "number"),
    Parameter("flag", "flag"),
    Parameter("word", one_of=("a", "b")),
    Parameter("open", one_of=("a",), open_ended=True),
    Parameter("inner", "object", inner=(Parameter("x", required=True),)),
    Parameter("rows", "list", inner=(Parameter("x", required=True),)),
)
GOOD = {
    "name": "n",
    "count": 1,
    "share": 0.5,
    "flag": True,
    "word": "a",
    "open": "z",
    "inner": {"x": "1"},
    "rows": [{"x": "1"}],
}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, []),
        ({"name": ""}, ["name is empty"]),
        ({"name": 1}, ["name is no text"]),
        ({"count": True}, ["count is no whole"]),
        ({"count": 1.5}, ["count is no whole"]),
        ({"flag": 1}, ["flag is no flag"]),
        ({"word": "c"}, ["word is none of a, b"]),
        ({"other": 1}, ["other is no parameter"]),
        ({"inner": {}}, ["inner.x is missing"]),
        ({"rows": [{"x": "1"}, 7, {"y": 1}]}, 3),
    ],
)
def test_says_what_does_not_fit_by_its_path(wrong: dict[str, Any], said: list[str] | int) -> None:
    found = list(problems(TABLE, GOOD | wrong))
    assert (len(found) if isinstance(said, int) else found) == said


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
NAMES = st.sampled_from([one.name for one in (*VEHICLE, *CREATE, *UPDATE)])


@given(JSON | st.dictionaries(NAMES, JSON))
def test_any_json_is_judged(values: object) -> None:
    for table in (VEHICLE, CREATE, UPDATE):
        assert all(isinstance(line, str) for line in problems(table, values))
