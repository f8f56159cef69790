"""The way to a Redis: its address, deadlines, and what is said when it does not answer.

Knows no event. A password is in the address only, and in no message.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from pixelpair.delivery import forks
from pixelpair.delivery.redis_state import GROUP
from pixelpair.errors import SpoolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger("pixelpair")

T = TypeVar("T")

# Only the sending thread waits for Redis, and so long at most; the journals grow meanwhile.
CONNECT_TIMEOUT: Final = 2.0
READ_TIMEOUT: Final = 5.0
# A connection that nobody used for so long is tried before it is trusted: many a firewall drops
# it after a minute without a word.
TRY_AFTER: Final = 30
# XAUTOCLAIM that forgets deleted entries, and scripts with flags, came with this version.
LEAST_VERSION: Final = (7, 0)
WAITAOF_VERSION: Final = (7, 2)

_MISSING: Final = "the outbox in Redis needs the redis package: pip install 'pixelpair[redis]'"
_SHAPE: Final = (
    "is no address of a Redis: redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER][?name=NAME], or"
    " rediss:// for TLS; in a password write / ? # @ as %2F %3F %23 %40"
)
_EVICTS: Final = (
    "{where} may throw away what is queued when its memory is full (maxmemory-policy {policy}):"
    " set maxmemory-policy to noeviction, or give pixelpair a Redis of its own"
)
_OLD: Final = "{where} is version {version}: pixelpair needs Redis 7.0 or newer, or Valkey"
_FORGETS: Final = (
    "%s keeps no append-only file: if it dies, the events that wait in it die with it; set"
    " appendonly yes"
)
_TLS: Final = frozenset(
    {"ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"}
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a Redis is and which of its outboxes is ours. Its repr and str hold no password."""

    host: str
    port: int
    number: int
    name: str
    tls: bool
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, url: str) -> Address:
        """Raises ValueError with words that hold nothing of the address."""
        try:
            parts = urlsplit(url)
            host, port, path = parts.hostname, parts.port or 6379, parts.path.strip("/")
            number, query = int(path or 0), parse_qsl(parts.query, True, bool(parts.query))
        except ValueError:
            raise ValueError(_SHAPE) from None
        options = dict(query)
        name = options.pop("name", "events")
        odd = "@" in parts.query + parts.fragment or parts.fragment or "}" in name or not name
        if parts.scheme not in ("redis", "rediss") or not host or number < 0 or odd:
            raise ValueError(_SHAPE)
        if not options.keys() <= (_TLS if parts.scheme == "rediss" else frozenset()):
            allowed = ", ".join(["name", *sorted(_TLS)])
            raise ValueError(f"has an option that is none of {allowed} (those of TLS: rediss://)")
        user, password = (unquote(part or "") or None for part in (parts.username, parts.password))
        return cls(host, port, number, name, parts.scheme == "rediss", user, password, options)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis{'s' * self.tls}://{host}:{self.port}/{self.number}"


