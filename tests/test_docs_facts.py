"""The tables and figures of docs/ are those of the code."""

import dataclasses
import inspect
import json
import re
import tomllib
from typing import get_args

import pytest

import pixelpair
from pixelpair import Settings, SettingsError
from pixelpair.commands.sender import say
from pixelpair.commands.words import OK
from pixelpair.core.consent import SIX_MONTHS
from pixelpair.core.consent_presets import PRESETS
from pixelpair.core.custom_data import CUSTOM_DATA
from pixelpair.core.events import STANDARD_EVENTS
from pixelpair.core.http import Request, may_be_shown_again
from pixelpair.core.identity import COOKIE_LIMIT
from pixelpair.core.machines import Reason, machine
from pixelpair.core.notes import SAYINGS
from pixelpair.core.privacy import Firewall
from pixelpair.core.proxies import Trust, arrivals
from pixelpair.core.routes import DEFAULT_ROUTES, parse_routes
from pixelpair.core.sensitive import DEFAULT, sensitive
from pixelpair.core.snippet import PENDING_LIMIT, PENDING_SECONDS
from pixelpair.core.visit import NINETY_DAYS
from pixelpair.delivery import drain, journal, ledger, outbox, retry
from pixelpair.delivery.drain import Drained
from pixelpair.options import PREFIX
from pixelpair.sandbox import faults
from pixelpair.sandbox.book import CAPACITY, WINDOW, Book
from pixelpair.settings import _OF_PROCESS
from pixelpair.shops import SECONDS

from . import docs_settings
from .docs_pages import BLOCKS, FENCE, ROOT, TEXTS, blocks_of, code, section, table


def test_settings_table_is_the_classes():
    """`python -m tests.docs_settings` writes it."""
    text = TEXTS["docs/settings.md"]
    said = docs_settings.told()
    assert docs_settings.BEGIN + docs_settings.written(said) + docs_settings.END in text
    assert [name for name, does in said.items() if does in ("", "…")] == []


def test_every_variable_in_the_text_exists():
    known = {f"{PREFIX}{option.name.upper()}" for option in dataclasses.fields(Settings)}
    prose = {page: FENCE.sub("", text) for page, text in TEXTS.items()}
    named_there = {v for text in prose.values() for v in re.findall(rf"{PREFIX}\w+", text)}
    assert named_there <= known


def test_routes_shows_the_default_table():
    (block,) = blocks_of("", section("docs/routes.md", "## The default table"))
    assert block.text.strip() == DEFAULT_ROUTES.strip()


def test_routes_names_every_standard_event():
    told = section("docs/routes.md", "## The parts of a rule")
    assert {name for name in STANDARD_EVENTS if f"`{name}`" not in told} == set()


def test_routes_tells_which_answers_fire():
    rows = table(section("docs/routes.md", "## Which answers fire"))
    rules = parse_routes("Lead /a; Lead POST /a; Lead POST /a on=2xx")[0].rules
    answers = ("page", "other", "redirect")  # the first rows; behind them nothing fires
    fires = [["fires" if a in rule.fires_on else "silent" for rule in rules] for a in answers]
    assert [row[1:] for row in rows] == [*fires, *[["silent"] * 3] * (len(rows) - len(answers))]


@pytest.mark.parametrize("row", table(section("docs/routes.md", "## Common mistakes")))
def test_mistake_gives_the_message_that_is_told(row):
    (rule,), (message,) = map(code, row)
    assert parse_routes(rule)[1] == [f"line 1: {rule!r}: {message}"]


def test_views_names_all_custom_data():
    rows = table(section("docs/views.md", "### What track takes"))
    assert [code(row[0])[0] for row in rows] == list(CUSTOM_DATA)


def test_views_names_all_customer_information():
    told = re.findall(r"(\w+)=…", section("docs/views.md", "## identify"))
    known = inspect.signature(pixelpair.identify).parameters.values()
    assert told == [p.name for p in known if p.kind is p.KEYWORD_ONLY]


# --- visitors


def hop(*chain, peer="10.0.0.1", **more):
    index = {b"x-forwarded-for": ", ".join(chain).encode()} if chain else {}
    more = {name.replace("_", "-").encode(): value.encode() for name, value in more.items()}
    return index | more, peer


