from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.convertors import CONVERTOR_TYPES, StringConvertor
from starlette.routing import compile_path

from pixelpair.core.events import STANDARD_EVENTS
from pixelpair.core.routes import DEFAULT_ROUTES, Match, RouteTable, parse_query, parse_routes
from tests.core.exchanges import ROUTES, routes

PAGE = frozenset({"page"})
ACT = frozenset({"redirect", "other"})
ANY_2XX = frozenset({"page", "other"})


def found(rules: str, method: str, path: str, query: str = "", route: object = None) -> list[Match]:
    return list(routes(rules).match(method, path, query, route))  # type: ignore[arg-type]


def data(rule: str, path: str, query: str = "", route: object = None) -> dict[str, object] | None:
    """What one GET rule fills, or None where it does not fit."""
    matches = found(rule, "GET", path, query, route)
    return matches[0].data if matches else None


def problem(rule: str) -> str:
    table, problems = parse_routes(rule)
    assert table.rules == ()
    (text,) = problems
    return text


# --- the default routes --------------------------------------------------------------------------

PRODUCT = {"content_ids": ["SKU-1"], "content_type": "product"}
ORDER = {"order_id": "1001"}
DEFAULTS = {
    ("GET", "/products/SKU-1"): ("ViewContent", PRODUCT),
    ("GET", "/products/SKU-1/"): ("ViewContent", PRODUCT),
    ("GET", "/product/SKU-1"): ("ViewContent", PRODUCT),
    ("GET", "/p/SKU-1"): ("ViewContent", PRODUCT),
    ("POST", "/cart/add"): ("AddToCart", {}),
    ("POST", "/cart/add/"): ("AddToCart", {}),
    ("POST", "/cart/add/SKU-1"): ("AddToCart", PRODUCT),
    ("POST", "/basket/add"): ("AddToCart", {}),
    ("POST", "/basket/add/SKU-1/"): ("AddToCart", PRODUCT),
    ("GET", "/checkout"): ("InitiateCheckout", {}),
    ("GET", "/checkout/"): ("InitiateCheckout", {}),
    ("GET", "/search?q=tea"): ("Search", {"search_string": "tea"}),
    ("GET", "/search/?page=2&q=gr%C3%B6n+te"): ("Search", {"search_string": "grön te"}),
    ("POST", "/register"): ("CompleteRegistration", {}),
    ("POST", "/signup/"): ("CompleteRegistration", {}),
    ("POST", "/sign-up"): ("CompleteRegistration", {}),
    ("POST", "/accounts/register"): ("CompleteRegistration", {}),
    ("POST", "/accounts/signup"): ("CompleteRegistration", {}),
} | {
    ("GET", f"/{place}/1001/{end}"): ("Purchase", ORDER)
    for place in ("orders", "order", "checkout")
    for end in ("complete", "thank-you", "success", "confirmation", "complete/")
}
NO_EVENT = [
    ("GET", "/"), ("GET", "/products"), ("GET", "/products/"), ("GET", "/products/a/reviews"),
    ("POST", "/products/SKU-1"), ("GET", "/cart"), ("GET", "/cart/add"), ("GET", "/cart/add/1"),
    ("POST", "/cart"), ("POST", "/cart/remove/1"), ("POST", "/checkout"), ("GET", "/search"),
    ("GET", "/search?q="), ("GET", "/search?query=tea"), ("POST", "/search?q=tea"),
    ("GET", "/register"), ("GET", "/signup"), ("POST", "/login"), ("GET", "/api/products/1"),
    ("GET", "/productsX/1"), ("HEAD", "/checkout"), ("OPTIONS", "/checkout"), ("", "/checkout"),
    # Looked at many times after the one purchase:
    ("GET", "/orders"), ("GET", "/orders/"), ("GET", "/orders/1001"), ("GET", "/order/1001"),
    ("GET", "/account/orders/1001"), ("GET", "/orders/1001/invoice"), ("GET", "/orders/1001/edit"),
    ("GET", "/orders/1001/complete/receipt"), ("GET", "/orders/complete"),
    ("GET", "/orders//complete"), ("GET", "/orders/1001/completed"),
    ("POST", "/orders/1001/complete"), ("GET", "/checkout/1001"), ("GET", "/checkout/success"),
    ("GET", "/checkout/payment"), ("GET", "/checkout/1001/complete/2"),
]  # fmt: skip


