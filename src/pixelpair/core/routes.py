"""Route rules: which answer of the shop is which event, and what its address says about it.

`EVENT [METHOD] PATH[?query] [source=target ...] [form:field=target,...] [on=2xx]`, one rule a line
(or `;`). Paths are Starlette's patterns; `name:ROUTE` stands for a route by its framework name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, parse_qsl

from pixelpair.core.custom_data import CUSTOM_DATA
from pixelpair.core.events import PAGE_VIEW, STANDARD_EVENTS
from pixelpair.core.money import line_value, pieces

if TYPE_CHECKING:
    from starlette.convertors import Convertor

READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# The addresses of the shop systems and tutorials that Python shops start from. Purchase stands
# for completion pages only: an order's list or later page is looked at many times.
DEFAULT_ROUTES = """
ViewContent          /products/{content_id}
ViewContent          /product/{content_id}
ViewContent          /p/{content_id}
AddToCart            POST /cart/add
AddToCart            POST /cart/add/{content_id}
AddToCart            POST /basket/add
AddToCart            POST /basket/add/{content_id}
InitiateCheckout     /checkout
Purchase             /orders/{order_id}/complete
Purchase             /orders/{order_id}/thank-you
Purchase             /orders/{order_id}/success
Purchase             /orders/{order_id}/confirmation
Purchase             /order/{order_id}/complete
Purchase             /order/{order_id}/thank-you
Purchase             /order/{order_id}/success
Purchase             /order/{order_id}/confirmation
Purchase             /checkout/{order_id}/complete
Purchase             /checkout/{order_id}/thank-you
Purchase             /checkout/{order_id}/success
Purchase             /checkout/{order_id}/confirmation
Search               /search?q={search_string}
CompleteRegistration POST /register
CompleteRegistration POST /signup
CompleteRegistration POST /sign-up
CompleteRegistration POST /accounts/register
CompleteRegistration POST /accounts/signup
"""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,49}")
_TARGET = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,49}")
_CAPTURE = re.compile(r"\{([A-Za-z_]\w*)\}")
_PARAMETER = re.compile(r"\{([A-Za-z_]\w*)(?::([A-Za-z_]\w*))?\}", re.ASCII)
# What a captured name fills without being mapped; anything else would travel unasked.
_FILLS = frozenset(CUSTOM_DATA) | {"content_id", "quantity", "item_price"}
_FORM = "form:"
_OF_A_LINE = frozenset({"quantity", "item_price"})
# No body is looked at for a longer name.
_FIELD_ROOM = 200

# A full page, a redirect, or any other 2xx (JSON, a fragment, nothing).
Answer = Literal["page", "redirect", "other"]
# A form's answer with a page is nearly always the form again, with its errors.
_ON_2XX: frozenset[Answer] = frozenset({"page", "other"})
_ON_GET: frozenset[Answer] = frozenset({"page"})
_ON_ACT: frozenset[Answer] = frozenset({"redirect", "other"})

RouteMatch = tuple[str, Mapping[str, object]]  # a framework's route name, its parameters
Field = Callable[[str], object]  # what a field of the request's body holds, or None


class RuleError(ValueError):
    """A rule is malformed; the text says where and what would be right."""


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that fits: the event's name, what the address fills, and which answers fire it."""

    event_name: str
    data: dict[str, object]
    fires_on: frozenset[Answer]


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the route table."""

    event_name: str
    method: str
    pattern: re.Pattern[str] | None  # None: by route name
    convertors: Mapping[str, Convertor[object]]
    route_name: str | None
    query: tuple[tuple[str, str, bool], ...]  # key, capture or literal, is a capture
    renames: Mapping[str, str]
    on: Literal["", "2xx"]
    form: tuple[tuple[str, str], ...] = ()  # field of the body, target

    @property
    def fires_on(self) -> frozenset[Answer]:
        if self.on == "2xx":
            return _ON_2XX
        return _ON_GET if self.method == "GET" else _ON_ACT

    def match(
        self,
        path: str,
        query: Mapping[str, list[str]],
        route: RouteMatch | None,
        field: Field | None = None,
    ) -> dict[str, object] | None:
        """What address and body fill in, or None where the rule does not fit."""
        found = self._captures(path, route)
        if found is None:
            return None
        for key, wanted, is_capture in self.query:
            value = next((v for v in query.get(key, ()) if v), None)
            if value is None or (not is_capture and value != wanted):
                return None
            if is_capture:
                found[wanted] = value
        if field is not None and self.form:
            given = self._given(found, field)
            return _filled(given, dict(zip(given, given, strict=True)))
        return _filled(found, self.renames)

    def _given(self, found: Mapping[str, object], field: Field) -> dict[str, object]:
        """The values by their targets: of the address, then of the first field that has one."""
        renames = self.renames
        given = {
            renames.get(source, source): value
            for source, value in found.items()
            if source in renames or source in _FILLS
        }
        for name, target in self.form:
            value = None if target in given else field(name)
            if value is not None:
                given[target] = value
        return given

    def _captures(self, path: str, route: RouteMatch | None) -> dict[str, object] | None:
        if self.pattern is None:
            return dict(route[1]) if route and route[0] == self.route_name else None
        hit = self.pattern.match(path)
        if hit is None:
            return None
        try:
            return {k: self.convertors[k].convert(v) for k, v in hit.groupdict().items()}
        except ValueError:  # such as a number of 5000 digits
            return None


def _filled(found: Mapping[str, object], renames: Mapping[str, str]) -> dict[str, object]:
    data: dict[str, object] = {}
    line: dict[str, object] = {}
    for source, value in found.items():
        target = renames.get(source, source)
        if source not in renames and target not in _FILLS:
            continue
        if target == "content_id":
            data |= {"content_ids": [str(value)], "content_type": "product"}
        elif target in _OF_A_LINE:
            line[target] = value
        else:
            data[target] = value if isinstance(value, int | float) else str(value)
    if line:
        _add_line(data, line.get("quantity"), line.get("item_price"))
    return data


def _add_line(data: dict[str, object], quantity: object, price: object) -> None:
    """The line that was added to the cart: what of it, and its value where the price is told."""
    value = line_value(quantity, price)
    if value is not None:
        data.setdefault("value", value)
    ids = data.get("content_ids")
    if isinstance(ids, list) and len(ids) == 1:
        line = {
            "id": ids[0],
            "quantity": 1 if quantity is None else pieces(quantity),
            "item_price": None if value is None else price,
        }
        data["contents"] = [{key: told for key, told in line.items() if told is not None}]


class RouteTable:
    """All rules of a shop, asked once per answer that may fire one."""

    __slots__ = (
        "_any",
        "_bodies",
        "_by_name",
        "_by_path",
        "asking",
        "names_views",
        "rules",
        "unheard",
    )

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self._by_path = {m: [r for r in rules if r.pattern and r.method == m] for m in METHODS}
        self._by_name = {m: [r for r in rules if r.route_name and r.method == m] for m in METHODS}
        # Methods of which no rule hears but by a page: their JSON need not even be looked at.
        heard = any(r.method == "GET" and r.on for r in rules)
        self.unheard = frozenset[str]() if heard else READS
        self.names_views = bool(self._by_name["GET"])
        # One pass over a page's path instead of one per rule: most paths match none.
        self._any = {m: _union(rs) for m, rs in self._by_path.items() if rs}
        self._bodies = _bodies(rules)
        self.asking = frozenset(self._bodies)  # methods of which a rule asks for the body

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RouteTable) and other.rules == self.rules

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<RouteTable of {len(self.rules)} rules>"

    @property
    def uses_names(self) -> bool:
        """Whether a rule needs a door that can see route names."""
        return any(r.route_name for r in self.rules)

    def may_match(self, method: str, path: str) -> bool:
        """Whether a rule by path may fit, whatever the query says."""
        union = self._any.get(method)
        return union is not None and union.match(path.rstrip("/") or "/") is not None

    def wants_body(self, method: str, path: str) -> bool:
        """Whether a rule may ask for a field of this request's body; by name one always may."""
        union = self._bodies.get(method)
        return union is not None and union.match(path.rstrip("/") or "/") is not None

    def match(
        self,
        method: str,
        path: str,
        query: str,
        route: RouteMatch | None,
        field: Field | None = None,
    ) -> list[Match]:
        """The rules that fit, in the table's order; each answer fires an event name once.

        `field` looks into the request's body; without it rules take nothing from there.
        """
        rules: list[Rule] = []
        if self.may_match(method, path):
            rules += self._by_path[method]
        if route is not None:
            rules += self._by_name.get(method, ())
        path = path.rstrip("/") or "/"
        return list(_fitting(rules, path, parse_query(query), route, field)) if rules else []


