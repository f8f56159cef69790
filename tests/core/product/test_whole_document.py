"""What is found by searching bytes is what a parser finds in the whole document."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from pixelpair.core.product import Facts, open_graph, products
from pixelpair.core.product.facts import JSON_LD, merge
from pixelpair.core.product.json_ld import Graph, parse
from pixelpair.core.product.pages import Page

from .pages import BLANKET, SOCKS, URL, metas, scanned, script

BARE = {key: value for key, value in BLANKET.items() if key != "offers"}


def parsed(data: bytes) -> Facts:
    """The same facts, by way of a document."""
    document = LexborHTMLParser(data)
    graph = Graph()
    for element in document.css("script"):
        if (element.attributes.get("type") or "").lower() == "application/ld+json":
            graph.add(parse(element.text()))
    said = [
        ((tag.attributes.get("property") or "").lower(), tag.attributes.get("content") or "")
        for tag in document.css("head meta[property]")
    ]
    titles = [" ".join(value.split()).casefold() for name, value in said if name == "og:title"]
    page = Page(URL, tuple(v for n, v in said if n == "og:url"), (*titles[:1], *graph.titles))
    return merge([products.read(graph, page, JSON_LD), open_graph.read(said)])


HEAD = [
    '<meta charset="utf-8">',
    "<title>Wool &amp; more</title>",
    '<link rel="stylesheet" href="/a.css">',
    "<style>a > b { color: red }</style>",
    '<script>if (1 < 2) { a = \'<meta property="og:title" content="no">\'; }</script>',
    "<script>s.type = 'application/ld+json';</script>",
    "<!-- a > b -->",
    "<!-- " + script(SOCKS) + metas({"product:brand": "No"}) + " -->",
    metas({"og:title": 'Buy "Wool" > <Blanket>', "og:type": "product"}),
    metas({"product:price:amount": "12.50", "product:price:currency": "SEK"}),
    '<META NAME="a" PROPERTY=product:brand CONTENT=Klippan>',
]
ANYWHERE = [
    script(BLANKET),
    script(BARE),
    script({**SOCKS, "url": "/socks"}),
    script({"@graph": [BARE, {"@type": "WebPage", "mainEntity": SOCKS}]}),
    '<script async TYPE=application/ld+json data-x="a>b">' + json.dumps(SOCKS) + "</script>",
]
BODY = [
    "<p>Wool < more & <b>49 kr</b></p>",
    "<img alt='application/ld+json' src=x>",
    metas({"product:mpn": "no"}),
]


@given(
    st.lists(st.sampled_from(HEAD + ANYWHERE), max_size=10),
    st.lists(st.sampled_from(BODY + ANYWHERE + HEAD[4:8]), max_size=10),
    st.lists(st.integers(0, 4000), max_size=5),
)
@settings(max_examples=200, deadline=None)
def test_finds_what_a_parser_finds(head: list[Any], body: list[Any], cuts: list[int]) -> None:
    text = f"<!DOCTYPE html><html><head>{''.join(head)}</head><body>{''.join(body)}</body></html>"
    data = text.encode()
    assert scanned(data, [min(cut, len(data)) for cut in cuts]).facts == parsed(data)
