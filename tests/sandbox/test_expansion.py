from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.sandbox.expansion import BadFieldsError, check, parse, select

NAMES = st.text("abc_", min_size=1, max_size=3)
TREES = st.recursive(
    st.just({}), lambda below: st.dictionaries(NAMES, below, min_size=1, max_size=3), max_leaves=8
).filter(bool)


def written(tree: dict) -> str:
    return ",".join(
        f"{name}{{{written(below)}}}" if below else name for name, below in tree.items()
    )


def test_reads_what_is_asked_for():
    assert parse(" web { event_name , acr{percentage} } ") == {
        "web": {"event_name": {}, "acr": {"percentage": {}}}
    }


@given(TREES)
def test_reads_every_tree_back(tree):
    assert parse(written(tree)) == tree


@given(st.text("ab{},. ", max_size=40))
def test_anything_is_a_tree_or_refused(text):
    try:
        tree = parse(text)
    except BadFieldsError:
        return
    assert parse(written(tree)) == tree


@pytest.mark.parametrize(
    "text", ["", "{", "a{", "a{}", "a}", "a,", ",a", "a b", "a.b", "a{b}}", "a{" * 40 + "b"]
)
def test_refuses_what_is_none(text):
    with pytest.raises(BadFieldsError):
        parse(text)


def test_selects_at_every_depth():
    value = {"a": [{"b": 1, "c": 2}, {"c": {"d": 3, "e": 4}}], "f": 5}
    assert select(value, parse("a{c{d}},g")) == {"a": [{"c": 2}, {"c": {"d": 3}}]}
    assert select(value, parse("a")) == {"a": value["a"]}


def test_names_a_field_that_is_not_there():
    with pytest.raises(BadFieldsError, match=r"nonexisting field \(a\.x\)"):
        check(parse("a{b,x}"), {"a": {"b": {}}})