# For each row of the table a request as it comes through, with a forged hop; the visitor is
# 2001:db9::1 in each.
WHO, EDGE, FORGED = "2001:db9::1", "173.245.48.9", "198.51.100.66"
ARRIVALS = {
    "1": [hop(FORGED, WHO)],
    "2": [hop(FORGED, WHO, "198.51.100.7")],
    "10.0.0.0/8 203.0.113.7": [hop(FORGED, WHO, "203.0.113.7"), hop(WHO)],
    "private": [hop(FORGED, WHO, "192.168.1.9"), hop(FORGED, WHO, peer="127.0.0.1")],
    "cloudflare": [hop(FORGED, WHO, peer=EDGE, cf_connecting_ip=WHO)],
    "cloudflare 2": [hop(FORGED, WHO, EDGE, peer="127.0.0.1", cf_connecting_ip=WHO)],
    "cloudflare 173.245.48.0/20 103.21.244.0/22": [
        hop(WHO, peer=EDGE, cf_connecting_ip=WHO),
        hop(peer=WHO, cf_connecting_ip=FORGED),
    ],
    "1 host": [hop(FORGED, WHO, x_forwarded_host="shop.example")],
    "fastly": [hop(FORGED, WHO, peer="151.101.0.1", fastly_client_ip=FORGED)],
    "fastly 2": [hop(FORGED, WHO, "151.101.0.2", peer="151.101.0.1")],
    "aws-alb private": [hop(FORGED, WHO)],
    "forwarded 1": [hop(forwarded=f'for={FORGED}, for="[{WHO}]";proto=https')],
}


def test_recipe_for_proxies_finds_the_visitor():
    rows = table(section("docs/visitors.md", "## Behind a proxy"))
    found = {}
    for row in rows:
        recipe = code(row[1])[0]
        read = arrivals(Settings(trusted_proxies=recipe).trusted_proxies)
        asked = ARRIVALS[recipe]
        found[recipe] = {read(index, peer, "http", "h").client_ip for index, peer in asked}
    assert found == {recipe: {WHO} for recipe in ARRIVALS}


def test_proxies_list_of_headers_is_the_codes():
    told = section("docs/visitors.md", "## Behind a proxy")
    named_there = {word.lower().encode() for word in code(told)}
    assert {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"} <= named_there
    trusts = (Trust(1), Trust(1, host=True), Trust(1, name="cloudflare"))
    read = set().union(*(trust.headers for trust in trusts))
    assert {name for name in named_there if name.startswith((b"x-", b"cf-"))} <= read


def test_host_is_believed_in_the_settings_that_are_told():
    told = FENCE.sub("", section("docs/visitors.md", "### The host"))
    settings = [word for word in code(told) if word.endswith(" host")]
    assert len(settings) == 3
    index, _ = hop(WHO, x_forwarded_host="shop.example")
    index[b"forwarded"] = b"for=192.0.2.1;host=shop.example"
    hosts = {}
    for word in (*settings, *(word.removesuffix(" host") for word in settings)):
        read = arrivals(Settings(trusted_proxies=word).trusted_proxies)
        hosts[word] = read(index, "10.0.0.1", "http", "inner").host
    assert hosts == {w: "shop.example" if w in settings else "inner" for w in hosts}
    never = [word for word in code(told) if word in ("cloudflare", "fastly", "aws-alb")]
    for word in never:
        with pytest.raises(SettingsError):
            Settings(trusted_proxies=f"{word} host")
    assert len(never) == 3


AGENTS = {
    "Facebook": "facebookexternalhit/1.1",
    "Slack": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp": "WhatsApp/2.19.81 A",
    "UptimeRobot": "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
    "Pingdom": "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
    "curl": "curl/8.1",
    "httpx": "python-httpx/0.27",
    "python-requests": "python-requests/2.3",
    "HeadlessChrome": "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0.0.0 Safari/537.36",
    "PhantomJS": "Mozilla/5.0 (Unknown; Linux x86_64) PhantomJS/2.1.1 Safari/538.1",
    "Googlebot": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Bingbot": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "GPTBot": "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)",
}


def test_machines_are_counted_as_is_told():
    rows = table(section("docs/visitors.md", "## Machines"))
    told = {word: code(row[2])[0] for row in rows for word in row[1].split(", ") if word in AGENTS}
    assert told == {word: f"machine: {machine(agent.encode())}" for word, agent in AGENTS.items()}
    reasons = {f"machine: {reason}" for reason in get_args(Reason)}
    assert {code(row[2])[0] for row in rows} == reasons