class Link:
    """One connection, made again whenever it breaks. Whatever goes wrong is a SpoolError."""

    def __init__(self, address: Address) -> None:
        try:
            with forks.importing():
                import redis
                from redis.backoff import NoBackoff
                from redis.retry import Retry
        except ImportError:
            raise SpoolError(_MISSING) from None
        self.address = address
        self._redis = redis
        tls: dict[str, Any] = {"ssl": True, **address.options} if address.tls else {}
        # RESP2: answers of one shape from every version of the package and of the server.
        self.client: Any = redis.Redis(
            host=address.host,
            port=address.port,
            db=address.number,
            username=address.user,
            password=address.password,
            protocol=2,
            socket_connect_timeout=CONNECT_TIMEOUT,
            socket_timeout=READ_TIMEOUT,
            health_check_interval=TRY_AFTER,
            retry=Retry(NoBackoff(), 0),
            client_name="pixelpair",
            **tls,
        )
        # What the package makes of an answer takes longer than all the rest of a claim.
        self.client.set_response_callback("XREADGROUP", lambda answer, **_: answer)
        self.durable = False

    def script(self, text: str) -> Callable[..., Any]:
        """A script of Redis's, loaded again where it has forgotten it."""
        run: Callable[..., Any] = self.client.register_script(text)
        return run

    def ask(self, work: Callable[[], T], *, twice: bool = True) -> T:
        """Do it; a second time on a new connection if the old one broke, where it may run twice."""
        try:
            try:
                return work()
            except self._redis.ConnectionError:
                if not twice:
                    raise
                self.client.connection_pool.disconnect()
                return work()
        except (self._redis.RedisError, OSError) as error:
            # A new connection asks the name server anew: another machine may serve by now.
            self.client.connection_pool.disconnect()
            raise SpoolError(f"{self.address}: {self._words(error)}") from None

    def unread(self, stream: str, sender: str, count: int) -> list[Any]:
        """The next entries of a stream that nobody has read; none where the stream is gone. To be
        asked once: what was read is this sender's."""
        words = ("GROUP", GROUP, sender, "COUNT", count, "STREAMS", stream, ">")
        try:
            answer = self.client.execute_command("XREADGROUP", *words)
        except self._redis.ResponseError as error:
            if str(error).startswith("NOGROUP"):
                return []
            raise
        return answer[0][1] if answer else []

    def check(self) -> None:
        """Refuse a Redis that is too old or may throw events away."""
        found = self.ask(lambda: [self.client.info(part) for part in ("server", "memory")])
        server, memory = found
        version, policy = server.get("redis_version", "0"), memory.get("maxmemory_policy", "")
        where = str(self.address)
        if _numbers(version) < LEAST_VERSION:
            raise SpoolError(_OLD.format(where=where, version=version))
        if policy not in ("", "noeviction"):
            raise SpoolError(_EVICTS.format(where=where, policy=policy))
        keeps = self.ask(lambda: self.client.info("persistence")).get("aof_enabled") == 1
        can_tell = keeps and _numbers(version) >= WAITAOF_VERSION
        # Who leaves the disk to the system would wait for it: WAITAOF took 5 s (Redis 8.0).
        self.durable = can_tell and self.ask(self._appendfsync) != "no"
        if not keeps and where not in _said:
            _said.add(where)
            log.warning(_FORGETS, where)

    def _appendfsync(self) -> str:
        try:
            return str(self.client.config_get("appendfsync").get("appendfsync", ""))
        except self._redis.ResponseError:  # a managed one lets nobody ask
            return ""

    def wait_for_disk(self) -> None:
        """Wait until what was written is in Redis's append-only file, where Redis can tell."""
        if self.durable:
            local, _ = self.ask(lambda: self.client.execute_command("WAITAOF", 1, 0, 2000))
            if not local:
                raise SpoolError(f"{self.address} has not put the last events on its disk in time")

    def close(self) -> None:
        self.client.close()

    def _words(self, error: Exception) -> str:
        if isinstance(
            error, self._redis.AuthenticationError | self._redis.exceptions.AuthorizationError
        ):
            return "Redis refuses the user or the password"
        if isinstance(error, self._redis.TimeoutError | TimeoutError):
            return "Redis has not answered in time"
        if isinstance(error, self._redis.BusyLoadingError):
            return "Redis is still reading its data"
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "its certificate is not trusted: add ?ssl_ca_certs=FILE with the one to trust"
        if isinstance(error, self._redis.ConnectionError | OSError):
            return "Redis cannot be reached"
        # Redis's own words, without what it quotes of a command.
        words = str(error).partition(" script: ")[0]
        return f"Redis refuses: {words[:200]}"


_said: set[str] = set()


def _numbers(version: object) -> tuple[int, ...]:
    return tuple(int(part) for part in str(version).split(".")[:2] if part.isdigit())