@pytest.mark.parametrize("asked", DEFAULTS, ids=" ".join)
def test_default_routes_find(asked: tuple[str, str]) -> None:
    method, address = asked
    path, _, query = address.partition("?")
    name, filled = DEFAULTS[asked]
    fires_on = PAGE if method == "GET" else ACT
    assert list(ROUTES.match(method, path, query, None)) == [Match(name, filled, fires_on)]


@pytest.mark.parametrize("asked", NO_EVENT, ids=" ".join)
def test_default_routes_leave_out(asked: tuple[str, str]) -> None:
    method, address = asked
    path, _, query = address.partition("?")
    assert list(ROUTES.match(method, path, query, None)) == []


def test_default_routes_are_rules_like_any_other() -> None:
    table, problems = parse_routes(DEFAULT_ROUTES)
    assert problems == []
    assert {rule.event_name for rule in table.rules} == {
        "ViewContent", "AddToCart", "InitiateCheckout", "Purchase", "Search",
        "CompleteRegistration",
    }  # fmt: skip
    assert not table.uses_names


# --- paths ---------------------------------------------------------------------------------------

PATHS = {
    "plain": ("Lead /thanks", "/thanks", {}),
    "root": ("Lead /", "/", {}),
    "not_root": ("Lead /", "/x", None),
    "slash_of_the_rule": ("Lead /thanks/", "/thanks", {}),
    "slash_of_the_path": ("Lead /thanks", "/thanks/", {}),
    "case_matters": ("Lead /thanks", "/Thanks", None),
    "no_prefix": ("Lead /thanks", "/thanks/you", None),
    "dot_is_a_dot": ("Lead /a.html", "/axhtml", None),
    "capture": ("Lead /o/{order_id}", "/o/7", {"order_id": "7"}),
    "capture_in_a_word": ("Lead /o-{order_id}.html", "/o-7.html", {"order_id": "7"}),
    "capture_stops": ("Lead /o/{order_id}", "/o/7/8", None),
    "path": ("Lead /c/{content_category:path}", "/c/a/b", {"content_category": "a/b"}),
    "int": ("Lead /o/{order_id:int}", "/o/7", {"order_id": 7}),
    "no_int": ("Lead /o/{order_id:int}", "/o/x", None),
    "endless_int": ("Lead /o/{order_id:int}", "/o/" + "9" * 5000, None),
    "float": ("Lead /v/{value:float}", "/v/1.5", {"value": 1.5}),
    "uuid": (
        "Lead /o/{order_id:uuid}",
        "/o/123e4567-e89b-12d3-a456-426614174000",
        {"order_id": "123e4567-e89b-12d3-a456-426614174000"},
    ),
    "content_id": ("Lead /{content_id:int}", "/7", PRODUCT | {"content_ids": ["7"]}),
    "content_id_renamed": ("Lead /{slug} slug=content_id", "/SKU-1", PRODUCT),
    "order_renamed": ("Lead /{n} n=order_id", "/7", {"order_id": "7"}),
    "custom_property": ("Lead /{n} n=room", "/7", {"room": "7"}),
    "nobody_asked": ("Lead /{token}", "/secret", {}),
    "known_renamed_away": ("Lead /{order_id} order_id=room", "/7", {"room": "7"}),
    "unicode": ("Lead /tack/{content_category}", "/tack/grönt", {"content_category": "grönt"}),
}  # fmt: skip


@pytest.mark.parametrize("case", PATHS)
def test_path(case: str) -> None:
    rule, path, filled = PATHS[case]
    assert data(rule, path) == filled