def _fitting(
    rules: list[Rule],
    path: str,
    query: Mapping[str, list[str]],
    route: RouteMatch | None,
    field: Field | None,
) -> Iterator[Match]:
    taken: dict[str, frozenset[Answer]] = {}
    for rule in rules:
        before = taken.get(rule.event_name, frozenset())
        free = rule.fires_on - before
        data = rule.match(path, query, route, field) if free else None
        if data is not None:
            taken[rule.event_name] = before | free
            yield Match(rule.event_name, data, free)


def parse_query(query: str) -> dict[str, list[str]]:
    """A raw query string's values; {} for one that no browser makes."""
    if not query:
        return {}
    try:
        return parse_qs(query[:8192], errors="replace", max_num_fields=200)
    except ValueError:
        return {}


def _bodies(rules: tuple[Rule, ...]) -> dict[str, re.Pattern[str]]:
    """By method, the paths whose bodies a rule asks for."""
    asking = [rule for rule in rules if rule.form]
    unions = {}
    for method in {rule.method for rule in asking}:
        those = [rule for rule in asking if rule.method == method]
        by_name = any(rule.pattern is None for rule in those)
        unions[method] = re.compile("") if by_name else _union(those)
    return unions


def _union(rules: list[Rule]) -> re.Pattern[str]:
    bare = (re.sub(r"\?P<\w+>", "?:", r.pattern.pattern) for r in rules if r.pattern)
    return re.compile("|".join(bare))


