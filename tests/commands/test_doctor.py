"""`pixelpair doctor` without a shop: settings, Meta's end, the spool, the outbox, who sends."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.cli import main
from pixelpair.commands.doctor.command import _shop_of
from pixelpair.commands.doctor.forms import forms_of, is_act, links
from pixelpair.commands.doctor.http import Answer as Page
from pixelpair.commands.doctor.http import Visitor, address
from pixelpair.commands.doctor.meta import _clock
from pixelpair.commands.doctor.page import page_lines
from pixelpair.commands.doctor.reports import read_report
from pixelpair.commands.doctor.seen import Seen, blocks_in, calls_in
from pixelpair.commands.doctor.walk import Stop
from pixelpair.delivery.leader import LOCK_FILE
from pixelpair.delivery.locks import Lock
from pixelpair.settings import Settings
from tests.conftest import missing_tool
from tests.delivery.redis_server import PROGRAM, RedisServer
from tests.delivery.sink import Answer, accepted, refused

from .conftest import PIXEL, TOKEN, queue

if TYPE_CHECKING:
    from tests.delivery.sink import Sink

    from .conftest import Ask

CODE = "PIXELPAIR_TEST_EVENT_CODE"


def lines(ask: Ask, *words: str) -> dict[str, list[tuple[str, str, str]]]:
    """Status, cause and fix of each line, by its check."""
    _, document = ask("doctor", *words)
    found: dict[str, list[tuple[str, str, str]]] = {}
    for line in document["lines"]:
        told = (line["status"], line["cause"], line["fix"])
        found.setdefault(line["check"], []).append(told)
    return found


def says(found: list[tuple[str, str, str]], status: str, words: str) -> bool:
    return any(s == status and words in cause and fix for s, cause, fix in found)


# --- settings and exit codes ----------------------------------------------------------------------


def test_tells_every_mistake_of_the_settings(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIXELPAIR_PIXEL_ID", "12a")
    monkeypatch.setenv("PIXELPAIR_SENDER", "cron")
    code, document = ask("doctor")
    assert code == 1
    assert [(line["check"], line["cause"]) for line in document["lines"]] == [
        ("settings", "PIXELPAIR_PIXEL_ID='12a'"),
        ("settings", "PIXELPAIR_SENDER='cron'"),
    ]


@pytest.mark.parametrize("missing", ["PIXEL_ID", "ACCESS_TOKEN"])
def test_missing_settings_are_failures(
    missing: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(f"PIXELPAIR_{missing}")
    found = lines(ask)["settings"]
    assert [status for status, *_ in found].count("fail") == 1


def test_warnings_fail_only_where_they_shall(ask: Ask) -> None:
    assert ask("doctor")[0] == 0
    assert ask("doctor", "--strict")[0] == 1


def test_shop_that_does_not_answer_cannot_be_looked_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor", "http://127.0.0.1:9/"]) == 2
    told = capsys.readouterr().out
    assert "cannot be asked" in told
    assert "test event code" in told  # what was found at home is told all the same
    assert main(["doctor", "shop.example"]) == 2
    assert "begins with https://" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["shop.example", "ftp://a:pass@b/", "http://a:pass@b:99999/"])
def test_address_is_looked_at_before_meta_is_asked(
    url: str,
    graph: Sink,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A test event was sent first, and a password of the address was shown."""
    monkeypatch.setenv(CODE, "TEST123")
    assert main(["doctor", url]) == 2
    assert graph.events == []
    assert "pass" not in capsys.readouterr().err


