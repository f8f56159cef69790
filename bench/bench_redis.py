"""Draining a Redis: our outbox beside celery-batches, on one redis-server, to one TLS sink.

Run: python bench/bench_redis.py [--quick]. Both have their events in Redis when the clock starts;
both post a thousand at a time. Also what a queued event takes of Redis's memory. Needs
redis-server, celery and celery-batches.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import redis
from redis_process import redis_server
from shop_events import PIXEL_ID, twins
from side_by_side import say_least
from sink import Sink

from pixelpair.delivery.intake import Intake
from pixelpair.delivery.journal import Journal
from pixelpair.sending import open_outbox, open_worker
from pixelpair.settings import Settings

ROUNDS, EVENTS, TASKS = 4, 30_000, 4_000
BATCH = 1000


def celery_app() -> Any:
    """What a Celery shop would write: one task an event, posted a thousand at a time."""
    from celery import Celery
    from celery_batches import Batches

    app = Celery("bench_redis", broker=os.environ["BENCH_REDIS"])
    app.conf.update(
        task_ignore_result=True,
        worker_prefetch_multiplier=2 * BATCH,  # fewer would never make a batch
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
    )
    client = httpx.Client()

    @app.task(base=Batches, flush_every=BATCH, flush_interval=1, name="post")
    def post(requests: list[Any]) -> None:
        rows = [request.args[0] for request in requests]
        url = f"{os.environ['BENCH_SINK']}/v26.0/{PIXEL_ID}/events"
        client.post(url, json={"data": rows}).raise_for_status()

    app.post = post
    return app


def __getattr__(name: str) -> Any:
    """The app that celery asks this module for."""
    if name != "app":
        raise AttributeError(name)
    return celery_app()


def theirs(sink: Sink, tasks: int) -> float:
    """Events a second between the first batch and the last, the worker's start left out."""
    app = celery_app()
    with app.producer_pool.acquire(block=True) as producer:
        for twin in twins(tasks):
            app.post.apply_async((json.loads(twin.body),), producer=producer)
    app.close()
    before = sink.counts().events
    quiet = ["--loglevel", "CRITICAL", "--without-gossip", "--without-mingle"]
    command = [sys.executable, "-m", "celery", "-A", "bench_redis:app", "worker", "-P", "solo"]
    muted: dict[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
    worker = subprocess.Popen([*command, "-c", "1", *quiet], cwd=Path(__file__).parent, **muted)
    try:
        start = sink.wait_for(before + 1, 30)
        first = sink.counts().events - before
        end = sink.wait_for(before + tasks, 60)
        assert sink.counts().events == before + tasks
        return (tasks - first) / (end - start)
    finally:
        worker.terminate()
        worker.wait(20)


@dataclass(frozen=True, slots=True)
class Drained:
    """Events a second into Redis, and from there to Graph; what an event takes of Redis's memory
    while it waits and after its delivery, in bytes; and of its processor in all, in microseconds.
    """

    into: float
    out: float
    waiting: float
    remembered: float
    cpu: float


def used(client: redis.Redis) -> tuple[int, float]:
    """Redis's memory in bytes, and its processor time in seconds."""
    cpu = client.info("cpu")
    return client.info("memory")["used_memory"], cpu["used_cpu_user"] + cpu["used_cpu_sys"]


def ours(sink: Sink, events: int, redis_url: str) -> Drained:
    client = redis.Redis.from_url(redis_url)
    with tempfile.TemporaryDirectory(prefix="pixelpair-bench-") as folder:
        settings = Settings(
            pixel_id=PIXEL_ID,
            access_token="t",
            graph_url=sink.url,
            spool=folder,
            outbox=f"{redis_url}?name={Path(folder).name}",
        )
        journal = Journal(Path(folder))
        for twin in twins(events):
            journal.append(twin.pack())
        journal.close()
        outbox = open_outbox(settings, Path(folder))
        (empty, spent), start = used(client), time.perf_counter()
        intake = Intake(Path(folder), outbox)
        while intake.take():
            pass
        took_in = time.perf_counter() - start
        full, _ = used(client)
        outbox.close()
        worker = open_worker(settings, Path(folder), journal)
        before, start = sink.counts().events, time.perf_counter()
        done = worker.drain()
        sent = time.perf_counter() - start
        worker.close()
        assert done.reason is None
        assert sink.counts().events - before == events
    left, ended = used(client)
    client.close()
    sizes = ((full - empty) / events, (left - empty) / events)
    return Drained(events / took_in, events / sent, *sizes, (ended - spent) / events * 1e6)


def show(name: str, series: list[float]) -> float:
    low, median, high = statistics.quantiles(series, n=4)
    print(f"{name:44}{median:9.0f}   (quartiles {low:.0f} … {high:.0f})")
    return median


def main(rounds: int = ROUNDS, events: int = EVENTS, tasks: int = TASKS) -> None:
    if importlib.util.find_spec("celery_batches") is None:
        print("celery-batches is missing: this bench is left out (pip install celery-batches)")
        return
    with redis_server() as port, Sink() as sink:
        url = f"redis://127.0.0.1:{port}"
        os.environ |= {"BENCH_REDIS": f"{url}/1", "BENCH_SINK": sink.url}
        batches, drains = [], []
        for warm in (True, *[False] * rounds):
            drained = ours(sink, events // 5 if warm else events, f"{url}/0")
            if not warm:
                drains.append(drained)
                batches.append(theirs(sink, tasks))
    show("pixelpair: journals → Redis, events/s", [one.into for one in drains])
    mine = show("pixelpair: Redis → Graph, events/s", [one.out for one in drains])
    their = show("celery-batches: Redis → Graph, events/s", batches)
    body = statistics.mean(len(twin.body) for twin in twins(100))
    show(f"Redis: bytes while {body:.0f} bytes wait", [one.waiting for one in drains])
    show("Redis: bytes while its id is remembered", [one.remembered for one in drains])
    show("Redis: µs of processor an event in all", [one.cpu for one in drains])
    print()
    say_least("Redis drain, events/s / celery-batches", mine / their, 40)


if __name__ == "__main__":
    main(*((2, 10_000, 3_000) if "--quick" in sys.argv else ()))