def parse_routes(text: str) -> tuple[RouteTable, list[str]]:
    """The table of all good rules, and a sentence for each bad one, which names its line."""
    rules: list[Rule] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        for part in line.split(";"):
            words = part.split()
            if not words:
                continue
            if words[0].startswith("#"):
                break
            try:
                rules.append(_rule(words))
            except RuleError as error:
                problems.append(f"line {number}: {' '.join(words)!r}: {error}")
    return RouteTable(tuple(rules)), problems


def _rule(words: list[str]) -> Rule:
    event_name, *rest = words
    _check_event_name(event_name)
    method = "GET"
    if rest and not rest[0].startswith(("/", "name:")):
        method = rest.pop(0)
        if method not in METHODS:
            raise RuleError(f"{method!r} is no method: one of {', '.join(METHODS)} or a /path")
    if not rest or not rest[0].startswith(("/", "name:")):
        raise RuleError("a path is missing: it starts with / (or name: for a route's name)")
    place, _, query = rest[0].partition("?")
    forms = [word for word in rest[1:] if word.startswith(_FORM)]
    renames, on = _mappings([word for word in rest[1:] if not word.startswith(_FORM)])
    form = tuple(field for word in forms for field in _fields(word.removeprefix(_FORM)))
    if form and method == "GET":
        raise RuleError("form: needs a method that sends a body, such as POST, before the path")
    pairs = tuple(_query(query))
    captured = {wanted for _, wanted, is_capture in pairs if is_capture}
    if place.startswith("name:"):
        if place == "name:":
            raise RuleError("the route's name is missing after name:")
        return Rule(event_name, method, None, {}, place[5:], pairs, renames, on, form)
    pattern, convertors = _compile(place)
    unknown = set(renames) - set(convertors) - captured
    if unknown:
        raise RuleError(f"{min(unknown)}= is not captured by the path or the query")
    return Rule(event_name, method, pattern, convertors, None, pairs, renames, on, form)