QUERIES = {
    "capture": ("Lead /s?q={search_string}", "q=tea", {"search_string": "tea"}),
    "missing": ("Lead /s?q={search_string}", "", None),
    "blank": ("Lead /s?q={search_string}", "q=&x=1", None),
    "first_that_is_not_blank": ("Lead /s?q={search_string}", "q=&q=a&q=b", {"search_string": "a"}),
    "decoded": ("Lead /s?q={search_string}", "q=a%20b+c%26", {"search_string": "a b c&"}),
    "garbage": ("Lead /s?q={search_string}", "q=%ff%zz", {"search_string": "\ufffd%zz"}),
    "literal": ("Lead /s?step=done", "step=done&x=1", {}),
    "other_literal": ("Lead /s?step=done", "step=start", None),
    "both": ("Lead /s?step=done&o={order_id}", "o=7&step=done", {"order_id": "7"}),
    "one_of_both": ("Lead /s?step=done&o={order_id}", "o=7", None),
    "content_id": ("Lead /s?sku={content_id}", "sku=SKU-1", PRODUCT),
    "renamed": ("Lead /s?q={x} x=search_string", "q=tea", {"search_string": "tea"}),
    "too_many_fields": ("Lead /s?q={search_string}", "q=tea" + "&a=1" * 300, None),
}


@pytest.mark.parametrize("case", QUERIES)
def test_query(case: str) -> None:
    rule, query, filled = QUERIES[case]
    assert data(rule, "/s", query) == filled


# --- route names ---------------------------------------------------------------------------------

NAMED = "ViewContent name:shop:product slug=content_id"


def test_rule_by_route_name_takes_the_parameters_it_names() -> None:
    route = ("shop:product", {"slug": "SKU-1", "token": "x"})
    assert data(NAMED, "/anything", "", route) == PRODUCT
    assert data(NAMED, "/anything", "", ("shop:list", {"slug": "SKU-1"})) is None
    assert data(NAMED, "/anything") is None


def test_rule_by_route_name_knows_known_names() -> None:
    assert data("Purchase name:done", "/", "", ("done", {"order_id": 7})) == {"order_id": 7}


def test_rule_by_route_name_may_ask_for_a_query() -> None:
    rule = "Search name:search?q={search_string}"
    assert data(rule, "/", "q=tea", ("search", {})) == {"search_string": "tea"}
    assert data(rule, "/", "", ("search", {})) is None


@pytest.mark.parametrize(("rules", "uses"), [("Lead /a", False), ("Lead /a\nLead name:b", True)])
def test_table_says_whether_it_uses_names(rules: str, uses: bool) -> None:
    assert routes(rules).uses_names is uses


# --- rules together ------------------------------------------------------------------------------


def test_one_event_per_name_in_the_tables_order() -> None:
    rules = "Lead /{order_id}\nLead /a\nContact /a\nSearch POST /a\nLead name:a"
    assert found(rules, "GET", "/a", "", ("a", {})) == [
        Match("Lead", {"order_id": "a"}, PAGE),
        Match("Contact", {}, PAGE),
    ]


@pytest.mark.parametrize(
    ("rule", "fires_on"),
    [
        ("Lead /a", PAGE),
        ("Lead GET /a", PAGE),
        ("Lead POST /a", ACT),
        ("Lead PUT /a", ACT),
        ("Lead PATCH /a", ACT),
        ("Lead DELETE /a", ACT),
        ("Lead POST /a on=2xx", ANY_2XX),
        ("Lead /a on=2xx", ANY_2XX),
    ],
)
def test_what_a_rule_fires_on(rule: str, fires_on: frozenset[str]) -> None:
    words = rule.split()
    method = words[1] if not words[1].startswith("/") else "GET"
    assert found(rule, method, "/a") == [Match("Lead", {}, fires_on)]
    assert found(rule, "PUT" if method == "POST" else "POST", "/a") == []


@pytest.mark.parametrize(
    "text",
    [
        "Lead /a; Contact /b",
        "Lead /a\nContact /b",
        "\n\n  Lead   /a  \r\n;;Contact\t/b;\n",
        "# our pages; old ones: Search /c\nLead /a\nContact /b",
        "Lead /a; # rest; of the line\nContact /b",
    ],
)
def test_one_rule_a_line_or_a_semicolon(text: str) -> None:
    assert routes(text) == routes("Lead /a\nContact /b")


@pytest.mark.parametrize("name", [*STANDARD_EVENTS, "PageView", "TookSample", "a", "X_1", "x" * 50])
def test_any_event_may_be_used(name: str) -> None:
    assert [m.event_name for m in found(f"{name} /a", "GET", "/a")] == [name]


@pytest.mark.parametrize("text", ["", "\n", " ; ;", "# nothing"])
def test_no_rules(text: str) -> None:
    assert routes(text) == RouteTable(())
    assert found(text, "GET", "/") == []