def test_staff_words_are_the_settings():
    rows = table(section("docs/visitors.md", "## Your own people"))
    words = [word for row in rows for word in code(row[0])]
    assert Settings(staff=words).staff.ask == "shop.visitors.is_ours"


def test_privacy_lists_the_sensitive_paths():
    (block,) = blocks_of("", section("docs/privacy.md", "## Sensitive pages"))[:1]
    assert block.text.split() == list(DEFAULT)


@pytest.mark.parametrize("row", table(section("docs/privacy.md", "## What is taken out")))
def test_address_leaves_as_is_told(row):
    (address,), told = code(row[0]), code(row[1]) or code(row[0])
    assert [Firewall((), sensitive(DEFAULT)).url(address)] == told


def test_consent_names_every_tool():
    rows = table(section("docs/consent.md", "## Consent tools"))
    told = {re.split("[:@]", code(row[0])[0])[0]: code(row[2]) for row in rows}
    assert told == {name: [preset.cookie] for name, preset in PRESETS.items()}


def test_shops_names_what_belongs_to_the_process():
    told = section("docs/shops.md", "## Many shops in one process")
    (names,) = re.findall(r"cannot differ: (.*?)\.$", told, re.MULTILINE | re.DOTALL)
    with pytest.raises(SettingsError) as caught:
        Settings(shops={"*": {name.lower(): "1" for name in code(names)}})
    assert len(caught.value.problems) == len(code(names)) == len(_OF_PROCESS)


HEADERS = {
    "Cache-Control: no-store": [{"cache-control": "no-store", "etag": '"1"'}],
    "CDN-Cache-Control": [{"cdn-cache-control": "max-age=60", "cache-control": "no-store"}],
    "ETag": [{"etag": '"1"'}, {"last-modified": "Thu, 01 Jan 2026 00:00:00 GMT"}],
    "Cache-Control: public": [
        {"cache-control": c} for c in ("public", "s-maxage=9", "max-age=1", "private, max-age=60")
    ],
    "Expires": [{"expires": "Thu, 01 Jan 2099 00:00:00 GMT"}],
    "private": [{}, *({"cache-control": c} for c in ("private", "no-cache", "max-age=0"))],
}
JUDGED_ELSEWHERE = {"X-Varnish", "POST"}  # by what was asked, not by the answer's headers


def test_two_kinds_of_pages_are_told_apart_as_by_the_code():
    rows = table(section("docs/how-it-works.md", "## Two kinds of pages"))
    asked = Request("GET", "https", "shop.example", "", "/", b"/", "", {}, "")
    told, found = {}, {}
    for cell, verdict in rows:
        key = next((k for k in HEADERS if code(cell)[:1] == [k]), None)
        if key is not None:
            told[key] = verdict == "browser ids"
            sent = [[(k.encode(), v.encode()) for k, v in h.items()] for h in HEADERS[key]]
            found[key] = all(may_be_shown_again(h, asked, 1.8e9) for h in sent)
            assert found[key] == any(may_be_shown_again(h, asked, 1.8e9) for h in sent)
    assert told == found
    assert len(told) == len(HEADERS) == len(rows) - len(JUDGED_ELSEWHERE)


def test_sandbox_shows_the_shape_of_its_answer():
    sandbox = [b for b in BLOCKS if b.language == "json" and b.page == "docs/sandbox.md"]
    (shape,) = [json.loads(b.text) for b in sandbox]
    book = Book()
    book.record("server", ("1234567890", "PageView", "7f3a"), {}, 0.0)
    assert [list(row) for row in shape["events"]] == [list(row) for row in book.rows()]


def test_sandbox_names_every_key_of_a_fault():
    rows = table(section("docs/sandbox.md", "## Faults on order"))
    told = [code(row[0])[0] for row in rows]
    assert sorted(told) == sorted(f.name for f in dataclasses.fields(faults.Fault))


def test_drain_prints_what_is_shown(capsys):
    assert say(Drained(12)) == OK
    assert (
        f"$ pixelpair drain --timeout 50\n{capsys.readouterr().out}```" in TEXTS["docs/delivery.md"]
    )


