"""README.md and docs/: every fenced block runs or is judged by the code it speaks of, and every
link leads somewhere."""

import configparser
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest
from starlette.routing import Match

import pixelpair
from pixelpair import Settings, Tracker, cli
from pixelpair.core.csp import ENFORCED, Permission, Scripts, permitted
from pixelpair.core.custom_data import CUSTOM_DATA
from pixelpair.core.events import Event, is_standard
from pixelpair.core.proxies import Trust
from pixelpair.core.routes import parse_routes
from pixelpair.core.sensitive import parse_sensitive
from pixelpair.core.snippet import Snippet
from pixelpair.options import PREFIX
from pixelpair.sandbox import app as sandbox
from pixelpair.sandbox import faults

from .docs_pages import BLOCKS, FENCE, ROOT, TEXTS, Block

# --- blocks that are judged ------------------------------------------------------------------


def judge_environment(text: str) -> None:
    words = dict(word.split("=", 1) for word in shlex.split(text, comments=True))
    assert words
    assert all(name.startswith(PREFIX) for name in words)
    Settings.from_env(words)


def judge_routes(text: str) -> None:
    rules, problems = parse_routes(text)
    assert problems == []
    assert rules.rules


def judge_console(text: str) -> None:
    commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    assert commands
    for command in commands:
        words = shlex.split(command, comments=True)
        COMMANDS[words[0]](words)


def judge_export(words: list[str]) -> None:
    judge_environment(" ".join(words[1:]))