def test_login_of_the_address_goes_nowhere_else(
    ask: Ask, graph: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meta got the name and the password, as a part of event_source_url."""
    monkeypatch.setenv(CODE, "TEST123")
    _, document = ask("doctor", "http://anna:pass@127.0.0.1:9/tea?token=1")
    assert document["url"] == "http://127.0.0.1:9/tea?token=1"
    assert [event["event_source_url"] for event in graph.events] == ["http://127.0.0.1:9/tea"]
    assert "pass" not in str(document)


def test_tells_a_terminal_where_the_walk_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert main(["doctor", "http://127.0.0.1:9/tea?token=1", "--json"]) == 2
    said = capsys.readouterr()
    assert said.err == "asking http://127.0.0.1:9/tea, 19 requests left\n"
    assert json.loads(said.out)["pages"] == []


def test_says_it_to_people_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[0].split() == ["check", "where", "what", "what", "to", "do"]
    assert "Test Events" in told
    assert "0 fail" in told
    assert TOKEN not in told


# --- Meta's end -----------------------------------------------------------------------------------


def test_sends_one_test_event_and_only_with_a_code(
    ask: Ask, graph: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert says(lines(ask)["token"], "warn", "not tried")
    assert graph.events == []
    monkeypatch.setenv(CODE, "TEST123")
    assert lines(ask)["token"] == [("ok", f"Meta took a test event for pixel {PIXEL}", "")]
    (event,) = graph.events
    assert event["event_name"] == "PageView"


@pytest.mark.parametrize(
    ("code", "subcode", "check", "words"),
    [
        (190, None, "token", "refuses the access token"),
        (190, 463, "token", "refuses the access token"),
        (100, 33, "pixel", "may not send events to this pixel"),
        (2635, None, "version", "no longer serves this Graph version"),
        (200, None, "token", "may not send events"),
        (4, None, "token", "rate limit"),
    ],
)
def test_names_what_meta_refuses(
    code: int,
    subcode: int | None,
    check: str,
    words: str,
    ask: Ask,
    graph: Sink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CODE, "TEST123")
    graph.answer = lambda events: refused(code, subcode, status=400)
    assert says(lines(ask)[check], "fail", words)


def test_graph_that_is_silent_is_no_wrong_token(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CODE, "TEST123")
    monkeypatch.setenv("PIXELPAIR_GRAPH_URL", "http://127.0.0.1:9")
    assert says(lines(ask)["token"], "fail", "Graph cannot be reached")


@pytest.mark.parametrize(
    ("skew", "status", "words"),
    [(0.0, "ok", "fits"), (90.0, "warn", "90 s ahead of"), (-600.0, "fail", "600 s behind")],
)
def test_grades_the_clock(skew: float, status: str, words: str) -> None:
    (line,) = _clock(skew, "x")
    assert (line.status, words in line.cause) == (status, True)


def test_reads_the_clock_of_graphs_answer(
    ask: Ask, graph: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CODE, "TEST123")

    def late(events: list[dict[str, Any]]) -> Answer:
        date = formatdate(time.time() - 1000, usegmt=True)
        return replace(accepted(events), headers={"Date": date})

    graph.answer = late
    assert says(lines(ask)["clock"], "fail", "ahead of Meta's")


def test_old_version_is_a_warning(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELPAIR_GRAPH_VERSION", "v19.0")
    newest = Settings.__dataclass_fields__["graph_version"].default
    behind = int(newest[1:].partition(".")[0]) - 19
    said = f"v19.0 is {behind} versions older than {newest}"
    assert says(lines(ask)["version"], "warn", said)


# --- the spool ------------------------------------------------------------------------------------


def test_spool_of_its_own_is_as_it_should_be(spool: Path, ask: Ask) -> None:
    queue(spool, "Lead")
    before = sorted(spool.iterdir())
    found = lines(ask)
    assert [found[c][0][0] for c in ("spool rights", "disk", "delivery")] == ["ok"] * 3
    assert sorted(spool.iterdir()) == before  # nothing is left behind


def test_names_rights_that_are_too_wide(spool: Path, ask: Ask) -> None:
    queue(spool, "Lead")
    spool.chmod(0o755)
    next(spool.iterdir()).chmod(0o644)
    found = lines(ask)["spool rights"]
    assert [(status, fix) for status, _, fix in found] == [
        ("fail", f"chmod 700 {spool}"),
        ("fail", f"chmod 600 {spool}/*"),
    ]


def test_names_a_spool_that_cannot_be_made(
    tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PIXELPAIR_SPOOL", str(tmp_path / "file" / "spool"))
    assert says(lines(ask)["spool"], "fail", "")
    monkeypatch.setenv("PIXELPAIR_SPOOL", str(tmp_path / "file"))
    assert says(lines(ask)["spool"], "fail", "is no folder")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc")
def test_names_a_spool_that_cannot_be_written(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELPAIR_SPOOL", "/proc/self")
    assert says(lines(ask)["spool"], "fail", "nothing can be written")


def test_names_a_folder_of_another_machine(
    spool: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spool.mkdir(mode=0o700)
    mounts = tmp_path / "mounts"
    mounts.write_text(f"1 1 0:1 / {tmp_path} rw - nfs4 server:/x rw\n")
    monkeypatch.setattr("pixelpair.delivery.mounts.MOUNTS", mounts)
    assert says(lines(ask)["spool"], "fail", "network file system")


# --- the outbox, and who sends --------------------------------------------------------------------


def test_tells_of_a_worker_that_sends(spool: Path, ask: Ask) -> None:
    spool.mkdir(mode=0o700)
    lock = Lock(spool / LOCK_FILE)
    assert lock.acquire()
    assert lines(ask)["worker"] == [("ok", "a process of this host sends", "")]
    lock.close()


def test_names_a_worker_that_is_missing(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELPAIR_SENDER", "none")
    assert says(lines(ask)["worker"], "fail", "no `pixelpair worker` runs")


def test_names_events_that_nobody_fetches(spool: Path, ask: Ask) -> None:
    queue(spool, "Lead", ago=7200)
    found = lines(ask)
    assert says(found["worker"], "fail", "no process of the shop sends")
    assert says(found["delivery"], "fail", "waits for 2h")


def test_names_what_holds_a_pixel_back(spool: Path, graph: Sink, ask: Ask) -> None:
    graph.answer = lambda events: refused(190, status=401)
    queue(spool, "Lead")
    ask("drain")
    assert says(lines(ask)["delivery"], "fail", "refuses the access token")


def test_names_a_redis_that_evicts(
    tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    if PROGRAM is None:
        missing_tool("redis-server")
    server = RedisServer(tmp_path, "--maxmemory-policy", "allkeys-lru")
    try:
        monkeypatch.setenv("PIXELPAIR_OUTBOX", server.url)
        assert says(lines(ask)["outbox"], "fail", "may throw away")
        server.client.config_set("maxmemory-policy", "noeviction")
        assert says(lines(ask)["outbox"], "warn", "keeps no append-only file")
    finally:
        server.close()


def test_names_a_redis_that_is_away(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELPAIR_OUTBOX", "redis://:secret@127.0.0.1:9")
    found = lines(ask)["outbox"]
    assert says(found, "fail", "127.0.0.1:9")
    assert "secret" not in str(found)


# --- what it touches ------------------------------------------------------------------------------


def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize(
    "path",
    words("""/logout /customer/sign-out /konto/logga-ut /abmelden /cart/remove/5 /cart/add/5
    /add-to-cart /shop/?add-to-cart=12 /x?action=delete&id=1 /items/7/delete /wishlist/7
    /products/7/like /pay /unsubscribe?u=1 /cart?remove_item=3 /admin/users
    /account/verify?t=1 /basket?empty=1
    /?cmd=empty-cart /d%65lete/5 /d%C3%A9connexion /user/logoff /checkout/cancel /compare/add/1
    """),
)
def test_link_that_may_change_something_is_left_alone(path: str) -> None:
    assert is_act(f"https://shop.example{path}")


@pytest.mark.parametrize(
    "path",
    words("""/ /products/tea-set /products/switch-oled /p/addison-chair /c/editions
    /shop/buy-back-box /address-labels /search?q=tea /cart /checkout /kassa
    /order/checkout /products/likeness /catalog/blog-outfits /kategori/logik /clearance
    /updates /products/tea?page=2
    """),
)
def test_link_that_shows_something_is_followed(path: str) -> None:
    assert not is_act(f"https://shop.example{path}")


PAGE_OF_FORMS = b"""<a href="/a">A</a><a href="/b" rel="nofollow">B</a>
<a href="/c" data-method="post">C</a><a href="/d" onclick="go()">D</a><a href="/e">Log out</a>
<a href="//other.example/f">F</a>
<a href="javascript:x()">G</a><a href="http://[bad">H</a><a href="mailto:a@b">I</a>
<form method="post" action="/newsletter/cart"><input name="email" type="email"></form>
<form method="post" action="/cart/clear"></form>
<form method="post" action="/cart"><input type="hidden" name="_method" value="DELETE"></form>
<form method="post" action="/cart"><input name="action" value="checkout"></form>
<form method="post" action="//other.example/cart/add"></form>
<form method="post" action="/cart/add"><input name="sku" value="1">
<button type="button" name="x">X</button><button name="buy_now" value="1">Buy now</button>
<button formaction="/express" name="e">E</button><button name="add" value="1">Add</button></form>"""


def test_only_plain_links_and_the_carts_own_form_are_touched() -> None:
    visitor = Visitor("https://shop.example/", lambda _host: "-")
    page = Page("GET", "https://shop.example/", 200, (), PAGE_OF_FORMS)
    assert links(page, visitor) == ["https://shop.example/a"]
    found = [form for form in forms_of(page, visitor) if form.may_add]
    visitor.close()
    assert [(f.action, f.fields) for f in found] == [
        ("https://shop.example/cart/add", {"sku": "1", "add": "1"})
    ]


def test_ticket_is_made_for_the_host_that_is_asked() -> None:
    """http://shop.example leads on to www: its ticket was for another host, and not admitted."""
    asked: list[str] = []
    visitor = Visitor("http://127.0.0.1:9/", lambda host: asked.append(host) or "-", pause=0)
    (answer,) = visitor.ask("http://www.127.0.0.1:9/")
    visitor.close()
    assert (asked, answer.status) == (["www.127.0.0.1:9"], 0)
    assert address("https://a%40b:c@Shop.example").login == ("a@b", "c")


# --- what it reads --------------------------------------------------------------------------------


@given(st.binary(max_size=200))
def test_no_page_breaks_the_doctor(rubbish: bytes) -> None:
    block = b'<script type="application/json" id="pixelpair">%b</script>' % rubbish
    assert isinstance(calls_in(block), list)
    assert all(isinstance(one, dict) for one in blocks_in(block))


@given(st.binary(max_size=200))
def test_no_links_and_forms_break_the_doctor(rubbish: bytes) -> None:
    body = b'<a href="%b">x</a><form action="%b" method="%b">' % ((rubbish,) * 3)
    visitor = _VISITOR
    page = Page("GET", "https://shop.example/", 200, (), body)
    assert all(visitor.is_ours(url) for url in links(page, visitor))
    assert all(visitor.is_ours(form.action) for form in forms_of(page, visitor))


_VISITOR = Visitor("https://shop.example/", lambda _host: "-")
_SETTINGS = Settings(pixel_id=PIXEL, access_token=TOKEN)
_SHOP = _shop_of(_SETTINGS)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
_KEYS = ("mode", "events", "sealed", "facts", "dropped", "notes", "chain", "cache", "coding")


@given(st.dictionaries(st.sampled_from(_KEYS), _JSON))
def test_no_report_breaks_the_doctor(found: dict[str, Any]) -> None:
    """Whoever answers may answer anything, a shop of another version too."""
    text = json.dumps({"v": 1, **found})
    told = read_report(text)
    assert told is not None
    assert told["chain"]
    headers = (("pixelpair-report", text), ("content-type", "text/html"))
    stop = Stop("home", Page("GET", "https://shop.example/", 200, headers, b"<html>"))
    assert list(page_lines(Seen(stop, _SHOP, _SETTINGS, "https://shop.example")))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"v":2}', "[" * 5000, "nul"])
def test_what_is_no_report_is_none(text: str) -> None:
    assert read_report(text) is None


@pytest.mark.parametrize(
    ("fault", "headers", "words"),
    [
        ("slow", (), "stops before its end"),
        ("slow", (("content-length", "90"),), "Content-Length is not the page's"),
        ("length", (("content-length", "90"),), "Content-Length is not the page's"),
        ("encoding", (("content-encoding", "gzip"),), "not coded as"),
        ("", (("content-length", "29"),), ""),
    ],
)
def test_names_how_a_page_breaks_off(
    fault: str, headers: tuple[tuple[str, str], ...], words: str
) -> None:
    """The last has no </head> and no </html>, as minifiers leave them out."""
    given = (("content-type", "text/html"), ("pixelpair-report", '{"v":1,"inserted":9}'), *headers)
    page = Page("GET", "https://shop.example/", 200, given, b"<html><title>Tea</title><p>x", fault)
    seen = Seen(Stop("home", page), _SHOP, _SETTINGS, "https://shop.example")
    found = [line.cause for line in page_lines(seen) if line.check == "headers"]
    assert [words in cause for cause in found] == [True]
    assert (found == ["Content-Length and ETag fit"]) == (not words)