def parameter(function: object, name: str) -> object:
    return inspect.signature(function).parameters[name].default  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("page", "words", "figure", "unit"),
    [
        ("delivery", "{:,} events\nof each process", parameter(journal.Journal, "memory_rows"), 1),
        ("delivery", "{:g} days and 23 hours", (retry.MAX_AGE - 23 * 3600), 86400),
        ("delivery", "every {:g} minutes", retry.CAP, 60),
        ("delivery", "{:g} tries", retry.TRIES, 1),
        ("delivery", "{:g} MB of events", parameter(journal.Journal, "memory_bytes"), 1e6),
        ("delivery", "handed over after {:g} minutes", journal.ROTATE_AFTER, 60),
        ("delivery", "about {:g} MB, that", journal.ROTATE_AT, 2**20),
        ("delivery", "kept for {:g} days", outbox.KEEP_DEAD, 86400),
        ("delivery", "remembered for {:g} days", outbox.REMEMBER_LASTING, 86400),
        ("delivery", "every other for an hour", outbox.REMEMBER, 3600),
        ("delivery", "moved for {:g} seconds", drain.STANDSTILL, 1),
        ("how-it-works", "| {:g} days |", NINETY_DAYS, 86400),
        ("how-it-works", "| {:g} days | by `pixelpair.grant", SIX_MONTHS, 86400),
        ("how-it-works", "| {:g} minutes |", PENDING_SECONDS, 60),
        ("how-it-works", "{:g} bytes of cookie", PENDING_LIMIT, 1),
        ("shops", "{:g} seconds", SECONDS, 1),
        ("visitors", "at most {:g} bytes", COOKIE_LIMIT, 1),
        ("sandbox", "newest {:,} events", CAPACITY, 1),
        ("sandbox", "within {:g} hours", WINDOW, 3600),
    ],
)
def test_figure_is_the_codes(page, words, figure, unit):
    number = figure / unit if figure % unit else figure // unit
    assert words.format(number) in TEXTS[f"docs/{page}.md"]


def days(seconds: float) -> str:
    return f"{seconds / 86400:g} days"


COOKIES = {
    "_fbp": days(NINETY_DAYS),
    "_fbc": days(NINETY_DAYS),
    "_pixelpair_…": f"{PENDING_SECONDS / 60:g} minutes",
    "_pp_id": "the browser session",
    "_pp_consent": days(SIX_MONTHS),
}


@pytest.mark.parametrize(
    ("page", "heading", "column"),
    [("privacy", "## For your cookie notice", 3), ("how-it-works", "## Cookies", 2)],
)
def test_cookies_are_told_with_their_lifetimes(page, heading, column):
    rows = table(section(f"docs/{page}.md", heading))
    assert {code(row[0])[0]: row[column] for row in rows} == COOKIES


def test_privacy_tells_how_long_each_thing_is_kept():
    rows = table(section("docs/privacy.md", "## What is kept, and where"))
    kept = {row[0]: row[3] for row in rows}
    assert kept["2"].startswith(days(outbox.KEEP_DEAD))
    assert kept["3"].startswith(days(outbox.REMEMBER_LASTING))
    assert outbox.REMEMBER == 3600
    assert kept["4"] == days(ledger.KEEP_PURCHASES)
    assert kept["5"] == days(NINETY_DAYS)


def test_lines_of_the_log_are_the_codes():
    rows = table(section("docs/troubleshooting.md", "## What the log says"))
    starts = [text for _, text in SAYINGS.values()]
    for row in rows:
        (line,) = code(row[0])
        assert any(text.startswith(line) for text in starts), line


def test_security_names_tests_that_exist():
    folders = ("tests/core/",)
    for row in table(section("SECURITY.md", "## Threats")):
        here = ""
        for path in code(row[2]):
            here = f"{path.rpartition('/')[0]}/" if "/" in path else here
            found = [f for f in (path, here + path, *(f + path for f in folders)) if exists(f)]
            assert found, path


def exists(path: str) -> bool:
    return (ROOT / path).exists()


def test_every_dependency_is_told_of():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[>=\[;]", line)[0] for line in project["dependencies"]}
    told = {
        code(row[0])[0] for row in table(section("docs/dependencies.md", "## Always installed"))
    }
    extras = {
        e for row in table(section("docs/dependencies.md", "## Extras")) for e in code(row[0])
    }
    assert told == names
    assert extras | {"bench"} == set(project["optional-dependencies"])
