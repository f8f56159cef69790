"""The outbox in Redis beyond the contract: outages, kills, many senders, and what it refuses."""

from __future__ import annotations

import itertools
import logging
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.events import Twin, Withdrawal
from pixelpair.delivery import journal as journals
from pixelpair.delivery import redis as module
from pixelpair.delivery import redis_ahead, redis_words
from pixelpair.delivery.intake import Intake
from pixelpair.delivery.journal import Journal
from pixelpair.delivery.ledger import KEEP_PURCHASES
from pixelpair.delivery.outbox import REMEMBER_LASTING, REMEMBER_WITHDRAWAL, Stats
from pixelpair.delivery.redis import KEEP_DEAD, SWEEP_EVERY, RedisOutbox
from pixelpair.delivery.redis_link import WAITAOF_VERSION, Address
from pixelpair.delivery.redis_words import spool_id
from pixelpair.delivery.retry import Dead, Delivered, Hold, RetryAt
from pixelpair.delivery.worker import Worker
from pixelpair.errors import SpoolError
from pixelpair.graph.client import Graph, Reply
from pixelpair.graph.conversions import call

from ..conftest import free_port, missing_tool
from .conftest import NOW, Clock, make_twin, until
from .redis_server import DURABLE, Deaf, RedisServer, fresh_url, shared_server
from .scripts import start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .sink import Sink

    Open = Callable[..., RedisOutbox]

IDLE = 0.3
SECRET = "geheim/9?"


@pytest.fixture
def url() -> str:
    return fresh_url()


@pytest.fixture
def server(tmp_path: Path, url: str) -> Iterator[RedisServer]:
    """A server to be harmed (`url` only sees to it that there is a redis-server at all)."""
    folder = tmp_path / "redis"
    folder.mkdir()
    own = RedisServer(folder, *DURABLE)
    yield own
    own.close()


@pytest.fixture
def opened(tmp_path: Path, url: str, clock: Clock) -> Iterator[Open]:
    """Outboxes that are closed at the end; by default on one spool of the shared server."""
    boxes: list[RedisOutbox] = []

    def open_one(address: str = url, spool: str = "spool", **options: float) -> RedisOutbox:
        boxes.append(RedisOutbox(address, tmp_path / spool, clock, **options))
        return boxes[-1]

    yield open_one
    for box in boxes:
        box.close()


def ids(rows: list[module.Row]) -> list[str]:
    return [row.twin.event_id for row in rows]


def deliver_all(box: RedisOutbox) -> list[str]:
    rows = box.claim(1000, NOW)
    box.settle([(row.key, Delivered()) for row in rows], NOW)
    return ids(rows)


# --- the address -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said", "name"),
    [
        ("redis://cache", "redis://cache:6379/0", "events"),
        ("redis://:pass@10.0.0.1:1234/3", "redis://10.0.0.1:1234/3", "events"),
        ("rediss://u:p%2Fq@[::1]/2?name=shop-a", "rediss://[::1]:6379/2", "shop-a"),
        ("rediss://h?ssl_ca_certs=/etc/ca.pem", "rediss://h:6379/0", "events"),
    ],
)
def test_reads_an_address(url: str, said: str, name: str) -> None:
    address = Address.read(url)
    assert (str(address), address.name) == (said, name)


def test_a_password_is_unquoted_and_never_shown() -> None:
    address = Address.read("redis://shop:geheim%2F9%3F@cache:1/0")
    assert (address.user, address.password) == ("shop", SECRET)
    assert "geheim" not in repr(address) + str(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://cache",
        "redis://",
        "redis://cache/first",
        "redis://cache:port",
        "redis://shop:geheim/9@cache",
        "redis://shop:12/9@cache",
        "redis://shop:geheim?9@cache",
        "redis://shop:12#geheim@cache",
        "redis://cache?decode_responses=1",
        "redis://cache?ssl_cert_reqs=none",
        "redis://cache?name=",
        "redis://cache?name=a}b",
        "redis://[cache",
    ],
)
def test_refuses_an_address_without_quoting_it(url: str, tmp_path: Path) -> None:
    with pytest.raises(SpoolError) as caught:
        RedisOutbox(url, tmp_path)
    assert str(caught.value).startswith("the outbox ")
    assert not {"geheim", "12", "9@"} & set(str(caught.value).replace("/", " ").split())
    assert "geheim" not in "".join(traceback.format_exception(caught.value))


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert Address.read("redis://" + text).host


