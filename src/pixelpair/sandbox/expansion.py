"""Graph's field expansion, `web{event_name,acr{percentage}}`: text in, a tree out. Pure."""

from __future__ import annotations

import re
from typing import Any

Tree = dict[str, Any]

MAX_DEPTH = 16
_TOKEN = re.compile(r"\s*([A-Za-z0-9_]+|[{},])\s*")


class BadFieldsError(ValueError):
    """The text is no field expansion, or names what there is not."""


def parse(text: str) -> Tree:
    """The fields asked for, each with those asked for below it (none: all)."""
    tokens = _tokens(text)
    tree = _fields(tokens, 0)
    if tokens:
        raise BadFieldsError(f"Syntax error at {tokens[-1]!r}")
    return tree


def check(tree: Tree, known: Tree, path: str = "") -> None:
    """BadFieldsError for a field that `known` does not have."""
    for name, below in tree.items():
        if name not in known:
            raise BadFieldsError(f"Tried accessing nonexisting field ({path}{name})")
        check(below, known[name], f"{path}{name}.")


def select(value: Any, tree: Tree) -> Any:
    """The parts of `value` that are asked for."""
    if isinstance(value, list):
        return [select(item, tree) for item in value]
    if not tree or not isinstance(value, dict):
        return value
    return {name: select(value[name], below) for name, below in tree.items() if name in value}


def _tokens(text: str) -> list[str]:
    """The last first: they are taken from the end."""
    tokens, at = [], 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise BadFieldsError(f"Syntax error at character {at}")
        tokens.append(found[1])
        at = found.end()
    return tokens[::-1]


def _fields(tokens: list[str], depth: int) -> Tree:
    if depth > MAX_DEPTH:
        raise BadFieldsError("Fields are nested too deeply")
    tree: Tree = {}
    while True:
        name = _name(tokens)
        tree[name] = _below(tokens, depth)
        if not tokens or tokens[-1] != ",":
            return tree
        tokens.pop()


def _name(tokens: list[str]) -> str:
    if not tokens or tokens[-1] in "{},":
        raise BadFieldsError("A field name is missing")
    return tokens.pop()


def _below(tokens: list[str], depth: int) -> Tree:
    if not tokens or tokens[-1] != "{":
        return {}
    tokens.pop()
    tree = _fields(tokens, depth + 1)
    if not tokens or tokens.pop() != "}":
        raise BadFieldsError("A closing brace is missing")
    return tree
