"""What filling a catalog costs: 100,000 products of a CSV file, beside Meta's own SDK, one server.

Run: python bench/bench_sync.py [--quick]. Our side validates, hashes, journals, sends and polls
each handle to its end, in a process of its own whose memory is watched; then it runs again with
nothing changed. The SDK reads the same file and posts it with items_batch, 1000 items at a time,
and asks for no handle. The server reads bodies, counts requests in them, and answers as Graph does.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from side_by_side import say, say_least

CATALOG = "1234567890"
ITEMS, ROUNDS, SDK_BATCH = 100_000, 3, 1000
_WORDS = "stoneware mug fired twice glazed by hand holds tea and coffee safe in a dishwasher "


class Meta(BaseHTTPRequestHandler):
    """Graph's two edges; what a batch holds is counted in its bytes, encoded or not."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    posts = items = asked = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Meta.posts += 1
        Meta.items += body.count(b"UPDATE")
        self._answer({"handles": [f"h{Meta.posts}"]})

    def do_GET(self) -> None:
        if self.path == "/counts":
            self._answer({"posts": Meta.posts, "items": Meta.items, "asked": Meta.asked})
            Meta.posts = Meta.items = Meta.asked = 0
            return
        Meta.asked += 1
        status = {"status": "finished", "errors_total_count": 0, "ids_of_invalid_requests": []}
        self._answer({"data": [status]})

    def _answer(self, document: dict[str, object]) -> None:
        data = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


def serve() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Meta)
    print(server.server_port, flush=True)
    server.serve_forever()


def write_products(path: Path, number: int) -> None:
    """A shop's export: 14 columns, about a kilobyte a row."""
    columns = [
        *("id", "title", "description", "availability", "condition", "price", "link", "brand"),
        *("image_link", "item_group_id", "color", "size", "sale_price", "product_type"),
    ]
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        for n in range(number):
            group, place = divmod(n, 4)
            link = f"https://shop.example/products/stoneware-mug-{group}?variant={n}"
            rows.writerow(
                [
                    *(f"SKU-{n}", f"Stoneware mug {group}", _WORDS * 8, "in stock", "new"),
                    *(f"{n % 90 + 9}.90 EUR", link, "Kiln", f"{link}.jpg", f"G-{group}"),
                    *("red", "SMLX"[place], "", "Kitchen > Mugs"),
                ]
            )


def resident() -> float:
    """Megabytes of memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def ours(url: str, source: str, book: str) -> dict[str, float]:
    from pixelpair.catalog.book import Book
    from pixelpair.catalog.plan import Plan
    from pixelpair.catalog.sources import rows_of
    from pixelpair.catalog.sync import Sync
    from pixelpair.graph.access import Access
    from pixelpair.graph.client import Graph, Query

    with Graph(timeout=120.0) as graph, Book(Path(book)) as kept:
        access = Access(url, "v25.0", "token")
        graph.ask(Query(f"{url}/v25.0/me", {}, "token"))  # what imports and connections take
        before, start, cpu = resident(), time.perf_counter(), time.process_time()
        sync = Sync(Plan(CATALOG, "full"), access, graph, kept, clock=time.time, rest=time.sleep)
        report = sync.run(rows_of(source))
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    assert report.complete, report
    return {"wall": wall, "cpu": cpu, "memory": peak - before, "calls": report.calls}


def theirs(url: str, source: str) -> dict[str, float]:
    from facebook_business import session
    from facebook_business.adobjects.productcatalog import ProductCatalog
    from facebook_business.api import FacebookAdsApi

    session.FacebookSession.GRAPH = url
    FacebookAdsApi.init(access_token="token", crash_log=False)
    catalog, before = ProductCatalog(CATALOG), resident()
    start, cpu, calls, batch = time.perf_counter(), time.process_time(), 0, []

    def post() -> int:
        params = {"item_type": "PRODUCT_ITEM", "requests": batch}
        catalog.create_items_batch(params=params)
        batch.clear()
        return 1

    with Path(source).open(newline="") as file:
        for row in csv.DictReader(file):
            batch.append({"method": "UPDATE", "data": row})
            if len(batch) == SDK_BATCH:
                calls += post()
    calls += post() if batch else 0
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {"wall": wall, "cpu": cpu, "memory": peak - before, "calls": calls}


def run(*words: str) -> dict[str, float]:
    """One side in a process of its own."""
    ran = subprocess.run(
        [sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(json.loads(ran.stdout))


def show(name: str, items: int, taken: list[dict[str, float]]) -> dict[str, float]:
    found = {key: statistics.median(one[key] for one in taken) for key in taken[0]}
    rates = sorted(items / one["wall"] for one in taken)
    print(
        f"{name:42}{items / found['wall']:9.0f} items/s   ({rates[0]:.0f} … {rates[-1]:.0f})"
        f"{found['cpu'] / items * 1e6:7.1f} µs CPU an item{found['memory']:7.1f} MB"
        f"{found['calls']:6.0f} calls"
    )
    return found


def main(items: int = ITEMS, rounds: int = ROUNDS) -> None:
    if importlib.util.find_spec("facebook_business") is None:
        print("facebook_business is missing: this bench is left out (pip install it)")
        return
    server = subprocess.Popen(
        [sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    url = f"http://127.0.0.1:{int(server.stdout.readline())}"
    try:
        with tempfile.TemporaryDirectory(prefix="pixelpair-bench-") as folder:
            compare(url, Path(folder), items, rounds)
    finally:
        server.terminate()
        server.wait()


def compare(url: str, folder: Path, items: int, rounds: int) -> None:
    source = folder / "products.csv"
    write_products(source, items)
    first: list[dict[str, float]] = []
    again: list[dict[str, float]] = []
    sdk: list[dict[str, float]] = []
    for number in range(rounds):
        book = str(folder / f"{number}.sqlite3")
        first.append(run("ours", url, str(source), book))
        again.append(run("ours", url, str(source), book))
        sdk.append(run("theirs", url, str(source)))
    print(f"{items} products, {source.stat().st_size / items:.0f} bytes each")
    mine = show("pixelpair: full sync, polled to the end", items, first)
    unchanged = show("pixelpair: again, nothing changed", items, again)
    other = show("facebook_business: 1000 a call, not polled", items, sdk)
    print()
    say_least("items/s / SDK", other["wall"] / mine["wall"], 2)
    say("items_batch calls", mine["calls"], -(-items // 3000))
    say("items_batch calls, nothing changed", unchanged["calls"], 0)
    say("memory, MB more than before", max(one["memory"] for one in first), 60)


if __name__ == "__main__":
    SIDES = {"ours": ours, "theirs": theirs}
    if sys.argv[1:2] == ["serve"]:
        serve()
    elif sys.argv[1:2] and sys.argv[1] in SIDES:
        print(json.dumps(SIDES[sys.argv[1]](*sys.argv[2:])))
    else:
        main(*((20_000, 1) if "--quick" in sys.argv else ()))