def test_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(SpoolError, match=r"pip install 'pixelpair\[redis\]'"):
        RedisOutbox("redis://cache", tmp_path)


# --- what it refuses, and what it says -------------------------------------------------------


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_refuses_a_redis_that_may_evict(server: RedisServer, opened: Open, policy: str) -> None:
    server.client.config_set("maxmemory-policy", policy)
    with pytest.raises(SpoolError, match=f"{policy}.*: set maxmemory-policy to noeviction"):
        opened(server.url)


def test_notices_a_policy_that_is_changed_later(
    server: RedisServer, opened: Open, clock: Clock
) -> None:
    box = opened(server.url)
    box.put_many([make_twin(1)])
    server.client.config_set("maxmemory-policy", "allkeys-lru")
    clock.now += SWEEP_EVERY
    with pytest.raises(SpoolError, match="noeviction"):
        box.put_many([make_twin(2)])


def test_says_once_that_redis_keeps_nothing_on_disk(
    server: RedisServer, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    server.client.config_set("appendonly", "no")
    opened(server.url)
    opened(server.url)
    (record,) = caplog.records
    assert record.message == (
        f"{server.url} keeps no append-only file: if it dies, the events that wait in it die with"
        " it; set appendonly yes"
    )


@pytest.mark.parametrize("policy", ["no", "everysec", "always"])
def test_waits_for_the_disk_only_where_redis_sees_to_it(
    server: RedisServer, opened: Open, policy: str
) -> None:
    """Seen with Redis 8.0 and appendfsync no: WAITAOF took 5 s, and no journal was removed."""
    server.client.config_set("appendfsync", policy)
    version = server.client.info("server")["redis_version"]
    box = opened(server.url)
    can_tell = tuple(map(int, version.split("."))) >= WAITAOF_VERSION
    assert box._link.durable == (can_tell and policy != "no")
    box.sync()


def test_a_redis_that_tells_nobody_of_its_settings_is_trusted(
    server: RedisServer, opened: Open
) -> None:
    rights = ["+@all", "-config"]
    server.client.acl_setuser("small", enabled=True, nopass=True, commands=rights, keys=["*"])
    box = opened(server.url.replace("//", "//small:x@"))
    assert box._link._appendfsync() == ""
    box.sync()


def trouble(url: str, spool: Path) -> str:
    """What is said about this address, traceback and all."""
    with pytest.raises(SpoolError) as caught:
        RedisOutbox(url, spool)
    return "".join(traceback.format_exception(caught.value))


def test_says_that_the_password_is_wrong_and_not_which(server: RedisServer, tmp_path: Path) -> None:
    server.client.config_set("requirepass", "right")
    url = f"redis://:geheim%2F9%3F@127.0.0.1:{server.port}"
    said = trouble(url, tmp_path)
    assert said.endswith(
        f"redis://127.0.0.1:{server.port}/0: Redis refuses the user or the password\n"
    )
    assert "geheim" not in said
    missing = trouble(f"redis://127.0.0.1:{server.port}", tmp_path)
    assert missing.endswith("Redis refuses the user or the password\n")
    box = RedisOutbox(f"redis://:right@127.0.0.1:{server.port}", tmp_path)
    assert "right" not in repr(box) + repr(vars(box)) + repr(vars(box._link))
    box.close()


def test_says_that_nobody_answers(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        said = trouble(f"redis://:geheim@127.0.0.1:{port}", tmp_path)
    assert said.endswith(f"redis://127.0.0.1:{port}/0: Redis cannot be reached\n")
    assert "geheim" not in said


def test_waits_for_no_answer_longer_than_its_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelpair.delivery.redis_link.READ_TIMEOUT", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        said = trouble(f"redis://:geheim@127.0.0.1:{silent.getsockname()[1]}", tmp_path)
    assert said.endswith("Redis has not answered in time\n")
    assert "geheim" not in said


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """A certificate for 127.0.0.1 that it signs itself, and its key."""
    if shutil.which("openssl") is None:
        missing_tool("openssl")
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    words = [
        "req",
        "-x509",
        "-nodes",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-days",
        "2",
    ]
    words += ["-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", *words, "-out", cert, "-keyout", key]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


def test_speaks_tls_to_one_whose_certificate_it_trusts(
    tmp_path: Path, url: str, certificate: tuple[str, str], opened: Open
) -> None:
    cert, key = certificate
    port = free_port()
    options = ("--tls-port", str(port), "--tls-cert-file", cert, "--tls-key-file", key)
    server = RedisServer(tmp_path, *options, "--tls-auth-clients", "no", *DURABLE)
    try:
        said = trouble(f"rediss://:geheim@127.0.0.1:{port}", tmp_path)
        assert said.endswith(
            f"rediss://127.0.0.1:{port}/0: its certificate is not trusted: add"
            " ?ssl_ca_certs=FILE with the one to trust\n"
        )
        box = opened(f"rediss://127.0.0.1:{port}?ssl_ca_certs={cert}")
        box.put_many([make_twin(1)])
        assert deliver_all(box) == ["id-1"]
    finally:
        server.close()


# --- outages ---------------------------------------------------------------------------------


def test_goes_on_when_redis_has_forgotten_its_scripts(opened: Open) -> None:
    box = opened()
    box.put_many([make_twin(1)])
    redis = shared_server()
    assert redis is not None
    redis.client.script_flush()
    assert box.put_many([make_twin(2)]) == 1
    redis.client.script_flush()
    rows = box.claim(9, NOW)
    redis.client.script_flush()
    box.settle([(row.key, Delivered()) for row in rows], NOW)
    assert box.stats() == Stats(delivered=2)


def test_a_connection_that_broke_is_made_again_unseen(opened: Open, server: RedisServer) -> None:
    box = opened(server.url)
    for step in (
        lambda: box.put_many([make_twin(1)], "j", 7),
        lambda: box.offset("j"),
        box.lanes,
        box.stats,
    ):
        server.client.client_kill_filter(_type="normal", skipme=True)
        assert step()


def test_a_verdict_that_redis_could_not_hear_is_told_later(
    opened: Open, server: RedisServer
) -> None:
    box = opened(server.url)
    box.put_many([make_twin(n) for n in range(3)])
    rows = box.claim(2, NOW)
    server.kill()
    with pytest.raises(SpoolError, match="cannot be reached"):
        box.settle([(rows[0].key, Delivered()), (rows[1].key, RetryAt(NOW + 9, "x", True))], NOW)
    with pytest.raises(SpoolError, match="cannot be reached"):
        box.claim(9, NOW)
    server.start()
    assert ids(box.claim(9, NOW)) == ["id-2"]
    assert box.stats() == Stats(queued=2, delivered=1, oldest=NOW)
    assert [(row.twin.event_id, row.attempts) for row in box.claim(9, NOW + 9)] == [("id-1", 1)]


@pytest.mark.parametrize(("others", "asked"), [([], b"XREADGROUP"), (["222"], b"EVALSHA")])
def test_a_claim_whose_answer_never_came_is_claimed_again(
    opened: Open, server: RedisServer, others: list[str], asked: bytes
) -> None:
    """One pixel's unread events are read without a script, those of several by one."""
    with Deaf(server.port) as between:
        box = opened(f"redis://127.0.0.1:{between.port}")
        box.put_many([make_twin(n) for n in range(5)])
        box.put_many([make_twin(pixel_id, pixel_id=pixel_id) for pixel_id in others])
        first = box.claim(2, NOW)
        between.hangs_up_after = asked
        with pytest.raises(SpoolError, match="cannot be reached"):
            box.claim(2, NOW)
        between.hangs_up_after = None
        assert server.client.xpending("pixelpair:{events}:queue:111", "senders")["pending"] == 4
        assert (ids(first), ids(box.claim(3, NOW))) == (["id-0", "id-1"], ["id-2", "id-3", "id-4"])


def test_a_stream_that_others_have_emptied_meanwhile_gives_nothing(opened: Open) -> None:
    """Between the look at what is due and the read."""
    box, other = opened(), opened()
    box.put_many([make_twin(1)])
    ask = box._link.unread

    def late(*words: object) -> list[object]:
        deliver_all(other)
        return ask(*words)

    box._link.unread = late  # type: ignore[method-assign]
    assert (box.claim(9, NOW, "111"), box.stats()) == ([], Stats(delivered=1))


def test_what_was_put_twice_because_the_answer_never_came_counts_once(
    opened: Open, server: RedisServer
) -> None:
    with Deaf(server.port) as between:
        box = opened(f"redis://127.0.0.1:{between.port}")
        box.put_many([])
        between.hangs_up_after = b"EVALSHA"
        with pytest.raises(SpoolError):
            box.put_many([make_twin(1), make_twin(2)], "j", 50)
        between.hangs_up_after = None
        assert box.put_many([make_twin(1), make_twin(2)], "j", 50) == 0
        assert (ids(box.claim(9, NOW)), box.offset("j")) == (["id-1", "id-2"], 50)


def test_a_full_redis_takes_nothing_in_by_halves_and_still_gives(
    opened: Open, server: RedisServer
) -> None:
    box = opened(server.url)
    box.put_many([make_twin(n, pad="x" * 2000) for n in range(50)], "j", 10)
    server.client.config_set("maxmemory", 1)
    with pytest.raises(SpoolError, match="used memory > 'maxmemory'"):
        box.put_many([make_twin(n) for n in range(50, 60)], "j", 20)
    assert (box.offset("j"), box.stats().queued) == (10, 50)
    assert len(deliver_all(box)) == 50
    server.client.config_set("maxmemory", 0)
    assert box.put_many([make_twin(n) for n in range(45, 60)], "j", 20) == 10
    assert box.stats() == Stats(queued=10, delivered=50, oldest=NOW)


def test_a_worker_goes_on_after_an_outage_and_requests_never_notice(
    tmp_path: Path, server: RedisServer, sink: Sink, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    spool = tmp_path / "spool"
    journal = Journal(spool)
    with Graph(timeout=5) as graph:
        worker = Worker(
            spool,
            partial(RedisOutbox, server.url, spool, clock),
            journal,
            lambda twins: graph.send(
                call(twins, pixel_id="111", token="t", graph_url=sink.url, version="v26.0")
            ),
            clock=clock,
        )
        journal.append(make_twin(1).pack())
        worker.step()
        server.kill()
        for number in range(2, 50):
            journal.append(make_twin(number).pack())
        assert worker.step() > worker.poll
        assert (worker.leads, journal.held) == (True, 0)
        server.start()
        worker.step()
        worker.close()
    assert sink.ids == {f"id-{n}": 1 for n in range(1, 50)}
    assert "redis" in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


# --- kills -----------------------------------------------------------------------------------


def killer(server: RedisServer, dice: random.Random, stop: threading.Event) -> threading.Thread:
    """Kills the server at random moments and starts it again, until told to stop."""

    def run() -> None:
        while not stop.wait(dice.uniform(0.01, 0.06)):
            server.kill()
            server.start()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def persistently(work: Callable[[], object]) -> object:
    """As the worker's loop does: whatever is wrong with Redis, it is tried again."""
    end = time.monotonic() + 60
    while True:
        with suppress(SpoolError):
            return work()
        assert time.monotonic() < end


def test_nothing_is_lost_or_doubled_when_redis_is_killed_at_random(
    opened: Open, server: RedisServer
) -> None:
    """A reader and two senders, and every answer that was given is kept (appendfsync always)."""
    seed = random.randrange(10**6)
    dice, stop = random.Random(seed), threading.Event()
    reader, senders = opened(server.url), [opened(server.url, "b"), opened(server.url, "c")]
    posted: list[str] = []
    total, size = 6000, 30

    def read() -> None:
        for begin in range(0, total, size):
            twins = [make_twin(n) for n in range(begin, begin + size)]
            offset = persistently(lambda: reader.offset("j"))
            assert offset == begin
            persistently(partial(reader.put_many, twins, "j", begin + size))

    def send(box: RedisOutbox, dice: random.Random) -> None:
        while persistently(lambda: box.stats().delivered) != total:
            rows = persistently(lambda: box.claim(40, NOW, "111"))
            assert isinstance(rows, list)
            retried = [row for row in rows if dice.random() < 0.1]
            posted.extend(ids([row for row in rows if row not in retried]))
            again = RetryAt(NOW, "x", True)
            verdicts = [(row.key, again if row in retried else Delivered()) for row in rows]
            with suppress(SpoolError):
                box.settle(verdicts, NOW)

    threads = [threading.Thread(target=read)]
    threads += [
        threading.Thread(target=send, args=(box, random.Random(seed + n)))
        for n, box in enumerate(senders)
    ]
    kills = killer(server, dice, stop)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    stop.set()
    kills.join()
    assert not any(thread.is_alive() for thread in threads), seed
    expected = sorted(f"id-{n}" for n in range(total))
    assert (sorted(posted), seed) == (expected, seed)
    assert (reader.offset("j"), reader.stats()) == (total, Stats(delivered=total))


SENDER = """
from pixelpair.delivery.redis import RedisOutbox
box = RedisOutbox(sys.argv[2], spool)
print(*[row.twin.event_id for row in box.claim(3, time.time())], flush=True)
time.sleep(60)
"""


def test_what_a_killed_sender_had_claimed_is_sent_by_another(
    opened: Open, url: str, tmp_path: Path
) -> None:
    box = opened(idle=IDLE)
    box.put_many([make_twin(n) for n in range(5)])
    process = start(SENDER, tmp_path / "other", url)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "id-0 id-1 id-2\n", process.communicate()
    finally:
        process.kill()
        process.communicate()
    assert deliver_all(box) == ["id-3", "id-4"]
    begin, found = time.monotonic(), list[str]()
    until(lambda: found.extend(ids(box.claim(9, NOW))) or found)
    assert found == ["id-0", "id-1", "id-2"]
    assert time.monotonic() - begin < 4 * IDLE


READER = """
from pixelpair.delivery.redis import RedisOutbox
box = RedisOutbox(sys.argv[2], spool)
intake = Intake(spool, box)
print("ready", flush=True)
while True:
    intake.take()
"""


def test_a_killed_reader_neither_loses_nor_doubles(opened: Open, url: str, tmp_path: Path) -> None:
    spool, box, dice = tmp_path / "spool", opened(), random.Random(5)
    total, size = 0, 1500
    for life in range(3):
        journal, end = Journal(spool), dice.randrange(200, size)
        process = start(READER, spool, url)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()
        for number in range(size):
            journal.append(make_twin(f"{life}-{number}").pack())
            if number == end:
                until(lambda: box.stats().queued > total)  # noqa: B023 - at once
                process.kill()
        process.communicate()
        total += size
        assert box.stats().queued < total
        reader = Intake(spool, box)
        while reader.take():
            pass
        assert box.stats().queued == total
    assert len({row.twin.event_id for row in box.queued()}) == total
    assert {name: box.offset(name) for name in box.sources()} == {
        path.name: path.stat().st_size for path in spool.glob("*" + journals.SUFFIX)
    }


# --- many senders ----------------------------------------------------------------------------


def test_senders_at_once_never_have_the_same_event(opened: Open) -> None:
    total, found = 3000, list[list[str]]()
    opened().put_many([make_twin(n) for n in range(total)])

    def send(box: RedisOutbox) -> None:
        mine: list[str] = []
        while rows := box.claim(70, NOW, "111"):
            mine += ids(rows)
            box.settle([(row.key, Delivered()) for row in rows], NOW)
        found.append(mine)

    threads = [threading.Thread(target=send, args=(opened(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(itertools.chain(*found)) == sorted(f"id-{n}" for n in range(total))
    assert opened().stats() == Stats(delivered=total)


def test_workers_of_two_hosts_send_what_either_took_in_once(
    tmp_path: Path, url: str, sink: Sink
) -> None:
    workers = []
    with Graph(timeout=5) as graph:

        def post(twins: list[Twin]) -> Reply:
            return graph.send(
                call(twins, pixel_id="111", token="t", graph_url=sink.url, version="v26.0")
            )

        for host in ("a", "b"):
            spool = tmp_path / host
            journal = Journal(spool)
            outbox = partial(RedisOutbox, url, spool, Clock())
            workers.append(Worker(spool, outbox, journal, post, clock=Clock(), poll=0.01))
            for number in range(1500):
                journal.append(make_twin(f"{host}-{number}").pack())
        for worker in workers:
            worker.start()
        until(lambda: len(sink.ids) == 3000)
        assert [worker.leads for worker in workers] == [True, True]
        for worker in workers:
            worker.close()
    assert set(sink.ids.values()) == {1}


def test_every_pixel_of_a_sender_that_is_gone_is_taken_over(opened: Open) -> None:
    gone, here = opened(), opened(idle=IDLE)
    pixels = ["111", "222", "333"]
    gone.put_many([make_twin(pixel_id, pixel_id=pixel_id) for pixel_id in pixels])
    assert len(gone.claim(9, NOW)) == 3
    end = time.monotonic() + IDLE
    until(lambda: time.monotonic() > end)
    assert [ids(here.claim(9, NOW, pixel_id)) for pixel_id in here.lanes()] == [
        [f"id-{pixel_id}"] for pixel_id in pixels
    ]


def test_a_clean_stop_gives_back_what_was_claimed(opened: Open) -> None:
    first, second = opened(), opened()
    first.put_many([make_twin(n) for n in range(4)])
    first.claim(3, NOW)
    assert second.stats().in_flight == 3
    first.close()
    assert ids(second.claim(9, NOW)) == ["id-0", "id-1", "id-2", "id-3"]


def test_a_late_verdict_of_a_sender_that_was_given_up_counts_only_if_delivered(
    opened: Open,
) -> None:
    """One stands still for longer than its claim is respected; another has its events then."""
    slow, quick = opened(idle=IDLE), opened(idle=IDLE)
    slow.put_many([make_twin(n) for n in range(4)])
    verdicts = [Delivered(), Dead("x"), RetryAt(NOW + 9, "x", True), RetryAt(NOW, "x", True)]
    rows = slow.claim(9, NOW)
    taken = list[module.Row]()
    until(lambda: taken.extend(quick.claim(9, NOW)) or taken)
    slow.settle(list(zip([row.key for row in rows], verdicts, strict=True)), NOW)
    assert slow.stats() == Stats(queued=3, delivered=1, oldest=NOW)
    quick.settle([(row.key, Delivered()) for row in taken], NOW)
    assert quick.stats() == Stats(delivered=4)


def test_claims_are_not_taken_over_right_after_an_outage(opened: Open, server: RedisServer) -> None:
    """Others may have sent meanwhile what Redis could not be told of: they come first."""
    idle = 5 * IDLE
    one, other = opened(server.url, idle=idle), opened(server.url, idle=idle)
    one.put_many([make_twin(1)])
    (row,) = one.claim(9, NOW)
    end = time.monotonic() + idle
    until(lambda: time.monotonic() > end)
    server.kill()
    with pytest.raises(SpoolError):
        one.settle([(row.key, Delivered())], NOW)
    with pytest.raises(SpoolError):
        other.lanes()
    server.start()
    assert other.claim(9, NOW) == []
    assert one.lanes() == []
    assert other.stats() == Stats(delivered=1)


def test_a_sender_that_is_gone_for_long_is_forgotten_where_others_wait(
    opened: Open, clock: Clock, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(module, "SENDER_IDLE", 0.0)
    gone, here = opened(), opened()
    here.put_many([make_twin(n) for n in range(3)])
    for box in (gone, here):
        box.claim(1, NOW)
    gone.close()
    redis = shared_server()
    assert redis is not None
    queue = f"pixelpair:{{{url.partition('name=')[2]}}}:queue:111"

    def senders() -> list[str]:
        return [found["name"].decode() for found in redis.client.xinfo_consumers(queue, "senders")]

    assert sorted(senders()) == sorted([gone.sender, here.sender])
    clock.now += SWEEP_EVERY
    until(lambda: redis.client.xinfo_consumers(queue, "senders")[0]["idle"] > 1)
    here.put_many([])
    assert senders() == [here.sender]


# --- reading ahead ---------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever claims two has more to do after them."""
    monkeypatch.setattr(redis_ahead, "MANY", 2)


@pytest.mark.usefixtures("few")
def test_the_next_claim_is_read_while_the_last_is_on_its_way(opened: Open) -> None:
    box = opened()
    box.put_many([make_twin(n) for n in range(7)])
    seen, flying = [], []
    while rows := box.claim(2, NOW, "111"):
        seen.append(ids(rows))
        thread = box._ahead._thread
        if thread is not None:
            thread.join()
        flying.append(box.stats().in_flight)
        box.settle([(row.key, Delivered()) for row in rows], NOW)
    assert seen == [["id-0", "id-1"], ["id-2", "id-3"], ["id-4", "id-5"], ["id-6"]]
    assert flying == [4, 4, 3, 1]
    assert box.stats() == Stats(delivered=7)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("verdict", [RetryAt(NOW + 9, "x", True), Hold(NOW + 9, "x"), Dead("x")])
def test_what_was_read_ahead_is_given_back_when_something_is_refused(
    opened: Open, verdict: RetryAt | Hold | Dead
) -> None:
    box, other = opened(), opened()
    box.put_many([make_twin(n) for n in range(4)])
    rows = box.claim(2, NOW)
    box.settle([(rows[0].key, Delivered()), (rows[1].key, verdict)], NOW)
    back = ["id-1"] if isinstance(verdict, Hold) else []
    assert ids(other.claim(9, NOW)) == [*back, "id-2", "id-3"]


@pytest.mark.usefixtures("few")
def test_what_was_read_ahead_is_given_back_at_the_end(opened: Open) -> None:
    box, other = opened(), opened()
    box.put_many([make_twin(n) for n in range(5)])
    box.claim(2, NOW)
    box.close()
    assert ids(other.claim(9, NOW)) == [f"id-{n}" for n in range(5)]


@pytest.mark.usefixtures("few")
def test_what_was_read_ahead_too_long_ago_is_given_back_and_claimed_again(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_ahead, "KEEP", -1.0)
    box = opened()
    box.put_many([make_twin(n) for n in range(6)])
    first = box.claim(2, NOW)
    assert (ids(first), ids(box.claim(9, NOW))) == (
        ["id-0", "id-1"],
        ["id-2", "id-3", "id-4", "id-5"],
    )


@pytest.mark.usefixtures("few")
def test_what_was_read_ahead_and_never_arrived_is_claimed_again(
    opened: Open, server: RedisServer
) -> None:
    with Deaf(server.port) as between:
        box = opened(f"redis://127.0.0.1:{between.port}")
        box.put_many([make_twin(n) for n in range(4)])
        begin = box._ahead.begin

        def deaf(*words: object) -> None:
            between.hangs_up_after = b"XREADGROUP"
            begin(*words)
            box._ahead._thread.join()
            between.hangs_up_after = None

        box._ahead.begin = deaf  # type: ignore[method-assign]
        first = box.claim(2, NOW)
        box._ahead.begin = begin  # type: ignore[method-assign]
        assert server.client.xpending("pixelpair:{events}:queue:111", "senders")["pending"] == 4
        with pytest.raises(SpoolError, match="cannot be reached"):
            box.claim(2, NOW)
        assert (ids(first), ids(box.claim(2, NOW))) == (["id-0", "id-1"], ["id-2", "id-3"])


@pytest.mark.usefixtures("few")
def test_what_waits_beside_the_stream_has_its_turn_in_a_long_backlog(opened: Open) -> None:
    box = opened()
    box.put_many([make_twin(n) for n in range(40)])
    first, second = box.claim(2, NOW)
    box.settle([(first.key, RetryAt(NOW, "x", True)), (second.key, Delivered())], NOW)
    seen = []
    while "id-0" not in seen:
        rows = box.claim(2, NOW)
        seen += ids(rows)
        box.settle([(row.key, Delivered()) for row in rows], NOW)
    assert len(seen) < 10


@pytest.mark.usefixtures("few")
def test_senders_that_read_ahead_never_have_the_same_event(opened: Open) -> None:
    total, found = 600, list[list[str]]()
    opened().put_many([make_twin(n) for n in range(total)])

    def send(box: RedisOutbox, dice: random.Random) -> None:
        mine: list[str] = []
        while box.stats().delivered < total:
            rows = box.claim(20, NOW, "111")
            late = [row for row in rows if dice.random() < 0.01]
            mine += ids([row for row in rows if row not in late])
            again = RetryAt(NOW, "x", True)
            box.settle([(row.key, again if row in late else Delivered()) for row in rows], NOW)
        found.append(mine)

    threads = [
        threading.Thread(target=send, args=(opened(), random.Random(number))) for number in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(itertools.chain(*found)) == sorted(f"id-{n}" for n in range(total))
    assert opened().stats() == Stats(delivered=total)


# --- spools ----------------------------------------------------------------------------------


def test_journals_of_two_spools_are_told_apart(opened: Open, tmp_path: Path) -> None:
    first, second = opened(spool="a"), opened(spool="b")
    first.put_many([], "journal-1", 10)
    second.put_many([], "journal-1", 20)
    again = opened(spool="a")
    assert (again.offset("journal-1"), second.offset("journal-1")) == (10, 20)
    again.forget("journal-1")
    assert (first.sources(), second.sources()) == ([], ["journal-1"])


def test_all_who_share_a_spool_have_the_same_word_for_it(tmp_path: Path) -> None:
    spool, words = tmp_path / "spool", list[str]()
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        words.append(spool_id(spool))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert words == words[:1] * 8
    assert len(words[0]) == 16
    assert [path.name for path in spool.iterdir()] == ["spool.id"]
    assert (spool / "spool.id").stat().st_mode & 0o777 == 0o600


# --- sizes and memory ------------------------------------------------------------------------


def test_large_events_are_claimed_a_few_at_a_time_in_order(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_words, "BYTES", 5000)
    box = opened()
    box.put_many([make_twin(n, pad="x" * 2000) for n in range(7)])
    seen = []
    while rows := box.claim(1000, NOW):
        seen.append(ids(rows))
    assert [len(part) for part in seen] == [2, 2, 2, 1]
    assert list(itertools.chain(*seen)) == [f"id-{n}" for n in range(7)]


@pytest.mark.parametrize("limit", [1, 3, 4, 7, 99])
def test_what_is_read_page_by_page_comes_whole_and_in_order(
    opened: Open, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(redis_ahead, "PAGE", 2)
    box = opened()
    box.put_many([make_twin(n) for n in range(7)])
    seen = []
    while rows := box.claim(limit, NOW, "111"):
        seen += ids(rows)
        assert len(rows) == min(limit, 7 - len(seen) + len(rows))
    assert seen == [f"id-{n}" for n in range(7)]


def test_many_events_are_put_in_portions_and_the_offset_comes_last(
    opened: Open, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_words, "RECORDS", 10)
    box = opened(server.url)
    box.put_many([])
    server.client.config_resetstat()
    gone = [Withdrawal("111", f"fb.1.1.{n}", NOW) for n in range(25)]
    twins = [make_twin(n, fbp=f"fb.1.1.{n}") for n in range(20, 45)]
    assert box.put_many([*twins[:9], *gone, *twins[9:]], "j", 5) == 20
    done = server.client.info("commandstats")
    assert (done["cmdstat_evalsha"]["calls"], done["cmdstat_expire"]["calls"]) == (5, 1)
    assert box.stats() == Stats(queued=20, oldest=NOW, withdrawn=5)
    assert box.offset("j") == 5


def test_nothing_stays_when_all_is_delivered_and_forgotten(
    opened: Open, clock: Clock, server: RedisServer
) -> None:
    box = opened(server.url)
    twins = [make_twin(n, fbp=f"fb.1.1.{n % 7}", lasting=n % 2 == 0) for n in range(50)]
    bought = make_twin("f", name="Purchase", fault="no value", fbp="fb.1.1.9")
    box.put_many([*twins, bought])
    first, *rest = box.claim(99, NOW)
    verdicts = [RetryAt(NOW, "x", True), Dead("x"), *[Delivered()] * 48]
    box.settle(list(zip([first.key, *[row.key for row in rest]], verdicts, strict=True)), NOW)
    assert len(deliver_all(box)) == 1
    box.put_many([Withdrawal("111", "fb.1.1.3", NOW)])
    clock.now += max(REMEMBER_LASTING, REMEMBER_WITHDRAWAL, KEEP_DEAD, KEEP_PURCHASES)
    box.put_many([])
    assert {key.decode() for key in server.client.keys("*")} == {
        f"pixelpair:{{events}}:{name}" for name in ("number", "count", "sent", "buyers")
    }


def test_many_dead_letters_are_replayed_and_purged_in_parts(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART", 10)
    box = opened()
    box.put_many([make_twin(n, fault="f" if n % 3 == 0 else None) for n in range(60)])
    while rows := box.claim(99, NOW):
        box.settle([(row.key, Dead("x")) for row in rows], NOW)
    assert box.stats() == Stats(dead=60)
    assert box.replay() == 40
    assert box.stats() == Stats(queued=40, dead=20, oldest=NOW)
    assert box.purge() == 20
    assert len(list(box.queued())) == 40


@pytest.mark.drill
def test_figures_of_100_000_events(opened: Open, server: RedisServer) -> None:
    box, total = opened(server.url), 100_000
    pad = {"client_user_agent": "Mozilla/5.0 " * 9, "em": "a" * 64, "url": "https://shop/" * 20}
    twins = [make_twin(n, fbp=f"fb.1.1700000000000.{n // 5}", **pad) for n in range(total)]
    before = server.client.info("memory")["used_memory"]
    begin = time.perf_counter()
    for first in range(0, total, 1000):
        box.put_many(twins[first : first + 1000], "j", first)
    put = time.perf_counter() - begin
    used = server.client.info("memory")["used_memory"] - before
    begin = time.perf_counter()
    while deliver_all(box):
        pass
    sent = time.perf_counter() - begin
    left = server.client.info("memory")["used_memory"] - before
    print(
        f"{len(twins[0].pack())} bytes an event; put {total / put:.0f}/s, claim and settle"
        f" {total / sent:.0f}/s; {used / total:.0f} bytes of Redis an event while it waits,"
        f" {left / total:.0f} while it is remembered"
    )
    assert box.stats() == Stats(delivered=total)
    assert min(total / put, total / sent) > 2000
    assert used / total < 2 * len(twins[0].pack())