def judge_pip(words: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert words[:2] == ["pip", "install"]
    name, _, extras = words[2].partition("[")
    assert name == project["name"]
    known = project["optional-dependencies"]
    assert all(extra in known for extra in filter(None, extras.rstrip("]").split(",")))


def judge_make(words: list[str]) -> None:
    targets = re.findall(r"^([\w-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(words[1:]) <= set(targets)


def judge_pixelpair(words: list[str]) -> None:
    try:
        cli._parser().parse_args(words[1:])
    except SystemExit:
        raise AssertionError(f"no such command: {' '.join(words)}") from None


def judge_curl(words: list[str]) -> None:
    """The address is one of the sandbox's, and a fault on order is one that it takes."""
    options = dict(zip(words[1:-1:2], words[2:-1:2], strict=True))
    method = options.get("-X", "POST" if "-d" in options else "GET")
    path = words[-1].removeprefix("http://127.0.0.1:8765")
    scope = {"type": "http", "method": method, "path": path, "headers": [], "root_path": ""}
    routes = sandbox.create_app().routes
    assert Match.FULL in [route.matches(scope)[0] for route in routes], (method, path)
    if "-d" in options and path == "/api/faults":
        faults.parse(orjson.loads(options["-d"]))


COMMANDS = {
    "export": judge_export,
    "pip": judge_pip,
    "make": judge_make,
    "pixelpair": judge_pixelpair,
    "curl": judge_curl,
}


def judge_unit(text: str) -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # systemd's names have capitals
    unit.read_string(text)
    if "Service" in unit:
        judge_pixelpair(shlex.split(unit["Service"]["ExecStart"]))


def judge_crontab(text: str) -> None:
    for line in text.splitlines():
        *times, command = line.split(None, 5)
        assert all(re.fullmatch(r"[\d*/,-]+", time) for time in times)
        judge_pixelpair(shlex.split(command.rpartition("; ")[2]))


SCRIPT = (ROOT / "src" / "pixelpair" / "core" / "pixel.js").read_text()
SCRIPT_VERBS = sorted(set(re.findall(r"\b(grant|revoke|track): ", SCRIPT)))
META = "https://connect.facebook.net/en_US/fbevents.js"


def judge_html(text: str) -> None:
    """What our snippet makes of the pixel and the PageView of these pages; … is the script."""
    if "pixel.js" in text:
        judge_foreign(text)
        return
    of_meta = Settings(pixel_id="1234567890")
    urls = of_meta.pixel_script_url, of_meta.pixel_image_url
    snippet = Snippet(of_meta.pixels, *urls, hidden=lambda _root: "…")  # of the sensitive paths
    event = Event("PageView", "7f3a" * 8, 1, {})
    block = snippet.events([event]).replace(rb"\u2026", "…".encode())
    script = block + "<script>…</script>".encode()
    assert text.strip().encode() in (script, snippet.images([event]))


def judge_foreign(text: str) -> None:
    path = urlsplit(re.fullmatch(r'<script src="([^"]+)" async></script>', text.strip())[1]).path
    assert Tracker(Settings(pixel_id="1")).desk.paths >= {path}


def judge_script(text: str) -> None:
    """It says what our script knows; test_script_runs runs it."""
    said = set(re.findall(r"\bpixelpair\??\.(\w+)\(", text))
    assert said
    assert said <= set(SCRIPT_VERBS)
    for name, keys in re.findall(r'pixelpair\.track\("(\w+)", \{(.*)\}\);', text):
        assert is_standard(name)
        assert set(re.findall(r"(\w+):", keys)) <= set(CUSTOM_DATA)


def judge_nginx(text: str) -> None:
    """It sets headers that are read where no service is named."""
    lines = [re.fullmatch(r"proxy_set_header ([\w-]+) \$\w+;", ln)[1] for ln in text.splitlines()]
    assert {name.lower().encode() for name in lines} <= {b"host", *Trust(1).headers}


def judge_policy(text: str) -> None:
    """Under it our script and Meta's run."""
    scripts = Scripts("https://www.shop.example", "/_pixelpair/pixel.js", META)
    headers = [(ENFORCED, text.replace("\n", " ").encode())]
    assert permitted(headers, (), scripts) == Permission("external")


JUDGES = {
    "csp": judge_policy,
    "console": judge_console,
    "crontab": judge_crontab,
    "env": judge_environment,
    "html": judge_html,
    "ini": judge_unit,
    "js": judge_script,
    "json": orjson.loads,
    "nginx": judge_nginx,
    "paths": parse_sensitive,
    "routes": judge_routes,
}
RUN = ("python", "output")  # test_python_runs; what it prints is in an output block behind it
# Their files and commands are run: tests/e2e/test_starts.py, tests/matrix/test_frameworks.py.
STARTS = ("docs/start/", "docs/frameworks.md")
TESTED = "docs/testing.md"  # its files are: tests/testing/test_documented.py
DRAWINGS = ("text",)


def named(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.mark.parametrize("block", BLOCKS, ids=named)
def test_block_is_of_a_kind_that_is_checked(block):
    assert block.language in (*JUDGES, *RUN, *DRAWINGS)


def is_judged(block: Block) -> bool:
    runs = block.page.startswith(STARTS) and block.language == "console"
    return block.language in JUDGES and not runs


@pytest.mark.parametrize("block", [b for b in BLOCKS if is_judged(b)], ids=named)
def test_block_is_right(block):
    JUDGES[block.language](block.text)


def test_files_of_a_page_are_run():
    pages = {block.page for block in BLOCKS if block.file}
    assert {page for page in pages if not page.startswith((*STARTS, TESTED))} == set()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("console", "$ pixelpair drian\n"),
        ("console", "$ pixelpair drain --for-ever\n"),
        ("console", "$ make coffee\n"),
        ("console", "$ rm -rf /\n"),
        ("console", "$ pip install 'pixelpair[nothing]'\n"),
        ("console", "$ export PIXELPAIR_PIXELID=1\n"),
        ("console", "$ curl http://127.0.0.1:8765/api/event\n"),
        ("console", """$ curl -d '{"cuont": 1}' http://127.0.0.1:8765/api/faults\n"""),
        ("crontab", "* * * * pixelpair drain\n"),
        ("env", "PIXELPAIR_PIXEL_ID=abc\n"),
        ("env", "PIXELPAIR_ROUTES='Purchase orders/done'\n"),
        ("html", "<script>…</script>\n"),
        ("ini", "[Service]\nExecStart=/bin/pixelpair flush\n"),
        ("js", "pixelpair.agree();\n"),
        ("js", 'pixelpair.track("AddTocart", { value: 1 });\n'),
        ("json", "{'events': []}\n"),
        ("nginx", "proxy_set_header X-Real-IP $remote_addr;\n"),
        ("paths", "password-reset\n"),
        ("routes", "AddTocart POST /cart/add\n"),
        ("routes", "# nothing\n"),
    ],
)
def test_wrong_block_is_noticed(language, text):
    wrong = (AssertionError, KeyError, ValueError, TypeError, pixelpair.SettingsError)
    with pytest.raises(wrong):
        JUDGES[language](text)


# What stands around our script's examples: other makers' objects, and a visitor who uses them.
STAGE = """
<button id="accept"></button><button id="refuse"></button>
<script>
  const said = [], verbs = VERBS;
  const verb = (_, name) => {
    if (!verbs.includes(name)) throw new Error(`no pixelpair.${name}`);
    return () => said.push(name);
  };
  window.pixelpair = new Proxy({}, { get: verb });
  let agreed, watcher;
  window.klaro = { getManager: () => ({ watch: (it) => { watcher = it; } }) };
  window.CookieConsent = { acceptedCategory: (it) => it === "marketing" && agreed };
  window.OneTrust = { IsAlertBoxClosed: () => true };
</script>
"""
DECISIONS = {
    "klaro": """
        watcher.update({ getConsent: (it) => it === "meta-pixel" && agreed }, "saveConsents")""",
    "tell": "tell()",
    "OptanonWrapper": """
        window.OnetrustActiveGroups = agreed ? ",C0001,C0004," : ",C0001,", OptanonWrapper()""",
    "#accept": 'document.querySelector(agreed ? "#accept" : "#refuse").click()',
}


@pytest.mark.e2e
@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "js"], ids=named)
def test_script_runs(block, browser):
    with browser.new_context() as context:
        page = context.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_content(STAGE.replace("VERBS", json.dumps(SCRIPT_VERBS)))
        page.add_script_tag(content=block.text)
        act = next((act for word, act in DECISIONS.items() if word in block.text), None)
        for agreed in (True, False) if act else ():
            page.evaluate(f"agreed = {json.dumps(agreed)}; {act}")
        assert (page.evaluate("said"), errors) == (["grant", "revoke"] if act else ["track"], [])