# --- fields of the body --------------------------------------------------------------------------

LINE = {"id": "SKU-1", "quantity": 2, "item_price": "19.90"}
FIELDS: dict[str, tuple[str, dict[str, object], dict[str, object]]] = {
    "id": ("form:sku=content_id", {"sku": "SKU-1"}, PRODUCT),
    "number": ("form:sku=content_id", {"sku": 7}, PRODUCT | {"content_ids": ["7"]}),
    "missing": ("form:sku=content_id", {}, {}),
    "nobody_asked": ("form:sku=content_id", {"content_id": "SKU-1", "order_id": "1"}, {}),
    "several": (
        "form:sku=content_id,size=size form:email.0=status",
        {"sku": "SKU-1", "size": "L", "email.0": "x"},
        PRODUCT | {"size": "L", "status": "x"},
    ),
    "one_field_twice": ("form:n=order_id,n=room", {"n": "7"}, {"order_id": "7", "room": "7"}),
    "the_one_that_is_there": ("form:a=content_id,b=content_id", {"b": "SKU-1"}, PRODUCT),
    "first_of_two": ("form:a=content_id,b=content_id", {"b": "B", "a": "SKU-1"}, PRODUCT),
    "odd_names": (
        "form:items[0][id]=content_id,add-to-cart=room,a=b=floor",
        {"items[0][id]": "SKU-1", "add-to-cart": "1", "a=b": "2"},
        PRODUCT | {"room": "1", "floor": "2"},
    ),
    "money": ("form:a=value,b=currency", {"a": 9.9, "b": "eur"}, {"value": 9.9, "currency": "eur"}),
    "line": (
        "form:sku=content_id,qty=quantity,price=item_price",
        {"sku": "SKU-1", "qty": "2", "price": "19.90"},
        PRODUCT | {"value": Decimal("39.80"), "contents": [LINE]},
    ),
    "line_without_price": (
        "form:sku=content_id,qty=quantity",
        {"sku": "SKU-1", "qty": "2"},
        PRODUCT | {"contents": [{"id": "SKU-1", "quantity": 2}]},
    ),
    "line_without_quantity": (
        "form:sku=content_id,qty=quantity,price=item_price",
        {"sku": "SKU-1", "price": 5},
        PRODUCT | {"value": 5, "contents": [{"id": "SKU-1", "quantity": 1, "item_price": 5}]},
    ),
    "half_a_metre": (
        "form:sku=content_id,qty=quantity,price=item_price",
        {"sku": "SKU-1", "qty": "0.5", "price": 30},
        PRODUCT | {"value": 15, "contents": [{"id": "SKU-1", "item_price": 30}]},
    ),
    "no_quantity_at_all": (
        "form:sku=content_id,qty=quantity,price=item_price",
        {"sku": "SKU-1", "qty": "none", "price": 30},
        PRODUCT | {"contents": [{"id": "SKU-1"}]},
    ),
    "line_without_id": ("form:a=quantity,b=item_price", {"a": 2, "b": 5}, {"value": 10}),
    "own_value": ("form:a=quantity,b=item_price,c=value", {"a": 2, "b": 5, "c": 9}, {"value": 9}),
}  # fmt: skip


@pytest.mark.parametrize("case", FIELDS)
def test_fields(case: str) -> None:
    words, body, filled = FIELDS[case]
    table = routes(f"AddToCart POST /cart/add {words}")
    assert table.match("POST", "/cart/add", "", None, body.get) == [Match("AddToCart", filled, ACT)]


def test_rule_without_a_body_fires_all_the_same() -> None:
    """The app has not read it, or it is too long to look at."""
    assert found("AddToCart POST /a form:sku=content_id on=2xx", "POST", "/a") == [
        Match("AddToCart", {}, ANY_2XX)
    ]


def test_address_goes_before_the_body() -> None:
    table = routes(
        "AddToCart POST /cart/{content_id}?n={n} n=quantity form:sku=content_id,q=quantity"
    )
    (match,) = table.match("POST", "/cart/SKU-1", "n=3", None, {"sku": "x", "q": 9}.get)
    assert match.data == PRODUCT | {"contents": [{"id": "SKU-1", "quantity": 3}]}


