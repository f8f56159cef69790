"""Settings: what a shop can say, once, from the environment, keywords or Django's dict.

One table: each option's name, default, reader, and what would be right. All mistakes are reported
at once. Knows no framework.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from itsdangerous import Signer

from pixelpair import readers
from pixelpair.core import proxies
from pixelpair.core import sensitive as addresses
from pixelpair.core.consent import ConsentRule, parse_consent, parse_ldu
from pixelpair.core.product.ids import CONTENT_IDS, GROUP_IDS
from pixelpair.core.routes import DEFAULT_ROUTES, RouteTable
from pixelpair.core.staff import EXPECTED, EventCode, Staff, parse_event_code
from pixelpair.errors import Problem, SettingsError
from pixelpair.options import (
    PREFIX,
    address,
    flag,
    hidden,
    number,
    one_of,
    option,
    problem,
    read,
    unknown,
    unprinted,
)
from pixelpair.spool import default_spool

if TYPE_CHECKING:
    from pathlib import Path

    from pixelpair.core.events import Ldu

_MODES = ("live", "shadow", "off")
# What belongs to the process and not to one of its shops.
_OF_PROCESS = frozenset(
    {"shops", "path", "spool", "outbox", "sender", "trusted_proxies", "strict"}
    | {"spool_limit", "spool_full", "fsync_ms", "keep_dead", "metrics_token"}
)
# No quotes: not every reader of an env file takes them off.
_TOKEN = r"[!#-&(-~]{1,1000}(?: +[!#-&(-~]{1,1000}){0,19}"  # noqa: S105
_TOKENS = "one word, as Events Manager shows it, or one for each pixel id"
_CONTENT_IDS = f"{', '.join(CONTENT_IDS)}, or a function of the product's facts by its dotted path"
_GROUP_IDS = f"{', '.join(GROUP_IDS)}, or a function of the product's facts by its dotted path"
_ASK = "a callable, or its dotted path like shop.visitors.who"


@dataclass(frozen=True, slots=True, init=False)
class Settings:
    """What a shop says. Keywords are the options' names, lower-case; values may be text.

    Raises SettingsError with every mistake at once.
    """

    # As Events Manager shows it; without one pixelpair is inert. Of several all get each event.
    pixel_id: str = option(
        "", readers.fitting(r"[0-9]{1,32}(?: +[0-9]{1,32}){0,9}"), "digits only, or several such"
    )
    # From Events Manager or a system user; without one only the pixel runs.
    access_token: str = hidden("", readers.fitting(_TOKEN), _TOKENS)
    access_token_file: Path | None = option(
        None, readers.file_path, "a readable file that holds the token"
    )
    # Where the app behind the token asks for proofs of it with each call of the catalog's commands.
    app_secret: str = hidden(
        "", readers.fitting(r"[0-9A-Za-z]{1,100}"), "one word, as the app's dashboard shows it"
    )
    # The first signs, all verify, the last (the oldest) keys Purchase ids.
    secret: tuple[str, ...] = hidden((), readers.words, "one or more words, the newest first")
    test_event_code: EventCode = option(
        EventCode(), parse_event_code, "a code like TEST12345, or TEST12345@2026-12-01"
    )
    # The platform that sends for its shops, by Meta's convention name_major_minor.
    partner_agent: str = option("", readers.fitting(r"[A-Za-z0-9._-]{1,100}"), "like name_1_0")
    graph_url: str = address("https://graph.facebook.com")
    # The newest that Meta's own SDK (26.0.3) uses; a version lives two years at least.
    graph_version: str = option("v26.0", readers.fitting(r"v\d+\.\d+"), "like v26.0")
    pixel_script_url: str = address("https://connect.facebook.net/en_US/fbevents.js")
    pixel_image_url: str = address("https://www.facebook.com/tr")
    routes: RouteTable = option(
        DEFAULT_ROUTES, readers.route_table, "EVENT [METHOD] /path, one rule a line"
    )
    page_view: Literal["both", "browser", "off"] = one_of("both", "browser", "off")
    # Each answer's own headers say whether it may be shown twice; a proxy's rules they cannot say.
    event_id: Literal["auto", "server", "browser"] = one_of("auto", "server", "browser")
    # What fbevents.js makes of buttons and forms on its own has no server half.
    auto_config: bool = flag()
    # Customer information leaves only where the shop says so.
    advanced_matching: bool = flag()
    # Asked on answers with an event: what the shop knows of the visitor, as identify() takes it.
    identify: Any = option(None, readers.ask_of, _ASK)
    # Asked on answers with a Purchase: whether the order is paid, if the shop says it later.
    purchase_status: Any = option(None, readers.ask_of, _ASK)
    # A stable external_id for visitors without a name, made of their _fbp.
    anonymous_id: bool = flag()
    consent: ConsentRule = option(ConsentRule(), parse_consent, "see docs/consent.md")
    # Global Privacy Control: Meta's Limited Data Use, a refusal, or nothing.
    gpc: Literal["ldu", "deny", "ignore"] = one_of("ldu", "deny", "ignore")
    dnt: bool = flag()  # read "DNT: 1" like GPC
    ldu: Ldu | None = option(None, parse_ldu, "country,state")
    # Which proxies to believe: without it the visitor is who holds the socket.
    trusted_proxies: proxies.Trust | None = option(None, proxies.parse_trust, proxies.EXPECTED)
    # Else the widest that the public-suffix list allows.
    cookie_domain: str = option("", readers.domain, "a domain like shop.example")
    # Whose visits are not counted.
    staff: Staff = option(Staff(), readers.staff, EXPECTED)
    # Whoever has the address of such a page can take an account: it gets no pixel.
    sensitive: tuple[str, ...] = option(
        addresses.DEFAULT, addresses.parse_sensitive, addresses.EXPECTED
    )
    # Query keys of the shop whose values are nobody's business, beside those known to be.
    private_keys: tuple[str, ...] = option((), readers.listed, "names of query parameters")
    # By which of its ids a product goes to Meta, on pages and in events alike.
    content_id: Any = option(None, readers.content_choice(CONTENT_IDS), _CONTENT_IDS)
    group_id: Any = option(None, readers.content_choice(GROUP_IDS), _GROUP_IDS)
    # For a value given without one. None is invented.
    currency: str = option("", readers.upper("[A-Z]{3}"), "an ISO 4217 code like SEK")
    phone_country: str = option("", readers.upper("[A-Z]{2}"), "an ISO 3166 country code like SE")
    # A redirect there means that the act was refused.
    login_paths: tuple[str, ...] = option(
        ("/login", "/signin", "/accounts/login"), readers.paths, "paths that start with /"
    )
    # For development: track() outside any request raises.
    strict: bool = flag()
    spool: Path | None = option(None, readers.file_path, "a folder on a local disk")
    # Printed nowhere: the address of a Redis holds its password.
    outbox: Path | str | None = unprinted(
        None, readers.outbox_place, "a file in the spool, or redis://HOST"
    )
    # none: web processes only write; `pixelpair drain` sends.
    sender: Literal["thread", "none"] = one_of("thread", "none")
    # Half for the journals, half for the outbox: of 1.5 KB an event, 2.5 million.
    spool_limit: int = option(
        4_000_000_000, readers.size(256_000_000, 10**15), "a size like 4GB, 256MB at least"
    )
    # What was accepted is kept, and what has no room is not accepted: see docs/delivery.md.
    spool_full: Literal["drop_newest", "drop_oldest"] = one_of("drop_newest", "drop_oldest")
    # How often what was accepted is forced to the disk, in ms. Beyond 30 s kernels do it unasked.
    fsync_ms: int = number(500, 10, 60_000)
    # In days: for so long Meta's answer to a Purchase may still be looked into.
    keep_dead: int = number(30, 1, 3650)
    path: str = option("/_pixelpair", readers.mount, "a path that starts with /")
    # Who knows it may read the figures of this host; without one there is no such address.
    metrics_token: str = hidden(
        "", readers.fitting(r"[!-~]{16,200}"), "one word of 16 characters or more"
    )
    # The shop's own pages need no mention; a front end on another host does.
    origins: tuple[str, ...] = option(
        (), readers.origins, "origins like https://www.shop.example (http:// on loopback only)"
    )
    # Whoever opens a page can make what is named here, with any data: so nothing is.
    page_events: tuple[str, ...] = option(
        (), readers.page_events, "names of events like AddToWishlist"
    )
    # One report a page view: nobody reads a page a second, and an office shares one address.
    report_rate: int = number(60, 1, 100_000)
    # Staff pages and API documentation are no shop pages.
    exclude: tuple[str, ...] = option(
        ("/admin", "/docs", "/redoc", "/__debug__"),
        readers.paths,
        "paths that start with /; * stands for anything within a segment",
    )
    # shadow: pages stay as they are, nothing is sent, and `pixelpair shadow` says what would be.
    mode: Literal["live", "shadow", "off"] = one_of("live", "shadow", "off")
    # Many shops in one process, each with options of its own over these.
    shops: Any = hidden(
        None,
        readers.shop_table,
        "JSON of host patterns and options, or the dotted path of an object with for_host and"
        " for_pixel",
    )

    def __init__(self, **given: object) -> None:
        problems: list[Problem] = []
        options = {f.name: f for f in fields(type(self))}
        problems += unknown(given, options)
        for name, each in options.items():
            object.__setattr__(self, name, read(each, given.get(name), problems))
        if self.access_token_file and not self.access_token:
            token = _from_file(self.access_token_file, problems)
            object.__setattr__(self, "access_token", token)
        problems += self._mismatches()
        if isinstance(self.shops, dict):
            own = {key: value for key, value in given.items() if key != "shops"}
            shops = {host: _shop(own, o, host, problems) for host, o in self.shops.items()}
            object.__setattr__(self, "shops", shops)
        if problems:
            raise SettingsError(problems)

    def _mismatches(self) -> list[Problem]:
        """What is right alone and wrong beside the rest."""
        found, tokens = [], len(self.access_token.split())
        if tokens > 1 and tokens != len(self.pixels):
            found.append(problem(f"{PREFIX}ACCESS_TOKEN", "(hidden)", _TOKENS))
        for name in ("anonymous_id", "identify"):
            if getattr(self, name) and not self.advanced_matching:
                expected = f"to be set with {PREFIX}ADVANCED_MATCHING=1 only"
                found.append(problem(PREFIX + name.upper(), "(set)", expected))
        return found

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] | None = None,
        given: Mapping[str, object] | None = None,
    ) -> Settings:
        """Settings from `PIXELPAIR_*` variables; `given` options go before them."""
        environ = os.environ if environ is None else environ
        if not isinstance(given, Mapping | None):
            raise SettingsError([problem("PIXELPAIR", "(set)", "a dict of options")])
        found: dict[str, object] = {
            key.removeprefix(PREFIX).lower(): value
            for key, value in environ.items()
            if key.startswith(PREFIX)
        }
        return cls(**found | {str(key): value for key, value in (given or {}).items()})

    def with_default_secret(self, secret: object) -> Settings:
        """These settings with a framework's own secret, where none was set."""
        text = secret.decode("latin-1") if isinstance(secret, bytes) else secret
        if self.secret or not isinstance(text, str) or not text:
            return self
        other = copy(self)
        object.__setattr__(other, "secret", (text,))
        if isinstance(other.shops, dict):
            shops = {host: shop.with_default_secret(text) for host, shop in other.shops.items()}
            object.__setattr__(other, "shops", shops)
        return other

    def within(self, process: Settings) -> Settings:
        """These settings of one shop, with what belongs to its process as that has it."""
        other = copy(self)
        for name in _OF_PROCESS - {"shops"}:
            object.__setattr__(other, name, getattr(process, name))
        # The quieter word counts: in a process that only looks, no shop sends.
        object.__setattr__(other, "mode", max(self.mode, process.mode, key=_MODES.index))
        if not other.secret:  # else ids and seals would change with a rotated token
            object.__setattr__(other, "secret", process.secret)
        return other

    @property
    def active(self) -> bool:
        """Whether answers are looked at at all."""
        return self.mode != "off" and bool(self.pixel_id or self.shops)

    @property
    def pixels(self) -> tuple[str, ...]:
        """The ids of the shop's pixels; the first keys Purchase ids."""
        return tuple(self.pixel_id.split())

    def token_of(self, pixel_id: str) -> str:
        """The token that sends for this pixel; "" where it is none of this shop's."""
        tokens = self.access_token.split()
        if pixel_id not in self.pixels or not tokens:
            return ""
        return tokens[self.pixels.index(pixel_id) if len(tokens) > 1 else 0]

    @property
    def key(self) -> bytes:
        """What keys Purchase ids: the oldest secret, else one derived from the token."""
        if self.secret:
            return self.secret[-1].encode()
        base = self.access_token or self.pixel_id or "pixelpair"
        signer = Signer(base, salt="pixelpair.secret", key_derivation="hmac", digest_method=sha256)
        return signer.derive_key()

    @property
    def signing_secrets(self) -> tuple[bytes, ...]:
        """What signs the events of cacheable pages: the first signs, all verify."""
        return tuple(word.encode() for word in self.secret) or (self.key,)

    @property
    def journal_limit(self) -> int:
        """The bytes that journals may take: where the outbox is a file, it has the other half."""
        return self.spool_limit if isinstance(self.outbox, str) else self.spool_limit // 2

    @property
    def spool_folder(self) -> Path:
        """SPOOL, else the service manager's or the user's state folder, one for each pixel."""
        return self.spool or default_spool("shops" if self.shops else "".join(self.pixels[:1]))


def _shop(
    base: Mapping[str, object], own: Mapping[str, object], host: str, problems: list[Problem]
) -> Settings | None:
    """One of many shops: its own options over those of the process."""
    options = {str(key).removeprefix(PREFIX).lower(): value for key, value in own.items()}
    problems += [
        problem(f"{host}: {PREFIX}{name.upper()}", "(set)", "one for all shops of the process")
        for name in sorted(options.keys() & _OF_PROCESS)
    ]
    try:
        return Settings(**{**base, **{k: v for k, v in options.items() if k not in _OF_PROCESS}})
    except SettingsError as error:
        problems += [
            problem(f"{host}: {p.key}", p.value, p.expected)
            for p in error.problems
            if p not in problems
        ]
        return None


def _from_file(file: Path, problems: list[Problem]) -> str:
    try:
        token = file.read_text("ascii").strip()
        return readers.fitting(_TOKEN)(token)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds no token"
        expected = f"a readable file that holds the token ({why})"
        problems.append(problem(PREFIX + "ACCESS_TOKEN_FILE", repr(str(file)), expected))
        return ""
