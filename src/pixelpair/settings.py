"""Settings: what a shop can say, once, from the environment, keywords or Django's dict.

One table: each option's name, default, reader, and what would be right. All mistakes are reported
at once. Knows no framework.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Mapping
from copy import copy
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from itsdangerous import Signer

from pixelpair.core.events import PAGE_VIEW, clean_event_name
from pixelpair.core.routes import DEFAULT_ROUTES, RouteTable, RuleError, parse_routes
from pixelpair.errors import Problem, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "PIXELPAIR_"
_SECRETS = frozenset({"access_token", "secret"})
TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
_FALSE_WORDS = frozenset({"0", "false", "no", "off"})
_LOGIN = re.compile(r"//[^/]*@")  # the name and password of an address
# Meta's tokens begin so: two variables mixed up must not put one into the log.
_TOKEN_LIKE = re.compile(r"(?<=token=)[^&\s]+|EAA[A-Za-z0-9]{5,}")
_TOKEN = r"[!#-&(-~]{1,1000}"  # noqa: S105 - no quotes: not every reader of an env file takes them off
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ORIGIN = re.compile(r"(https?)://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?")
_DEFAULT_PORT = {"https": ":443", "http": ":80"}  # a browser leaves it out of the Origin
_NOT_MADE_IN_PAGES = {
    "Purchase": "Purchase is the server's alone: a page could claim any sum",
    PAGE_VIEW: "PageView needs no leave: PIXELPAIR_PAGE_VIEW decides on it",
}


def _fitting(pattern: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = str(value).strip()
        if not re.fullmatch(pattern, text):
            raise ValueError
        return text

    return read


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in TRUE_WORDS | _FALSE_WORDS:
        raise ValueError
    return word in TRUE_WORDS


def _choice(*choices: str) -> Callable[[object], str]:
    return _fitting("|".join(choices))


def _url(value: object) -> str:
    """An https address; plain http only on loopback, where the sandbox is."""
    text = str(value).strip().rstrip("/")
    parts = urlsplit(text)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not safe or not parts.hostname or parts.port == 0:  # .port raises ValueError over 65535
        raise ValueError
    if not (text.isascii() and text.isprintable()) or set(text) & set(" \"'<>\\@?#"):
        raise ValueError
    return text


def _words(value: object) -> tuple[str, ...]:
    words = tuple(value.split()) if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(v, str) for v in words):
        raise ValueError
    "".join(words).encode()  # a variable that is no UTF-8 raises UnicodeError, a ValueError
    return tuple(v for v in words if v)


def _listed(value: object) -> tuple[str, ...]:
    return _words(value.replace(",", " ") if isinstance(value, str) else value)


def _origins(value: object) -> tuple[str, ...]:
    return tuple(map(_origin, _listed(value)))


def _origin(text: str) -> str:
    """An origin as browsers write it: lower-case, without the scheme's own port."""
    origin = _url(text.lower())
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        raise ValueError
    return origin.removesuffix(_DEFAULT_PORT[found[1]])


def _page_events(value: object) -> tuple[str, ...]:
    """Raises RuleError where a name is an event that no page may make."""
    names = _listed(value)
    reasons = [_NOT_MADE_IN_PAGES[name] for name in names if name in _NOT_MADE_IN_PAGES]
    if reasons:
        raise RuleError("; ".join(reasons))
    if not all(map(clean_event_name, names)):
        raise ValueError
    return names


def _between(least: int, most: int) -> Callable[[object], int]:
    read = _fitting(r"[0-9]{1,9}")

    def number(value: object) -> int:
        found = int(read(value))
        if not least <= found <= most:
            raise ValueError
        return found

    return number


def _paths(value: object) -> tuple[str, ...]:
    paths = _listed(value)
    if not all(path.startswith("/") for path in paths):
        raise ValueError
    return tuple(path.rstrip("/") or "/" for path in paths)


def _upper(pattern: str) -> Callable[[object], str]:
    read = _fitting(pattern)
    return lambda value: read(str(value).upper())


def _path(value: object) -> Path:
    text = str(value).strip()
    if not text or "\0" in text:
        raise ValueError
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~nobody: no such home
        raise ValueError from None


def _mount(value: object) -> str:
    return _fitting(r"/[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*")(str(value).rstrip("/"))