# --- blocks that run -------------------------------------------------------------------------

RUNNER = """
import contextlib, io, json, sys, warnings

def refuse(event, args):
    if event == "socket.getaddrinfo" or (event == "socket.connect" and isinstance(args[1], tuple)):
        raise OSError(f"an example went to the network: {args}")

sys.addaudithook(refuse)
names, printed = {"__name__": "docs"}, []
for place, line, text in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile("\\n" * (line - 1) + text, place, "exec"), names)
    printed.append(out.getvalue())
json.dump(printed, sys.stdout)
"""
# What stands around a page's examples: the project that a model needs.
SETUPS = {
    "docs/orders.md": """
import sys, types
from django import setup
from django.conf import settings

sys.modules["docs"] = types.ModuleType("docs")
sys.modules["docs"].__path__ = ["."]
database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
settings.configure(INSTALLED_APPS=["docs"], DATABASES={"default": database}, USE_TZ=True)
setup()
""",
}
# What each page's examples must have come to, in the names that they made.
PROOFS = {
    "docs/orders.md": """
import os
from pathlib import Path

from django.db import connection
from django.test import RequestFactory
from pixelpair.core.events import Twin
from pixelpair.delivery import frames
from pixelpair.django import PixelPairMiddleware

client = app.test_client()
browser = "Mozilla/5.0 (X11; Linux x86_64)"
client.environ_base["HTTP_USER_AGENT"] = browser
client.post("/checkout", data={"email": "anna@example.com"})
assert "Purchase" not in client.get("/orders/1001/complete").text.split("<script>")[0]
assert client.post("/payments", data={"order": "1001"}).status_code == 204
assert '"order_id":"1001"' in client.get("/orders/1001/complete").text
for path in ("checkout/payment", "wishlist/TEA-1", "join", "catalogue", "tea-club/trial"):
    assert client.post(f"/{path}").status_code == 302
assert invoice_paid(ORDERS["1001"]["pixel"], "7")

with connection.schema_editor() as editor:
    editor.create_model(Order)
ask = RequestFactory(headers={"User-Agent": browser}).post
assert PixelPairMiddleware(checkout)(ask("/")).status_code == 204
order = Order.objects.get()
assert order.pixel and not is_paid(None, "1002")
payment_came(order)
assert Order.objects.get().pixel_sent
Order.objects.update(pixel_sent=None)
payment(ask("/", {"order": "1002"}))
assert is_paid(None, "1002") and Order.objects.get().pixel_sent
Order.objects.update(pixel_sent=None)
send_what_is_left()
assert Order.objects.get().pixel_sent
Order.objects.update(pixel_sent=timezone.now() - timedelta(days=9))
forget_visitors()
assert Order.objects.get().pixel == ""

journals = [path.read_bytes() for path in Path(os.environ["PIXELPAIR_SPOOL"]).glob("*.pxj")]
records = [record for data in journals for record in frames.read_frames(data, final=True).payloads]
twins = [Twin.unpack(record) for record in records]
assert len({twin.event_id for twin in twins if twin.event_name == "Purchase"}) == 2
names = {"AddPaymentInfo", "AddToWishlist", "CompleteRegistration", "Lead", "StartTrial"}
assert names <= {twin.event_name for twin in twins if not twin.fault}
(renewal,) = [twin for twin in twins if twin.event_name == "Subscribe"]
assert renewal.event_id == "invoice-7"
""",
    "docs/views.md": """
import asyncio, os
from pathlib import Path
import httpx
from pixelpair.core.events import Twin
from pixelpair.delivery import frames

client = app.test_client()
browser = "Mozilla/5.0 (X11; Linux x86_64)"
client.environ_base["HTTP_USER_AGENT"] = browser
bought = client.get("/orders/1001/complete").text
assert '["Purchase",{' in bought and '"order_id":"1001"' in bought, bought
cookies = lambda answer: [c for c in answer.headers.getlist("Set-Cookie") if "_pixelpair_" in c]
assert len(cookies(client.post("/cart/add", data={"sku": "TEA-SENCHA-100"}))) == 1
assert not cookies(client.post("/cart/add", data={"sku": "TEA-GYOKURO-50"}))

async def ask(path):
    transport = httpx.ASGITransport(api)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as shop:
        answer = await shop.post(path, headers={"User-Agent": browser})
    return sorted(c.partition("=")[0][:11] for c in answer.headers.get_list("set-cookie"))

assert asyncio.run(ask("/basket/add/TEA-1")) == ["_fbp", "_pixelpair_"]
assert asyncio.run(ask("/signup")) == ["_fbp", "_pixelpair_"]
assert asyncio.run(ask("/offer")) == ["_fbp", "_pixelpair_", "_pixelpair_"]

journals = [path.read_bytes() for path in Path(os.environ["PIXELPAIR_SPOOL"]).glob("*.pxj")]
records = [record for data in journals for record in frames.read_frames(data, final=True).payloads]
names = ["AddToCart", "AddToCart", "CompleteRegistration", "Lead", "Lead", "PageView", "Purchase"]
assert sorted(Twin.unpack(record).event_name for record in records) == names
""",
    "docs/visitors.md": """
from types import SimpleNamespace
from pixelpair.core.machines import machine

anna = SimpleNamespace(is_authenticated=True, email="a@example.com", phone="", born=None)
assert who(SimpleNamespace(user=anna)) == {"email": anna.email, "phone": "", "date_of_birth": None}
assert who(SimpleNamespace(user=SimpleNamespace(is_authenticated=False))) is None
assert machine(SHOPPER.encode()) is None
""",
    "docs/shops.md": """
from pixelpair import Tracker

tracker = Tracker(settings)
assert tracker.shops.at("tea.example").settings.pixel_id == "111"
assert tracker.shops.at("nobody.example") is None
assert tracker.shops.settings_of("222").access_token == "EAAB2"
""",
    "docs/doors.md": """
import os
from pathlib import Path

from pixelpair.core.events import Twin
from pixelpair.delivery import frames

browser = (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64)")
asked = Asked("GET", "shop.example", "/products/TEA-1", headers=(browser,), client="203.0.113.7")
answer = door(asked)
html = b"".join(answer.body)
assert b'id="pixelpair"' in html and b"Tea</body>" in html, html
assert (b"cache-control", b"private") in answer.headers
assert {name for name, _ in answer.headers} >= {b"set-cookie"}
script = door(Asked("GET", "shop.example", "/_pixelpair/pixel.js"))
assert script.status == 200 and b"fbevents" in b"".join(script.body)
assert door(Asked("GET", "shop.example", "/_pixelpair/none")).status == 200  # the app's own
journals = [path.read_bytes() for path in Path(os.environ["PIXELPAIR_SPOOL"]).glob("*.pxj")]
records = [record for data in journals for record in frames.read_frames(data, final=True).payloads]
assert sorted(Twin.unpack(record).event_name for record in records) == ["PageView", "ViewContent"]
""",
    "docs/settings.md": """
assert Settings.from_env(given=PIXELPAIR).exclude == ("/admin", "/staff")
assert flask_app.extensions["pixelpair"].settings.login_paths == ("/konto/login",)
""",
    "docs/how-it-works.md": """
from django.conf import settings
from django.utils.module_loading import import_string
settings.configure()
for name in MIDDLEWARE:
    import_string(name)
""",
    "README.md": """
from django.conf import settings
from django.utils.module_loading import import_string
settings.configure()
for name in MIDDLEWARE:
    import_string(name)
""",
}


