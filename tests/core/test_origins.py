from __future__ import annotations

import logging

import pytest

from pixelpair.core.notes import Notes
from pixelpair.core.origins import RUN, Asker, Gate
from tests.core.exchanges import request

FRONT = "https://front.example"
OWN = "https://www.shop.example"


def ask(gate: Gate | None = None, host: str = "www.shop.example", **headers: str) -> Asker | None:
    gate = gate or Gate(frozenset({FRONT, "http://localhost:5173"}), Notes())
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return gate.admits(request("POST", "/_pixelpair/events", headers=named, host=host))


SAME = {"sec_fetch_site": "same-origin"}
OURS = Asker("www.shop.example")


@pytest.mark.parametrize(
    ("headers", "host", "asker"),
    [
        (SAME | {"origin": OWN}, "www.shop.example", OURS),
        (SAME | {"origin": OWN}, "127.0.0.1:8000", OURS),
        (SAME | {"origin": "null"}, "www.shop.example", OURS),
        (SAME, "WWW.shop.example:443", OURS),
        ({"origin": OWN}, "www.shop.example", OURS),
        ({"origin": "http://www.shop.example"}, "www.shop.example:80", OURS),
        ({"origin": "http://localhost:8000"}, "localhost:8000", Asker("localhost:8000")),
        ({"origin": "http://[::1]:8000"}, "[::1]:8000", Asker("[::1]:8000")),
        ({"origin": FRONT}, "api.example", Asker("front.example", FRONT)),
        (
            {"origin": FRONT, "sec_fetch_site": "same-site"},
            "api.example",
            Asker("front.example", FRONT),
        ),
        (
            {"origin": "http://localhost:5173"},
            "localhost:8000",
            Asker("localhost:5173", "http://localhost:5173"),
        ),
        ({}, "www.shop.example", None),
        ({"origin": "null"}, "www.shop.example", None),
        ({"origin": OWN}, "127.0.0.1:8000", None),
        ({"origin": OWN, "sec_fetch_site": "cross-site"}, "www.shop.example", None),
        ({"origin": OWN, "sec_fetch_site": "none"}, "www.shop.example", None),
        ({"sec_fetch_site": "none"}, "www.shop.example", None),
        ({"origin": "http://front.example"}, "www.shop.example", None),
        ({"origin": f"{FRONT}:8443"}, "www.shop.example", None),
        ({"origin": f"{FRONT}.evil.example"}, "www.shop.example", None),
        ({"origin": "www.shop.example"}, "www.shop.example", None),
        ({"origin": "https://"}, "", None),
        ({"origin": "https://\xe4"}, "\xe4", None),
        ({"origin": f"{OWN}\r\nx: y", "sec_fetch_site": "cross-site"}, "www.shop.example", None),
    ],
)
def test_admits(headers: dict[str, str], host: str, asker: Asker | None) -> None:
    assert ask(host=host, **headers) == asker


def test_foreign_page_may_read_the_answer_and_keep_its_cookies() -> None:
    assert OURS.headers == []
    assert Asker("front.example", FRONT).headers == [
        (b"access-control-allow-origin", FRONT.encode()),
        (b"access-control-allow-credentials", b"true"),
        (b"vary", b"Origin"),
    ]


def refused(gate: Gate, times: int, **headers: str) -> None:
    for _ in range(times):
        assert ask(gate, "127.0.0.1:8000", **headers) is None


def test_run_of_refusals_is_one_warning_with_both_hosts(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(frozenset(), Notes())
    refused(gate, RUN - 1, origin=OWN)
    assert caplog.messages == []
    refused(gate, RUN, origin=OWN)
    assert caplog.record_tuples == [
        (
            "pixelpair",
            logging.WARNING,
            (
                f"reports from pages at {OWN} are refused, the app is asked as 127.0.0.1:8000: "
                "if both are this shop, let the proxy hand on the Host header, "
                f"or set PIXELPAIR_ORIGINS={OWN}"
            ),
        )
    ]


def test_refusals_among_accepted_ones_are_strangers(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(frozenset(), Notes())
    for _ in range(3):
        refused(gate, RUN - 1, origin="https://stranger.example")
        assert ask(gate, origin=OWN) == OURS
    assert caplog.messages == []


def test_origin_that_is_none_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(frozenset(), Notes())
    refused(gate, RUN, origin="https://a\nroot logged in")
    refused(gate, RUN)
    assert caplog.messages == []