def _check_event_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise RuleError(
            f"{name!r} is no event name: letters, digits and _, at most 50, a letter first"
        )
    if name in STANDARD_EVENTS or name == PAGE_VIEW:
        return
    known = {n.lower(): n for n in (*STANDARD_EVENTS, PAGE_VIEW)}
    plain = name.replace("_", "").lower()
    for near in get_close_matches(plain, known, 1, 0.85):
        if plain == near or near not in plain:  # Purchased and Unsubscribe are names of their own
            raise RuleError(f"did you mean the standard event {known[near]}?")


def _compile(place: str) -> tuple[re.Pattern[str], Mapping[str, Convertor[object]]]:
    # Starlette's convertors without its compile_path, for which a WSGI shop would load asyncio
    # (60 ms, 6 MB); a test compares the patterns.
    from starlette.convertors import CONVERTOR_TYPES

    first, *rest = _PARAMETER.split(place.rstrip("/") or "/")
    convertors: dict[str, Convertor[object]] = {}
    pattern = re.escape(first)
    for name, kind, text in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        convertor = CONVERTOR_TYPES.get(kind or "str")
        if convertor is None:
            raise RuleError(f"Unknown path convertor {kind!r}")
        if name in convertors:
            raise RuleError(f"{{{name}}} stands twice in the path")
        convertors[name] = convertor
        pattern += f"(?P<{name}>{convertor.regex}){re.escape(text)}"
    if "{" in _PARAMETER.sub("", place):
        raise RuleError("a { in the path is not a {name} or {name:convertor}")
    if "<" in place:
        raise RuleError("a captured name is written {name} here, not <name>")
    try:
        return re.compile(f"^{pattern}$"), convertors
    except re.error as error:  # of a convertor that the shop has registered
        raise RuleError(str(error)) from None


def _query(query: str) -> Iterator[tuple[str, str, bool]]:
    for key, value in parse_qsl(query, keep_blank_values=True):
        capture = _CAPTURE.fullmatch(value)
        if not value or ("{" in value and capture is None):
            raise RuleError(f"{key}={value}: a query value is a {{name}} or plain text")
        yield (key, capture[1], True) if capture else (key, value, False)
    if query and not parse_qsl(query, keep_blank_values=True):
        raise RuleError("the query after ? is malformed: key={name} or key=text")


def _mappings(words: list[str]) -> tuple[dict[str, str], Literal["", "2xx"]]:
    renames: dict[str, str] = {}
    on: Literal["", "2xx"] = ""
    for word in words:
        source, equals, target = word.partition("=")
        if not equals:
            raise RuleError(f"{word!r} is neither source=target nor on=2xx nor form:field=target")
        if source == "on":
            if target != "2xx":
                raise RuleError("on= knows only on=2xx")
            on = "2xx"
        elif not _TARGET.fullmatch(source) or not _TARGET.fullmatch(target):
            raise RuleError(f"{word!r}: source and target are names")
        else:
            renames[source] = target
    return renames, on


def _fields(word: str) -> Iterator[tuple[str, str]]:
    for pair in word.split(","):
        name, equals, target = pair.rpartition("=")
        if not equals or not name:
            raise RuleError(f"form:{pair}: a field is written form:field=target, with , between")
        if not _TARGET.fullmatch(target):
            raise RuleError(f"form:{pair}: {target!r} is no target: letters, digits and _")
        if len(name) > _FIELD_ROOM or not all(name.split(".")):
            raise RuleError(f"form:{pair}: {name!r} is no field, nor a path such as item.sku")
        yield name, target
