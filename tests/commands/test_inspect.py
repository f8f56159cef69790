"""`pixelpair inspect` shows what would be sent for a page, and what is missing."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair import Settings
from pixelpair.cli import main
from pixelpair.commands import pages, snippets
from pixelpair.commands.findings import findings, written
from pixelpair.commands.pages import MOST, Page
from pixelpair.core.machines import machine
from pixelpair.core.product import Fact, Facts, read_listing, read_product
from pixelpair.core.product.texts import label
from pixelpair.core.routes import DEFAULT_ROUTES, parse_routes
from tests.conftest import missing_tool
from tests.docs_pages import code, section, table

from .web import Web, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from .conftest import Ask

BLANKET = {
    "@context": "https://schema.org",
    "@type": "Product",
    "name": "Wool blanket",
    "sku": "BL-130-G",
    "brand": {"@type": "Brand", "name": "Klippan"},
    "offers": {"@type": "Offer", "price": "899.00", "priceCurrency": "SEK"},
}
ADDRESS = "https://shop.example/products/wool-blanket"
FILLED = {
    "sku": "BL-9",
    "name": "Rug",
    "price": "12.50",
    "currency": "SEK",
    "group_id": "G-1",
    "product_id": "P-1",
    "mpn": "M-1",
    "gtin": "4006381333931",
    "url": "https://shop.example/rug",
}


def page(*told: dict[str, Any], head: str = "") -> bytes:
    scripts = "".join(
        f'<script type="application/ld+json">{json.dumps(one)}</script>' for one in told
    )
    return f"<!doctype html><head>{scripts}{head}</head><body>wool</body>".encode()


def without(told: dict[str, Any], *names: str) -> dict[str, Any]:
    offers = {key: value for key, value in told["offers"].items() if key not in names}
    return {key: value for key, value in told.items() if key not in names} | {"offers": offers}


def filled(snippet: str) -> str:
    return re.sub(r"\{\{ (\w+) \}\}", lambda found: FILLED[found[1]], snippet)


@pytest.fixture
def web() -> Iterator[Web]:
    with running() as found:
        yield found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "page.html"


def text_of(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    capsys.readouterr()
    return main(["inspect", *words]), capsys.readouterr().out


# --- what it shows -------------------------------------------------------------------------------


def test_shows_each_field_with_source_and_confidence(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(page(BLANKET))
    assert text_of(capsys, str(file), "--url", ADDRESS) == (
        0,
        f"""\
address     {ADDRESS}
read        {len(page(BLANKET))} bytes
content id  BL-130-G from JSON-LD: sku, the first there is of sku, product_id, mpn, gtin, route

ViewContent: ViewContent /products/{{content_id}}

field         value                                                source        confidence
value         899                                                  JSON-LD             0.95
currency      SEK                                                  JSON-LD             0.95
content_ids   ["BL-130-G"]                                         JSON-LD: sku        0.95
contents      [{{"id":"BL-130-G","quantity":1,"item_price":899.0}}]  JSON-LD: sku        0.95
content_type  product                                              JSON-LD: sku        0.95
content_name  Wool blanket                                         JSON-LD             0.95

read, and not sent

field  value    source   confidence
brand  Klippan  JSON-LD        0.95
""",
    )


def test_shows_what_is_missing_and_what_to_paste(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(page(without(BLANKET, "priceCurrency", "sku", "brand")))
    assert text_of(capsys, str(file)) == (
        1,
        f"""\
address     not known: give it with --url
read        {file.stat().st_size} bytes
content id  none

ViewContent: no rule of PIXELPAIR_ROUTES: a view must call track("ViewContent")

field         value         source   confidence
content_name  Wool blanket  JSON-LD        0.95

missing

field        how to add it
content_ids  an id in the JSON-LD below, the same as in your catalog's feed
value        the price is known: it is sent with its currency
currency     offers.priceCurrency in the JSON-LD below, or PIXELPAIR_CURRENCY

Into the page's template; what stands in {{{{ }}}} is to be filled in:

<script type="application/ld+json">
{{
  "@context": "https://schema.org",
  "@type": "Product",
  "name": "Wool blanket",
  "sku": "{{{{ sku }}}}",
  "offers": {{
    "@type": "Offer",
    "price": "899.00",
    "priceCurrency": "{{{{ currency }}}}"
  }}
}}
</script>
""",
    )


def test_is_a_table_on_a_terminal_of_any_width(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    file.write_bytes(page(BLANKET | {"name": "Wool " * 40}))
    code, out = text_of(capsys, str(file))
    assert (code, "\x1b[1m" in out) == (0, True)
    tables = re.sub(r"\x1b\[[0-9;]*m", "", out).partition("field")[2].partition("read,")[0]
    assert max(map(len, tables.splitlines())) == 60


def test_tells_every_key(file: Path, ask: Ask) -> None:
    file.write_bytes(page(without(BLANKET, "priceCurrency") | {"gtin": "1"}))
    code_, document = ask("inspect", str(file))
    assert code_ == 1
    rows = table(section("docs/operations.md", "## inspect").rpartition("With `--json`")[2])
    assert [key for row in rows for key in code(row[0])] == list(document)
    told = {key: code(row[1]) for row in rows for key in code(row[0])}
    (event,) = document["events"]
    assert told["events"] == [*event, *event["fields"][0]]
    why = told["content_id"]
    assert [why[0], *why[2:]] == list(document["content_id"])
    assert told["dropped"] == list(document["dropped"][0])
    assert told["missing"] == list(document["missing"][0])


def test_says_what_was_not_believed(file: Path, ask: Ask) -> None:
    file.write_bytes(page(BLANKET | {"gtin": "4006381333932"}, head="<script>{</script>"))
    _, document = ask("inspect", str(file))
    assert document["dropped"] == [
        {"field": "gtin", "source": "JSON-LD", "reason": "has a wrong check digit"}
    ]


def test_a_page_without_a_product_lacks_everything(file: Path, ask: Ask) -> None:
    file.write_bytes(b"<!doctype html><p>about us</p>")
    code_, document = ask("inspect", str(file))
    assert (code_, document["events"]) == (
        1,
        [
            {
                "event": "ViewContent",
                "rule": "",
                "missing": ["content_ids", "value", "currency"],
                "fields": [],
            }
        ],
    )
    assert read_product(document["snippet"].encode()).known == {}


def test_text_of_the_page_moves_no_cursor_and_ends_no_script(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = without(BLANKET, "sku") | {"name": "a\u202e\x1b[2Jb</script><script>alert(1)//"}
    file.write_bytes(
        page(told).replace(b"</script><script>alert", rb"\u003c/script>\u003cscript>alert")
    )
    _, out = text_of(capsys, str(file))
    assert ("\x1b" in out, "\u202e" in out, out.count("</script>")) == (False, False, 2)
    assert read_product(filled(out[out.index("<script type") :]).encode()).has_id


# --- settings ------------------------------------------------------------------------------------


def fields(document: dict[str, Any], number: int = 0) -> dict[str, tuple[object, str]]:
    told = document["events"][number]["fields"]
    return {field["field"]: (field["value"], field["source"]) for field in told}


def test_needs_no_setting(
    file: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch, spool: Path
) -> None:
    for name in ("PIXEL_ID", "ACCESS_TOKEN", "GRAPH_URL", "SPOOL"):
        monkeypatch.delenv(f"PIXELPAIR_{name}")
    file.write_bytes(page(BLANKET))
    assert ask("inspect", str(file))[0] == 0
    assert not spool.exists()


def test_the_chosen_id_is_told_with_its_reason(
    file: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(page(BLANKET | {"mpn": "M-7"}))
    monkeypatch.setenv("PIXELPAIR_CONTENT_ID", "mpn")
    code_, document = ask("inspect", str(file), "--url", ADDRESS)
    assert (code_, fields(document)["content_ids"]) == (0, (["M-7"], "JSON-LD: mpn"))
    assert document["content_id"] == {
        "choice": "mpn",
        "found": {"sku": "BL-130-G", "mpn": "M-7"},
        "why": "M-7 by PIXELPAIR_CONTENT_ID: mpn",
    }


def test_a_chosen_id_that_the_page_has_not_is_missing(
    file: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(page(BLANKET))
    monkeypatch.setenv("PIXELPAIR_CONTENT_ID", "gtin")
    code_, document = ask("inspect", str(file))
    assert (code_, document["missing"]) == (
        1,
        [
            {
                "field": "content_ids",
                "how": "PIXELPAIR_CONTENT_ID says gtin, and the page has: sku",
            }
        ],
    )
    file.write_bytes(page(BLANKET) + filled(document["snippet"]).encode())
    code_, document = ask("inspect", str(file))
    assert (code_, fields(document)["content_ids"][0]) == (0, ["4006381333931"])


def own_id(facts: Facts) -> str:
    return f"own-{facts.sku.value if facts.sku else ''}"


def failing_id(_facts: Facts) -> str:
    raise LookupError("not there")


def test_an_id_of_the_shops_own_function_is_asked_for(
    file: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(page(BLANKET))
    monkeypatch.setenv("PIXELPAIR_CONTENT_ID", f"{__name__}.own_id")
    code_, document = ask("inspect", str(file))
    assert (code_, fields(document)["content_ids"]) == (
        0,
        (["own-BL-130-G"], "PIXELPAIR_CONTENT_ID"),
    )
    assert document["content_id"]["choice"] == f"{__name__}.own_id"
    monkeypatch.setenv("PIXELPAIR_CONTENT_ID", f"{__name__}.failing_id")
    code_, document = ask("inspect", str(file))
    assert (code_, document["dropped"]) == (
        1,
        [
            {
                "field": "PIXELPAIR_CONTENT_ID",
                "source": "settings",
                "reason": "its function failed",
            }
        ],
    )


def test_a_page_without_currency_takes_the_shops(
    file: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(page(without(BLANKET, "priceCurrency")))
    monkeypatch.setenv("PIXELPAIR_CURRENCY", "NOK")
    code_, document = ask("inspect", str(file))
    found = fields(document)
    assert (code_, found["value"], found["currency"]) == (
        0,
        (899, "JSON-LD"),
        ("NOK", "PIXELPAIR_CURRENCY"),
    )


@pytest.mark.parametrize("name", ["SENSITIVE", "EXCLUDE"])
def test_a_page_that_is_left_alone_is_said(
    name: str, file: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(page(BLANKET))
    monkeypatch.setenv(f"PIXELPAIR_{name}", "/products")
    code_, document = ask("inspect", str(file), "--url", ADDRESS)
    assert (code_, document["missing"], document["snippet"]) == (
        1,
        [
            {
                "field": "pixel",
                "how": f"PIXELPAIR_{name} has this path: the page is left alone",
            }
        ],
        "",
    )


def test_the_shop_of_the_host_decides(
    file: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(page(without(BLANKET, "priceCurrency")))
    shops = {"shop.example": {"pixel_id": "1", "currency": "DKK"}}
    monkeypatch.delenv("PIXELPAIR_PIXEL_ID")
    monkeypatch.setenv("PIXELPAIR_SHOPS", json.dumps(shops))
    assert fields(ask("inspect", str(file), "--url", ADDRESS)[1])["currency"][0] == "DKK"
    assert ask("inspect", str(file))[0] == 1
    monkeypatch.setenv("PIXELPAIR_SHOPS", "nowhere.shops")
    assert main(["inspect", str(file)]) == 2


def test_tells_of_lists(file: Path, ask: Ask) -> None:
    items = [without(BLANKET, "offers") | {"sku": f"BL-{n}", "name": f"B {n}"} for n in (1, 2)]
    lines = [{"@type": "ListItem", "position": n, "item": it} for n, it in enumerate(items, 1)]
    file.write_bytes(page({"@type": "ItemList", "itemListElement": lines}))
    at = ["--url", "https://shop.example/search?q=anna%40example.com"]
    code_, document = ask("inspect", str(file), *at)
    assert (code_, [event["event"] for event in document["events"]]) == (0, ["Search"])
    assert document["events"][0]["rule"] == "Search /search?q={search_string}"
    assert fields(document) == {
        "content_ids": (["BL-1", "BL-2"], "JSON-LD"),
        "content_type": ("product", "JSON-LD"),
        "search_string": ("(removed)", "the address"),
    }
    assert document["address"] == "https://shop.example/search?q=(removed)"
    file.write_bytes(b"<!doctype html><p>nothing</p>")
    code_, document = ask("inspect", str(file), *at)
    assert (code_, document["events"][0]["missing"]) == (1, ["content_ids"])
    listing = read_listing(filled(document["snippet"]).encode())
    assert listing is not None
    assert [facts.sku for facts in listing.items] == [Fact("BL-9", "JSON-LD", 0.95)]


def test_variants_of_which_none_is_chosen_are_a_group(file: Path, ask: Ask) -> None:
    variants = [without(BLANKET) | {"sku": f"BL-{n}"} for n in (1, 2)]
    group = {"@type": "ProductGroup", "name": "Wool", "productGroupID": "BL"}
    file.write_bytes(page(group | {"hasVariant": variants}))
    code_, document = ask("inspect", str(file))
    assert (code_, fields(document)["content_ids"]) == (0, (["BL"], "JSON-LD: group_id"))
    assert document["content_id"]["why"].startswith("BL of the group:")


@pytest.mark.parametrize(
    "rule",
    [
        *(line for line in map(str.strip, DEFAULT_ROUTES.splitlines()) if " /" in line),
        "ViewContent /a.b/{content_id:int}/x-{name:path}",
        "ViewContent /{content_id:uuid}/{rate:float} rate=value",
        "Search /find?q={search_string}&page=1",
    ],
)
def test_rules_are_written_as_they_are_read(rule: str) -> None:
    words = rule.replace(" POST ", " ").split()
    table, problems = parse_routes(" ".join(words))
    assert (problems, written(table.rules[0])) == ([], " ".join(words))


# --- where pages are from ------------------------------------------------------------------------


def test_asks_as_a_browser_does_and_says_who_it_is(web: Web, ask: Ask) -> None:
    address = web.say("/products/wool", page(BLANKET))
    code_, document = ask("inspect", address)
    assert (code_, document["address"], document["redirected_from"]) == (0, address, "")
    assert document["events"][0]["rule"] == "ViewContent /products/{content_id}"
    agent = web.heard[0]["User-Agent"]
    assert agent.startswith("Mozilla/5.0 (compatible; pixelpair-inspect/")
    assert machine(agent.encode()) == "crawler"  # no customer of the shop's
    assert "text/html" in web.heard[0]["Accept"]


def test_says_where_redirects_end(web: Web, ask: Ask) -> None:
    web.say("/products/wool", page(BLANKET))
    address = web.say("/old", status=301, location="/products/wool?ref=old")
    _, document = ask("inspect", address)
    assert (document["redirected_from"], document["address"]) == (
        address,
        f"{web.url}/products/wool?ref=old",
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 404}, "answers 404: of such an answer no event is made"),
        ({"content_type": "application/pdf"}, "is application/pdf, and no HTML page"),
        ({"status": 302, "location": "/page"}, "cannot be reached: Exceeded maximum"),
        (
            {"status": 302, "location": "file:///etc/passwd"},
            "leads to an address that is neither https:// nor http://",
        ),
        ({"content_encoding": "gzip", "body": b"<p>none"}, "cannot be reached: Error -3"),
    ],
)
def test_what_is_no_page_is_said(
    web: Web, answer: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    address = web.say("/page", **answer)
    assert main(["inspect", f"{address}?email=anna@example.com"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.startswith(f"{address} {said}"), "anna" in err) == ("", True, False)


def test_nobody_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with running() as gone:
        address = gone.url
    assert main(["inspect", address]) == 2
    assert "cannot be reached: " in capsys.readouterr().err


def test_a_certificate_that_is_not_trusted_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not shutil.which("openssl"):
        missing_tool("openssl")
    made = tmp_path / "own.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
    command = ["openssl", *words.split(), "-keyout", made, "-out", tmp_path / "cert.pem"]
    subprocess.run(command, check=True, capture_output=True)
    made.write_bytes(made.read_bytes() + (tmp_path / "cert.pem").read_bytes())
    with running(made) as web:
        assert main(["inspect", web.url]) == 2
    assert "CERTIFICATE_VERIFY_FAILED" in capsys.readouterr().err


def test_reads_no_more_than_the_bound_of_an_endless_page(web: Web, ask: Ask) -> None:
    def endless(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(200)
        asked.send_header("Content-Type", "text/html")
        asked.end_headers()
        asked.wfile.write(page(BLANKET))
        while True:
            asked.wfile.write(b"<p>wool</p>" * 10_000)

    web.answers["/products/wool"] = endless
    code_, document = ask("inspect", f"{web.url}/products/wool")
    assert (code_, document["bytes"], document["cut"]) == (0, MOST, True)


def test_a_page_that_drips_ends(
    web: Web, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def drip(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(200)
        asked.end_headers()
        while True:
            asked.wfile.write(b"<")
            time.sleep(0.02)

    web.answers["/"] = drip
    monkeypatch.setattr(pages, "PATIENCE", 0.1)
    assert main(["inspect", f"{web.url}/"]) == 2
    assert "is not whole after 0.1 seconds" in capsys.readouterr().err


def test_a_page_that_never_comes_is_said(
    web: Web, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    web.answers["/"] = lambda asked: time.sleep(0.3)
    monkeypatch.setattr(pages, "READ", 0.05)
    assert main(["inspect", f"{web.url}/"]) == 2
    assert "does not answer within 0.05 seconds" in capsys.readouterr().err


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252", "shift_jis"])
def test_respects_the_encoding_of_the_answer(web: Web, ask: Ask, charset: str) -> None:
    name = "毛布" if charset == "shift_jis" else "Wolldecke für Große"
    html = page(BLANKET).replace(b"Wool blanket", name.encode(charset))
    address = web.say("/wool", html, content_type=f"text/html; charset={charset}")
    assert fields(ask("inspect", address)[1])["content_name"][0] == name


def test_a_page_in_utf_16_is_left_alone(file: Path, ask: Ask) -> None:
    file.write_bytes(page(BLANKET).decode().encode("utf-16"))
    code_, document = ask("inspect", str(file))
    assert (code_, document["dropped"][0]["reason"]) == (1, "has an encoding that hides markup")


def test_reads_the_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(page(BLANKET))))
    assert text_of(capsys, "-")[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.html"], "cannot be read (No such file or directory)"),
        (["."], "cannot be read (Is a directory)"),
        (["a\0b"], "cannot be read (embedded null byte)"),
        (["ftp://shop.example/"], "is no address: it begins with https:// or http://"),
        (["https://"], "is no address"),
        (["https://[::1"], "is no address"),
        (["https://shop.example/", "--url", ADDRESS], "--url is for files"),
        (["page.html", "--url", "shop.example/wool"], "shop.example/wool is no address"),
    ],
)
def test_wrong_usage_is_said(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True)


def test_a_file_that_is_no_page_is_said(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_bytes(b"%PDF-1.7")
    assert main(["inspect", str(file)]) == 2
    assert "is no HTML page" in capsys.readouterr().err


# --- what to paste -------------------------------------------------------------------------------

NAMES = st.text(min_size=1, max_size=40).filter(
    lambda text: label_or_none(text) == text and "{{" not in text
)


def label_or_none(text: str) -> str | None:
    try:
        return label(text)
    except ValueError:
        return None


@given(name=NAMES, price=st.decimals("0.01", "99999", places=2), unchosen=st.booleans())
def test_what_is_pasted_is_read_as_it_was_known(name: str, price: Decimal, unchosen: bool) -> None:
    known = Facts(
        name=Fact(name, "JSON-LD", 0.95),
        price=Fact(price, "JSON-LD", 0.95),
        unchosen=unchosen,
    )
    pasted = snippets.product(known, "", ADDRESS)
    bare = read_product(pasted.encode(), "utf-8", ADDRESS)
    assert (bare.has_id, bare.group_id, bare.currency) == (False, None, None)
    found = read_product(filled(pasted).encode(), "utf-8", ADDRESS)
    told = {key: fact.value for key, fact in found.known.items()}
    assert (found.complete, told["name"], told["price"]) == (True, name, price)


@given(st.binary(max_size=300))
def test_no_page_fails(body: bytes) -> None:
    told = findings(Page(ADDRESS, b"<p>" + body), Settings(), 1.0)
    assert told.events[0].name == "ViewContent"
