"""A TLS sink on loopback, far faster than any sender: it answers as Graph does and counts.

A process of its own: `with Sink() as sink`, or python bench/sink.py CERTIFICATE KEY. It parses
nothing but Content-Length, counts "event_name" in bodies, and takes the bytes on the wire from
the kernel (TCP_INFO), TLS included. Needs openssl.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

_ANSWER = b'{"events_received":%d,"messages":[],"fbtrace_id":"x"}'
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
# Where `tcpi_bytes_received` stands in the kernel's struct tcp_info (linux/tcp.h).
_RECEIVED_AT = 128
_READ = 256 * 1024
# What OpenSSL and httpx ask, and what requests does, where the certificates to trust are.
_TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(slots=True)
class Counts:
    """What has come in since the sink began; `wire` is TCP payload, `cpu` this process's time."""

    requests: int = 0
    events: int = 0
    body: int = 0
    wire: int = 0
    cpu: float = 0.0

    def since(self, before: Counts) -> Counts:
        now, then = asdict(self), asdict(before)
        return Counts(**{name: now[name] - then[name] for name in now})


class Sink:
    """The sink's process, its port and the certificate to trust; it ends with the `with`.

    While it runs, this process and its children trust it.
    """

    def __enter__(self) -> Self:
        self._folder = tempfile.mkdtemp(prefix="pixelpair-sink-")
        self.certificate = f"{self._folder}/certificate.pem"
        key = f"{self._folder}/key.pem"
        _make_certificate(self.certificate, key)
        self._process = subprocess.Popen(
            [sys.executable, __file__, self.certificate, key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._ask("port"))
        self.url = f"https://localhost:{self.port}"
        self._environ = dict(os.environ)
        os.environ |= dict.fromkeys(_TRUST, self.certificate) | {"NO_PROXY": "localhost,127.0.0.1"}
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        shutil.rmtree(self._folder)
        os.environ.clear()
        os.environ.update(self._environ)

    def counts(self) -> Counts:
        return Counts(**json.loads(self._ask("counts")))

    def wait_for(self, events: int, seconds: float) -> float:
        """Until so many events in all have come, or the time is over; gives `perf_counter`."""
        end = time.perf_counter() + seconds
        while self.counts().events < events and time.perf_counter() < end:
            time.sleep(0.01)
        return time.perf_counter()

    def answer_after(self, seconds: float) -> None:
        """How long each answer takes from here on."""
        self._ask(f"latency {seconds}")

    def _ask(self, words: str) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{words}\n")
        stdin.flush()
        return stdout.readline()


def _make_certificate(certificate: str, key: str) -> None:
    if shutil.which("openssl") is None:
        sys.exit("openssl is missing: this bench needs it for a certificate (apt install openssl)")
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
    name = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", *new, *name, "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)


class _Server:
    """One thread a connection: blocking reads are the cheapest there are."""

    def __init__(self, certificate: str, key: str) -> None:
        self.counts = Counts()
        self.latency = 0.0
        self._lock = threading.Lock()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]

    def run(self) -> None:
        while True:
            peer, _ = self._listener.accept()
            threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with self._tls.wrap_socket(peer, server_side=True) as tls:
                self._serve(tls)
        except OSError:
            pass  # the sender has gone

    def _serve(self, tls: ssl.SSLSocket) -> None:
        data, wire = bytearray(), 0
        while True:
            while (end := data.find(b"\r\n\r\n")) < 0:
                if not (more := tls.recv(_READ)):
                    return
                data += more
            size = end + 4 + _length(bytes(data[:end]))
            while len(data) < size:
                if not (more := tls.recv(_READ)):
                    return
                data += more
            events = data.count(b"event_name", end, size)
            received = _received(tls)
            self._count(events, size - end - 4, received - wire)
            wire = received
            del data[:size]
            if self.latency:
                time.sleep(self.latency)
            body = _ANSWER % events
            tls.sendall(_HEAD % len(body) + body)

    def _count(self, events: int, body: int, wire: int) -> None:
        with self._lock:
            self.counts.requests += 1
            self.counts.events += events
            self.counts.body += body
            self.counts.wire += wire

    def said(self) -> dict[str, Any]:
        with self._lock:
            return asdict(self.counts) | {"cpu": time.process_time()}


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def _received(tls: ssl.SSLSocket) -> int:
    info = tls.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    return int.from_bytes(info[_RECEIVED_AT : _RECEIVED_AT + 8], sys.byteorder)


def main(certificate: str, key: str) -> None:
    server = _Server(certificate, key)
    threading.Thread(target=server.run, daemon=True).start()
    for line in sys.stdin:
        match line.split():
            case ["port"]:
                print(server.port, flush=True)
            case ["counts"]:
                print(json.dumps(server.said()), flush=True)
            case ["latency", seconds]:
                server.latency = float(seconds)
                print(flush=True)


if __name__ == "__main__":
    main(*(str(Path(word)) for word in sys.argv[1:]))