def _routes(value: object) -> RouteTable:
    """Raises RuleError with a sentence for each malformed rule."""
    if isinstance(value, RouteTable):
        return value
    if not isinstance(value, str):
        raise ValueError
    if value.strip().lower() == "none":
        return RouteTable(())
    table, problems = parse_routes(value)
    if problems:
        raise RuleError("; ".join(problems))
    return table


def _option(default: object, read: Callable[[object], object], expected: str) -> Any:
    return field(default=default, metadata={"read": read, "expected": expected})


def _hidden(default: object, read: Callable[[object], object], expected: str) -> Any:
    return field(default=default, repr=False, metadata={"read": read, "expected": expected})


@dataclass(frozen=True, slots=True, init=False)
class Settings:
    """What a shop says. Keywords are the options' names, lower-case; values may be text.

    Raises SettingsError with every mistake at once.
    """

    # As Events Manager shows it; without one pixelpair is inert.
    pixel_id: str = _option("", _fitting(r"[0-9]{1,32}"), "digits only")
    # From Events Manager or a system user; without one only the pixel runs.
    access_token: str = _hidden("", _fitting(_TOKEN), "one word, as Events Manager shows it")
    access_token_file: Path | None = _option(None, _path, "a readable file that holds the token")
    # The first signs, all verify, the last (the oldest) keys Purchase ids.
    secret: tuple[str, ...] = _hidden((), _words, "one or more words, the newest first")
    test_event_code: str = _option("", _fitting(r"[A-Za-z0-9_-]{1,64}"), "a code like TEST12345")
    graph_url: str = _option(
        "https://graph.facebook.com",
        _url,
        "an https:// address without query (http:// on loopback only)",
    )
    # The newest that Meta's own SDK (26.0.3) uses; a version lives two years at least.
    graph_version: str = _option("v26.0", _fitting(r"v\d+\.\d+"), "like v26.0")
    pixel_script_url: str = _option(
        "https://connect.facebook.net/en_US/fbevents.js",
        _url,
        "an https:// address without query (http:// on loopback only)",
    )
    pixel_image_url: str = _option(
        "https://www.facebook.com/tr",
        _url,
        "an https:// address without query (http:// on loopback only)",
    )
    routes: RouteTable = _option(DEFAULT_ROUTES, _routes, "EVENT [METHOD] /path, one rule a line")
    page_view: Literal["both", "browser", "off"] = _option(
        "both", _choice("both", "browser", "off"), "both, browser or off"
    )
    # Each answer's own headers say whether it may be shown twice; a proxy's rules they cannot say.
    event_id: Literal["auto", "server", "browser"] = _option(
        "auto", _choice("auto", "server", "browser"), "auto, server or browser"
    )
    # What fbevents.js makes of buttons and forms on its own has no server half.
    auto_config: bool = _option(False, _bool, "1 or 0")
    # Customer information leaves only where the shop says so.
    advanced_matching: bool = _option(False, _bool, "1 or 0")
    # For a value given without one. None is invented.
    currency: str = _option("", _upper("[A-Z]{3}"), "an ISO 4217 code like SEK")
    phone_country: str = _option("", _upper("[A-Z]{2}"), "an ISO 3166 country code like SE")
    # A redirect there means that the act was refused.
    login_paths: tuple[str, ...] = _option(
        ("/login", "/signin", "/accounts/login"), _paths, "paths that start with /"
    )
    # For development: track() outside any request raises.
    strict: bool = _option(False, _bool, "1 or 0")
    spool: Path | None = _option(None, _path, "a folder on a local disk")
    outbox: Path | None = _option(None, _path, "a file in the spool")
    # none: web processes only write; `pixelpair drain` sends.
    sender: Literal["thread", "none"] = _option(
        "thread", _choice("thread", "none"), "thread or none"
    )
    path: str = _option("/_pixelpair", _mount, "a path that starts with /")
    # The shop's own pages need no mention; a front end on another host does.
    origins: tuple[str, ...] = _option(
        (), _origins, "origins like https://www.shop.example (http:// on loopback only)"
    )
    # Whoever opens a page can make what is named here, with any data: so nothing is.
    page_events: tuple[str, ...] = _option((), _page_events, "names of events like AddToWishlist")
    # One report a page view: nobody reads a page a second, and an office shares one address.
    report_rate: int = _option(60, _between(1, 100_000), "a whole number from 1 to 100000")
    # Staff pages and API documentation are no shop pages.
    exclude: tuple[str, ...] = _option(
        ("/admin", "/docs", "/redoc", "/__debug__"),
        _paths,
        "paths that start with /; * stands for anything within a segment",
    )
    enabled: bool = _option(True, _bool, "1 or 0")

    def __init__(self, **given: object) -> None:
        problems: list[Problem] = []
        options = {f.name: f for f in fields(type(self))}
        problems += [_unknown(key, list(options)) for key in sorted(given.keys() - options)]
        for name, option in options.items():
            object.__setattr__(self, name, _read(option, given.get(name), problems))
        if self.access_token_file and not self.access_token:
            token = _from_file(self.access_token_file, problems)
            object.__setattr__(self, "access_token", token)
        if problems:
            raise SettingsError(problems)

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] | None = None,
        given: Mapping[str, object] | None = None,
    ) -> Settings:
        """Settings from `PIXELPAIR_*` variables; `given` options go before them."""
        environ = os.environ if environ is None else environ
        if not isinstance(given, Mapping | None):
            raise SettingsError([Problem("PIXELPAIR", "(set)", "a dict of options")])
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
        return other

    @property
    def active(self) -> bool:
        """Whether pages get a pixel at all."""
        return self.enabled and bool(self.pixel_id)

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
    def spool_folder(self) -> Path:
        """SPOOL, else the service manager's or the user's state folder, one for each pixel."""
        return self.spool or default_spool(self.pixel_id)