def test_fields_of_a_route_by_name() -> None:
    table = routes("AddToCart POST name:add form:sku=content_id")
    (match,) = table.match("POST", "/x", "", ("add", {}), {"sku": "SKU-1"}.get)
    assert match.data == PRODUCT


RULES_OF_BODIES = """
AddToCart POST /cart/add form:sku=content_id
AddToCart PUT /cart/{content_id} form:qty=quantity
Lead POST /newsletter
Search /search?q={search_string}
"""


@pytest.mark.parametrize(
    ("method", "path", "wants"),
    [
        ("POST", "/cart/add", True),
        ("POST", "/cart/add/", True),
        ("PUT", "/cart/7", True),
        ("POST", "/cart/7", False),
        ("POST", "/newsletter", False),
        ("GET", "/cart/add", False),
        ("GET", "/search", False),
        ("PATCH", "/cart/add", False),
        ("", "", False),
    ],
)
def test_body_is_wanted_where_a_rule_asks_for_it(method: str, path: str, *, wants: bool) -> None:
    assert routes(RULES_OF_BODIES).wants_body(method, path) is wants


def test_rule_by_name_wants_every_body_of_its_method() -> None:
    table = routes("AddToCart POST name:add form:sku=content_id")
    assert [table.wants_body(method, "/x") for method in ("POST", "PUT", "GET")] == [
        True,
        False,
        False,
    ]


def test_default_routes_want_no_body() -> None:
    assert not any(ROUTES.wants_body(method, path) for method, path in DEFAULTS)


# --- mistakes ------------------------------------------------------------------------------------

MISTAKES = {
    "Purchase": "a path is missing",
    "Purchase POST": "a path is missing",
    "Purchase orders": "'orders' is no method",
    "Purchase post /a": "'post' is no method",
    "Purchase HEAD /a": "'HEAD' is no method",
    "1st /a": "is no event name",
    "Köp /a": "is no event name",
    f"{'x' * 51} /a": "is no event name",
    "purchase /a": "did you mean the standard event Purchase?",
    "AddtoCart /a": "did you mean the standard event AddToCart?",
    "ViewConent /a": "did you mean the standard event ViewContent?",
    "Pageview /a": "did you mean the standard event PageView?",
    "Lead /a/{order_id": "a { in the path",
    "Lead /a/{order id}": "'id}' is neither source=target nor on=2xx",
    "Lead /a/{}": "a { in the path",
    "Lead /{order_id}/{order_id}": "order_id",
    "Lead /{order_id:number}": "number",
    "Lead /a slug=content_id": "slug= is not captured",
    "Lead /{x} slug=content_id": "slug= is not captured",
    "Lead /a on=200": "on= knows only on=2xx",
    "Lead /a on=": "on= knows only on=2xx",
    "Lead /a 2xx": "'2xx' is neither source=target nor on=2xx",
    "Lead /{x} x=1a": "source and target are names",
    "Lead /{x} =a": "source and target are names",
    "Lead /a?q=": "q=",
    "Lead /a?q": "q=",
    "Lead /a?q={a}b": "a query value is a {name} or plain text",
    "Lead /a?q={a": "a query value is a {name} or plain text",
    "Lead name:": "the route's name is missing",
    "Lead /a form:a=value": "form: needs a method that sends a body, such as POST",
    "Lead name:a form:a=value": "form: needs a method that sends a body, such as POST",
    "Lead POST /a form:": "form:: a field is written form:field=target, with , between",
    "Lead POST /a form:sku": "form:sku: a field is written form:field=target",
    "Lead POST /a form:=value": "form:=value: a field is written form:field=target",
    "Lead POST /a form:a=value,": "form:: a field is written form:field=target",
    "Lead POST /a form:a=value,b": "form:b: a field is written form:field=target",
    "Lead POST /a form:a=": "form:a=: '' is no target: letters, digits and _",
    "Lead POST /a form:a=1": "form:a=1: '1' is no target",
    "Lead POST /a form:a=my-value": "form:a=my-value: 'my-value' is no target",
    "Lead POST /a form:a..b=value": "'a..b' is no field, nor a path such as item.sku",
    "Lead POST /a form:.a=value": "'.a' is no field, nor a path such as item.sku",
    f"Lead POST /a form:{'a' * 201}=value": "is no field, nor a path such as item.sku",
}


