"""Whether a source list of a content security policy fits an address.

After https://www.w3.org/TR/CSP3/#match-url-to-source-list, before any redirect.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*+):", re.IGNORECASE)
_HOST = re.compile(
    r"""(?ix)
    (?: (?P<scheme> [a-z][a-z0-9+.-]*+ ) :// )?
    (?P<host> \* | (?:\*\.)? [a-z0-9_-]++ (?: \. [a-z0-9_-]++ )* \.? )
    (?: : (?P<port> [0-9]{1,5} | \* ) )?
    (?P<path> / [^?\#]* )?
    (?: [?\#] .* )?
    """
)
_PORTS = {"http": 80, "https": 443}
# What a source's scheme stands for: an upgrade to TLS is never worse.
_UPGRADES = {"http": ("http", "https"), "ws": ("http", "https"), "wss": ("https",)}


@dataclass(frozen=True, slots=True)
class _Address:
    scheme: str
    host: str
    port: int | None
    path: str


def _address(url: str) -> _Address | None:
    try:
        parts = urlsplit(url)
        scheme, port = parts.scheme.lower(), parts.port
    except ValueError:
        return None
    if not (scheme and parts.hostname):
        return None
    return _Address(scheme, parts.hostname.lower(), port or _PORTS.get(scheme), parts.path or "/")


def lists(sources: list[str], origin: str, url: str) -> bool:
    """Whether one of the sources of a page at `origin` fits the address."""
    page, address = _address(origin), _address(url)
    if page is None or address is None:
        return False
    return any(_fits(source, page, address) for source in sources)


def _fits(source: str, page: _Address, address: _Address) -> bool:
    if source == "*":
        return address.scheme in ("http", "https", page.scheme)
    if source.startswith("'"):
        return source.lower() == "'self'" and _is_self(page, address)
    if scheme := _SCHEME.fullmatch(source):
        return _scheme_fits(scheme[1].lower(), address.scheme)
    host = _HOST.fullmatch(source)
    return host is not None and (
        _scheme_fits((host["scheme"] or page.scheme).lower(), address.scheme)
        and _host_fits(host["host"].lower(), address.host)
        and _port_fits(host["port"], address)
        and _path_fits(host["path"] or "", address.path)
    )


def _is_self(page: _Address, address: _Address) -> bool:
    usual = all(one.port == _PORTS.get(one.scheme) for one in (page, address))
    return (
        page.host == address.host
        and (page.port == address.port or usual)
        and _scheme_fits(page.scheme, address.scheme)
    )


def _scheme_fits(wanted: str, scheme: str) -> bool:
    return scheme == wanted or scheme in _UPGRADES.get(wanted, ())


def _host_fits(wanted: str, host: str) -> bool:
    if wanted == "*":
        return True
    return host.endswith(wanted[1:]) if wanted.startswith("*.") else host == wanted


def _port_fits(wanted: str | None, address: _Address) -> bool:
    if wanted is None:
        return address.port == _PORTS.get(address.scheme)
    if wanted == "*" or int(wanted) == address.port:
        return True
    return int(wanted) == 80 and address.port == 443


def _path_fits(wanted: str, path: str) -> bool:
    """A path that ends in "/" stands for all below it, any other for itself."""
    if wanted in ("", "/"):
        return True
    parts, own = wanted.split("/"), path.split("/")
    if wanted.endswith("/") and len(own) >= len(parts):
        parts, own = parts[:-1], own[: len(parts) - 1]
    return list(map(unquote, parts)) == list(map(unquote, own))