def _read(option: Field[object], value: object, problems: list[Problem]) -> object:
    default = option.default
    if value is None or (isinstance(value, str) and not value.strip()):
        value = default if isinstance(default, str) and default else None
        if value is None:
            return default
    try:
        return option.metadata["read"](value)
    except Exception as error:  # a lazy value of the shop may raise anything
        expected = str(error) if isinstance(error, RuleError) else option.metadata["expected"]
        shown = "(hidden)" if option.name in _SECRETS else _shown(value)
        problems.append(Problem(PREFIX + option.name.upper(), shown, expected))
        return default


def _shown(value: object) -> str:
    text = _LOGIN.sub("//(hidden)@", value if isinstance(value, str) else repr(value))
    text = _TOKEN_LIKE.sub("(hidden)", text)
    first = text.strip().partition("\n")[0]
    return repr(first[:80] + ("…" if len(text.strip()) > min(80, len(first)) else ""))


def _unknown(key: str, names: list[str]) -> Problem:
    near = get_close_matches(key.lower(), names, 1)
    if key.lower() in names:
        return Problem(key, "(set)", f"as a keyword it is written {key.lower()}")
    hint = f"did you mean {PREFIX}{near[0].upper()}?" if near else "no such setting"
    return Problem(PREFIX + key.upper(), "(set)", hint)


def _from_file(file: Path, problems: list[Problem]) -> str:
    try:
        token = file.read_text("ascii").strip()
        return _fitting(_TOKEN)(token)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds no token"
        expected = f"a readable file that holds the token ({why})"
        problems.append(Problem(PREFIX + "ACCESS_TOKEN_FILE", repr(str(file)), expected))
        return ""


def default_spool(pixel_id: str) -> Path:
    """The folder for a shop that names none: the service manager's, the user's, a temporary one.

    Below the user's folder each pixel has its own: two shops must not share an outbox.
    """
    state = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]  # systemd.exec(5)
    if state:
        return Path(state)
    base = _user_state()
    if base is not None and _can_hold(base):
        return base / "pixelpair" / (pixel_id or "none")
    return temporary_spool(pixel_id)


def temporary_spool(pixel_id: str) -> Path:
    """Where events wait if there is no better place: it may be emptied at a reboot."""
    owner = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"pixelpair-{owner}" / (pixel_id or "none")


def _user_state() -> Path | None:
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    return Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state")


def _can_hold(folder: Path) -> bool:
    """Whether we could make a folder there, asked without making one."""
    try:
        existing = next((p for p in (folder, *folder.parents) if p.exists()), None)
    except OSError:  # such as another user's home, which we may not even look into
        return False
    return existing is not None and existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