@pytest.mark.parametrize("rule", MISTAKES)
def test_mistake_is_explained(rule: str) -> None:
    text = problem(rule)
    assert text.startswith("line 1: ")
    assert MISTAKES[rule] in text


def test_mistakes_are_named_with_their_lines_and_good_rules_kept() -> None:
    table, problems = parse_routes("Lead /a\nPurchase\n\nContact /b; Lead x\n# none")
    assert table == routes("Lead /a\nContact /b")
    assert [text.partition(":")[0] for text in problems] == ["line 2", "line 4"]
    assert ["Purchase" in problems[0], "Lead x" in problems[1]] == [True, True]


# --- anything at all -----------------------------------------------------------------------------


@given(st.text(max_size=60) | st.lists(st.sampled_from(
    ["Lead", "POST", "/a", "/{x}", "/{x:int}", "?q={y}", "x=y", "on=2xx", " ", ";", "\n", "name:a",
     "{", "}", "#", "=", "?", "form:", ",", "."]), max_size=12).map("".join))  # fmt: skip
def test_any_text_is_rules_or_mistakes(text: str) -> None:
    table, problems = parse_routes(text)
    assert all(text.startswith("line ") for text in problems)
    for method in ("GET", "POST"):
        list(table.match(method, "/a/1", "q=1", ("a", {"x": 1}), str))
        table.wants_body(method, "/a/1")


@given(st.sampled_from(["GET", "POST", "PUT"]), st.text(max_size=40), st.text(max_size=40))
def test_any_address_is_matched_or_not(method: str, path: str, query: str) -> None:
    rules = "Lead /{x:path}?q={y} y=a x=b\nContact POST /{n:int}\nSearch /{u:uuid}/{f:float}"
    for match in routes(rules).match(method, path, query, None):
        assert match.event_name in {"Lead", "Contact", "Search"}


@given(st.text(max_size=200))
def test_any_query_is_read(query: str) -> None:
    assert all(isinstance(v, str) for values in parse_query(query).values() for v in values)


def test_union_of_paths_is_as_good_as_each() -> None:
    rules = ["Lead /a/{x}", "Contact /a/{x:int}/b", "Search /{y:path}", "Donate /d"]
    whole = routes("\n".join(rules))
    for path in ("/a/1", "/a/1/b", "/a", "/d", "/d/", "/", "/x/y/z"):
        one_by_one = [match for rule in rules for match in found(rule, "GET", path)]
        assert list(whole.match("GET", path, "", None)) == one_by_one


# --- paths are Starlette's -----------------------------------------------------------------

_PIECES = st.one_of(
    st.text("ab-._~%+()é1 /", max_size=4).map(lambda text: text.replace(" ", "")),
    st.builds(
        "{{{}{}}}".format,
        st.sampled_from(["content_id", "order_id", "a", "_b", "c3"]),
        st.sampled_from(["", ":str", ":int", ":float", ":path", ":uuid"]),
    ),
)


@given(st.lists(_PIECES, max_size=6).map("".join))
def test_a_path_means_what_starlette_takes_it_for(tail: str) -> None:
    path = f"/{tail}".rstrip("/") or "/"
    table, problems = parse_routes(f"Lead {path}")
    try:
        theirs, _, convertors = compile_path(path)
    except ValueError:  # a name that stands twice
        assert len(problems) == 1
    else:
        (rule,) = table.rules
        assert (rule.pattern, rule.convertors, problems) == (theirs, convertors, [])


def test_a_name_stands_once_in_a_path() -> None:
    _, problems = parse_routes("Lead /p/{id}/{id}")
    assert problems == ["line 1: 'Lead /p/{id}/{id}': {id} stands twice in the path"]


def test_a_convertor_of_the_shop_with_a_wrong_pattern_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Odd(StringConvertor):
        regex = "("

    monkeypatch.setitem(CONVERTOR_TYPES, "odd", Odd())
    _, problems = parse_routes("Lead /p/{id:odd}")
    assert len(problems) == 1
    assert problems[0].startswith("line 1: 'Lead /p/{id:odd}': missing ), unterminated subpattern")