def run(blocks: list[Block], folder: Path) -> list[str]:
    """What each block prints, run in one namespace, in a folder and a process of their own."""
    quiet = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
    shop = {"PIXEL_ID": "1234567890", "ACCESS_TOKEN": "t", "SECRET": "s", "SENDER": "none"}
    shop["SPOOL"] = str(folder / "spool")
    page = blocks[0].page if blocks else ""
    told = [[named(b), b.line, b.text] for b in blocks]
    told = [["setup", 1, SETUPS.get(page, "")], *told, ["proof", 1, PROOFS.get(page, "")]]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUNNER],
        input=json.dumps(told),
        env=quiet
        | {f"{PREFIX}{key}": value for key, value in shop.items()}
        | {"PYTHONPATH": str(ROOT / "src")},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[1:-1]


@pytest.mark.parametrize(
    "page", sorted({b.page for b in BLOCKS if b.language == "python" and not b.file})
)
def test_python_runs(page, tmp_path):
    ours = [b for b in BLOCKS if b.page == page and b.language in RUN]
    code_blocks = [b for b in ours if b.language == "python"]
    printed = dict(zip(code_blocks, run(code_blocks, tmp_path), strict=True))
    for block, follower in zip(ours, [*ours[1:], None], strict=True):
        if block.language == "python":
            claimed = follower.text if follower and follower.language == "output" else ""
            assert printed[block] == claimed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pixelpair.trak('Lead')\n", "README.md:3"),
        ("import warnings\nwarnings.warn('old')\n", "UserWarning: old"),
        ("import httpx\nhttpx.get('http://shop.example')\n", "went to the network"),
    ],
)
def test_broken_python_is_noticed(text, words, tmp_path):
    with pytest.raises(AssertionError, match=words):
        run(
            [
                Block("elsewhere", 1, "python", "import pixelpair\n"),
                Block("README.md", 3, "python", text),
            ],
            tmp_path,
        )


# --- links -----------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    bare = FENCE.sub("", text)
    headings = re.findall(r"^#+ (.+)$", bare, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


LINKS = [
    (page, link)
    for page, text in TEXTS.items()
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text))
]


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_link_leads_somewhere(page, link):
    if link.startswith("https://"):
        return
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    assert target.is_file()
    assert not anchor or anchor in anchors(target.read_text())


def test_index_leads_to_every_page():
    """The site has its navigation; in the repository this page is it."""
    linked = {link.partition("#")[0] for page, link in LINKS if page == "docs/index.md"}
    pages = {os.path.relpath(page, "docs") for page in TEXTS}
    assert linked >= pages - {"index.md", "../README.md"}


def test_readme_leads_to_the_index():
    assert ("README.md", "docs/index.md") in LINKS
