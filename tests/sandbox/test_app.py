"""The application over real HTTP."""

from __future__ import annotations

import json
import socket
import time
from urllib.parse import urlencode, urlsplit

import pytest

from pixelpair.sandbox import reasons
from pixelpair.sandbox.api import MAX_READERS
from pixelpair.sandbox.app import create_app
from pixelpair.sandbox.box import PIECE
from pixelpair.sandbox.pixel_host import GIF
from pixelpair.sandbox.server import running
from pixelpair.sandbox.web import MAX_BODY
from tests.conftest import until

from .samples import GONE, event

TOKEN = "sandbox-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
EVENTS = "/v26.0/1234567890/events"


def lead(**changes):
    fresh = {"event_name": "Lead", "event_id": "id-1", "event_time": int(time.time())}
    return event(**{**fresh, "custom_data": GONE, **changes})


def numbers(answer) -> tuple:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("error_subcode")


def test_accepts_a_batch(sandbox):
    answer = sandbox.client.post(
        EVENTS, json={"data": [lead(), lead(event_id="b")]}, headers=BEARER
    )
    body = answer.json()
    assert body.pop("fbtrace_id").startswith("A")
    assert (answer.status_code, body) == (200, {"events_received": 2, "messages": []})


def test_shows_a_pair(sandbox):
    sent = lead(custom_data={"value": 5})
    sandbox.client.get(
        "/tr/",
        params={
            "id": "1234567890",
            "ev": "Lead",
            "eid": "id-1",
            "dl": "http://s/",
            "cd[value]": "5",
        },
        headers={"User-Agent": "Browser/1"},
    )
    body = {"data": [sent], "test_event_code": "TEST1"}
    sandbox.client.post(EVENTS, json=body, headers=BEARER)
    [shown] = sandbox.events()
    received = [shown[side].pop("received") for side in ("browser", "server")]
    assert time.time() - 60 < received[0] <= received[1] <= time.time()
    assert shown == {
        "name": "Lead",
        "event_id": "id-1",
        "pixel_id": "1234567890",
        "status": "paired",
        "browser": {
            "url": "http://s/",
            "referrer": "",
            "custom_data": {"value": 5},
            "user_data": {},
            "fbp": None,
            "fbc": None,
            "user_agent": "Browser/1",
            "noscript": False,
            "parameters": {},
            "consent": "not asked",
            "ldu": None,
            "match_keys": [],
            "data_keys": ["value"],
            "notes": [],
            "repeats": 0,
        },
        "server": {
            **sent,
            "test_event_code": "TEST1",
            "consent": "sent",
            "ldu": None,
            "match_keys": ["em", "client_ip_address", "client_user_agent"],
            "data_keys": ["value"],
            "notes": ["value without currency"],
            "repeats": 0,
        },
    }


def test_an_event_cannot_speak_for_the_sandbox(sandbox):
    claims = {"consent": "granted", "ldu": [1, 1], "match_keys": ["x"], "received": 0}
    sandbox.client.post(EVENTS, json={"data": [lead(**claims)]}, headers=BEARER)
    server = sandbox.events()[0]["server"]
    assert (server["consent"], server["ldu"]) == ("sent", None)
    assert "x" not in server["match_keys"]
    assert server["received"] > 0


def test_pixels_of_one_shop_have_pairs_of_their_own(sandbox):
    """All of them get the same id: the other pixel's half must never fill a gap."""
    for pixel, value in (("11", "1"), ("22", "2"), ("33", "3")):
        beacon = {"id": pixel, "ev": "Lead", "eid": "id-1", "cd[value]": value}
        sandbox.client.get("/tr/", params=beacon)
    for pixel, value in (("33", 3), ("22", 2), ("44", 4)):
        body = {"data": [lead(custom_data={"value": value})]}
        sandbox.client.post(f"/v26.0/{pixel}/events", json=body, headers=BEARER)
    values = [
        (row["pixel_id"], row["status"], *(half and half["custom_data"]["value"] for half in pair))
        for row in sandbox.events()
        for pair in [(row["browser"], row["server"])]
    ]
    assert values == [
        ("11", "browser_only", 1, None),
        ("22", "paired", 2, 2),
        ("33", "paired", 3, 3),
        ("44", "server_only", None, 4),
    ]


def test_a_bad_event_rejects_the_batch(sandbox):
    batch = [lead(), lead(event_time=1)]
    answer = sandbox.client.post(EVENTS, json={"data": batch}, headers=BEARER)
    assert numbers(answer) == (400, 100, 2804003)
    assert sandbox.events() == []
    [rejected] = sandbox.client.get("/api/rejections").json()["rejections"]
    assert rejected.pop("received") > 0
    assert rejected.pop("number") > 0
    assert rejected == {
        "advice": "Send events sooner: Meta takes none that happened more than 7 days ago.",
        "pixel_id": "1234567890",
        "status": 400,
        "error": answer.json()["error"],
        "count": 2,
        "events": [{"name": "Lead", "event_id": "id-1"}] * 2,
    }


@pytest.mark.parametrize(
    "where",
    [
        {"headers": BEARER},
        {"headers": {"Authorization": f"bearer  {TOKEN}"}},
        {"params": {"access_token": TOKEN}},
        {"token": TOKEN},
    ],
)
def test_takes_the_token_anywhere(sandbox, where):
    body = {"data": [lead()]}
    if "token" in where:
        body["access_token"] = where["token"]
    known = {key: value for key, value in where.items() if key != "token"}
    assert sandbox.client.post(EVENTS, json=body, **known).status_code == 200


def test_takes_forms(sandbox):
    body = {"data": "[]", "access_token": TOKEN}
    assert numbers(sandbox.client.post(EVENTS, data=body)) == (400, 100, None)


@pytest.mark.parametrize(
    ("path", "headers", "body", "expected"),
    [
        (EVENTS, {}, {"data": []}, (401, 190, None)),
        (EVENTS, {"Authorization": "Bearer not a token"}, {"data": []}, (401, 190, None)),
        (EVENTS, {}, {"data": [], "access_token": ["t"]}, (401, 190, None)),
        ("/v26.0/shop/events", BEARER, {"data": []}, (400, 100, 33)),
        ("/v26/1234567890/events", BEARER, {"data": []}, (400, 2500, None)),
        (EVENTS, BEARER, {"data": []}, (400, 100, None)),
        (EVENTS, BEARER, {}, (400, 100, None)),
        (EVENTS, BEARER, [], (400, 100, None)),
    ],
)
def test_refuses_in_graphs_words(sandbox, path, headers, body, expected):
    assert numbers(sandbox.client.post(path, json=body, headers=headers)) == expected


def test_refuses_a_body_that_is_not_json(sandbox):
    headers = {**BEARER, "Content-Type": "application/json"}
    assert numbers(sandbox.client.post(EVENTS, content=b"{", headers=headers)) == (400, 100, None)


def test_refuses_a_body_without_end(sandbox):
    def chunks():
        for _ in range(MAX_BODY // 65536 + 1):
            yield bytes(65536)

    answer = sandbox.client.post(EVENTS, content=chunks(), headers=BEARER)
    assert answer.status_code == 413


def test_the_token_is_nowhere_to_be_read(sandbox):
    sandbox.client.post(EVENTS, json={"data": [lead()], "access_token": "seekrit"})
    sandbox.client.post(EVENTS, json={"data": [{}], "access_token": "seekrit"})
    for path in ("/api/events", "/api/rejections"):
        assert "seekrit" not in sandbox.client.get(path).text


def test_rejections_of_garbage_can_be_shown(sandbox):
    deep: list = []
    for _ in range(400):
        deep = [deep]
    sandbox.client.post(EVENTS, json={"data": [{"event_name": deep}, deep, 7]}, headers=BEARER)
    sandbox.client.post(EVENTS, json={"data": [lead()], "test_event_code": deep}, headers=BEARER)
    [rejected] = sandbox.client.get("/api/rejections").json()["rejections"]
    assert rejected["events"] == [{"name": None, "event_id": None}] * 3
    assert sandbox.events()[0]["server"]["test_event_code"] is None


@pytest.mark.parametrize("path", ["/tr", "/tr/"])
def test_beacons_by_get_and_post(sandbox, path):
    get = sandbox.client.get(path, params={"id": "1", "ev": "Lead", "eid": "a"})
    form = {"id": "1", "ev": "Lead", "eid": "b", "cd[content_ids]": '["x"]'}
    post = sandbox.client.post(path, data=form)
    parts = sandbox.client.post(path, files={name: (None, text) for name, text in form.items()})
    for answer in (get, post, parts):
        assert (answer.status_code, answer.content) == (200, GIF)
        assert answer.headers["content-type"] == "image/gif"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["access-control-allow-origin"] == "*"
    assert [(row["event_id"], row["browser"]["repeats"]) for row in sandbox.events()] == [
        ("a", 0),
        ("b", 1),
    ]


def test_a_posted_beacon_may_have_its_pixel_in_the_address(sandbox):
    sandbox.client.post("/tr/?id=1&ev=Lead", data={"eid": "a"})
    assert [(row["pixel_id"], row["event_id"]) for row in sandbox.events()] == [("1", "a")]


def test_a_beacon_of_garbage_is_an_image_and_no_event(sandbox):
    for query in ("", "id=1", "%ff%00=%", "&" * 20000):
        answer = sandbox.client.get(f"/tr/?{query}")
        assert (answer.status_code, answer.content) == (400, GIF)
    assert sandbox.events() == []


def test_delete_empties_it(sandbox):
    sandbox.client.get("/tr/?id=1&ev=Lead")
    sandbox.client.post(EVENTS, json={})
    assert sandbox.client.delete("/api/events").status_code == 204
    assert sandbox.events() == []
    assert sandbox.client.get("/api/rejections").json() == {"rejections": []}


def test_events_are_not_sent_again_unchanged(sandbox):
    tag = sandbox.client.get("/api/events").headers["etag"]
    same = {"If-None-Match": tag}
    assert sandbox.client.get("/api/events", headers=same).status_code == 304
    sandbox.client.get("/tr/?id=1&ev=Lead")
    assert sandbox.client.get("/api/events", headers=same).status_code == 200


def test_every_app_has_its_own_memory(sandbox):
    sandbox.client.get("/tr/?id=1&ev=Lead")
    with running(create_app()) as other:
        assert sandbox.client.get(f"{other}/api/events").json() == {"events": []}


def test_keeps_the_newest(sandbox):
    with running(create_app(capacity=2)) as url:
        for number in range(3):
            sandbox.client.get(f"{url}/tr/?id=1&ev=Lead&eid={number}")
        rows = sandbox.client.get(f"{url}/api/events").json()["events"]
    assert [row["event_id"] for row in rows] == ["1", "2"]


def fault(sandbox, **order) -> None:
    assert sandbox.client.post("/api/faults", json=order).status_code == 204


def test_faults_last_as_long_as_ordered(sandbox):
    fault(sandbox, status=503, count=3)
    fault(sandbox, error={"code": 100, "subcode": 2804003})
    answers = [
        sandbox.client.post(EVENTS, json={"data": [lead()]}, headers=BEARER) for _ in range(5)
    ]
    assert [answer.status_code for answer in answers] == [503, 503, 503, 400, 200]
    assert numbers(answers[3]) == (400, 100, 2804003)
    assert len(sandbox.events()) == 1


def test_a_fault_may_lie_about_a_batch_it_took(sandbox):
    fault(sandbox, status=500, accept=True)
    for _ in range(2):
        sandbox.client.post(EVENTS, json={"data": [lead()]}, headers=BEARER)
    assert [row["server"]["repeats"] for row in sandbox.events()] == [1]


def test_a_hanging_answer_is_a_right_one(sandbox):
    fault(sandbox, hang=0.05)
    before = time.monotonic()
    answer = sandbox.client.post(EVENTS, json={"data": [lead()]}, headers=BEARER)
    assert (answer.status_code, time.monotonic() - before >= 0.05) == (200, True)


def test_a_fault_may_be_a_page(sandbox):
    fault(sandbox, body="<html>Sorry", status=502, headers={"Retry-After": "7"})
    answer = sandbox.client.post(EVENTS, json={})
    assert (answer.status_code, answer.text) == (502, "<html>Sorry")
    assert answer.headers["retry-after"] == "7"


def test_faults_can_be_called_off(sandbox):
    fault(sandbox, status=503)
    assert sandbox.client.delete("/api/faults").status_code == 204
    answer = sandbox.client.post(EVENTS, json={"data": [lead()]}, headers=BEARER)
    assert answer.status_code == 200


@pytest.mark.parametrize("content", [b"{", b"7", b'{"status": 1}'])
def test_a_wrong_fault_is_explained(sandbox, content):
    answer = sandbox.client.post("/api/faults", content=content)
    assert (answer.status_code, list(answer.json())) == (400, ["problem"])


@pytest.mark.parametrize("path", ["/", "/page/page.css", "/page/main.js", "/en_US/fbevents.js"])
def test_serves_its_files_as_they_are(sandbox, path):
    answer = sandbox.client.get(path)
    assert answer.status_code == 200
    assert len(answer.content) > 1000


def test_the_pixels_configuration_is_an_empty_script(sandbox):
    answer = sandbox.client.get("/signals/config/12?v=2.9&r=stable")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/javascript")


def test_answers_do_not_wait_for_an_acknowledgement(sandbox):
    """Without TCP_NODELAY each answer on a kept connection takes 40 ms (Nagle, delayed ACK)."""
    quickest = min(
        sandbox.client.post(EVENTS, json={"data": [lead()]}, headers=BEARER).elapsed
        for _ in range(10)
    )
    assert quickest.total_seconds() < 0.03


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"%ff%fe", b"..%2f..%2f", b"%00"])
def test_strange_paths_are_answered(sandbox, raw):
    address = urlsplit(sandbox.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(b"POST /v1.0/" + raw + b"/events HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.settimeout(5)
        assert connection.recv(12).startswith(b"HTTP/1.1 4")
    assert sandbox.client.get("/api/rejections").status_code == 200


def test_a_form_of_metas_kind_is_recorded(sandbox):
    form = {"data": json.dumps([json.dumps(lead())]), "access_token": TOKEN}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = sandbox.client.post(EVENTS, content=urlencode(form), headers=headers)
    assert answer.json()["events_received"] == 1
    assert sandbox.events()[0]["status"] == "server_only"


def test_one_event_is_opened_by_its_number(sandbox):
    sandbox.client.get("/tr/?id=1&ev=Lead&eid=a&cd[value]=5&cd[currency]=SEK")
    news = read_stream(sandbox)
    opened = sandbox.client.get(f"/api/events/{news['events'][0]['n']}").json()
    assert {key: opened[key] for key in ("name", "event_id", "pixel_id", "status", "why")} == {
        "name": "Lead",
        "event_id": "a",
        "pixel_id": "1",
        "status": "browser_only",
        "why": reasons.NOT_YET["browser"],
    }
    assert {"label": "Value", "browser": "5 SEK", "server": "", "differs": False} in opened["lines"]
    assert sandbox.client.get("/api/events/999999999").status_code == 404


def test_the_pages_policy_knows_no_host_but_its_own(sandbox):
    policy = sandbox.client.get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "trusted-types 'none'" in policy
    assert "unsafe" not in policy


# --- the stream --------------------------------------------------------------------------------


def read_stream(sandbox, mark: str = "", url: str = "") -> dict:
    """The first message: its data, and its id as `mark`."""
    headers = {"Last-Event-ID": mark} if mark else {}
    with sandbox.client.stream("GET", f"{url}/api/stream", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        found = next(line for line in lines if line.startswith("id: "))
        return {"mark": found[4:], **json.loads(next(lines).removeprefix("data: "))}


def names(news: dict) -> list[str]:
    return [row["name"] for row in news["events"]]


def test_a_new_reader_gets_all_there_is(sandbox):
    sandbox.client.get("/tr/?id=1&ev=Lead&eid=a")
    news = read_stream(sandbox)
    assert (news["reset"], news["more"], names(news)) == (True, False, ["Lead"])


def test_a_reader_who_comes_back_gets_what_he_missed(sandbox):
    sandbox.client.get("/tr/?id=1&ev=Lead&eid=a")
    mark = read_stream(sandbox)["mark"]
    sandbox.client.get("/tr/?id=1&ev=Contact&eid=b")
    sandbox.client.post(EVENTS, json={}, headers=BEARER)
    news = read_stream(sandbox, mark)
    assert (news["reset"], names(news)) == (False, ["Contact"])
    assert [row["status"] for row in news["rejections"]] == [400]


@pytest.mark.parametrize("mark", ["other-1", "x", "-", "é-²", "0-99999999999999999999"])
def test_an_unknown_mark_begins_anew(sandbox, mark):
    sandbox.client.get("/tr/?id=1&ev=Lead&eid=a")
    news = read_stream(sandbox, mark.encode())
    assert (news["reset"], names(news)) == (True, ["Lead"])


def test_a_reader_of_before_a_clearing_begins_anew(sandbox):
    sandbox.client.get("/tr/?id=1&ev=Lead&eid=a")
    mark = read_stream(sandbox)["mark"]
    sandbox.client.delete("/api/events")
    news = read_stream(sandbox, mark)
    assert (news["reset"], names(news)) == (True, [])


def test_what_is_much_comes_in_pieces_and_what_is_gone_is_said(sandbox):
    app = create_app(capacity=PIECE + 10)
    with running(app) as url:
        for number in range(PIECE + 20):
            app.state.box.book.record("browser", ("1", "Lead", str(number)), {}, 1.0)
        first = read_stream(sandbox, url=url)
        assert (first["more"], len(first["events"]), first["oldest"]) == (True, PIECE, 10)
        rest = read_stream(sandbox, first["mark"], url)
        assert (rest["reset"], rest["more"], len(rest["events"])) == (False, False, 10)


def test_readers_are_bounded_and_leave_no_trace(sandbox):
    app = create_app()
    with running(app) as url:
        app.state.box.readers = MAX_READERS
        assert sandbox.client.get(f"{url}/api/stream").status_code == 503
        app.state.box.readers = 0
        read_stream(sandbox, url=url)
        assert until(lambda: app.state.box.readers == 0)


def test_a_server_ends_although_somebody_reads(sandbox):
    with running() as url, sandbox.client.stream("GET", f"{url}/api/stream") as answer:
        next(answer.iter_lines())
        before = time.monotonic()
    assert time.monotonic() - before < 5


# --- rehearsals --------------------------------------------------------------------------------


def running_faults(sandbox) -> list[dict]:
    return sandbox.client.get("/api/faults").json()["faults"]


def test_a_rehearsal_lasts_its_seconds_and_can_be_ended(sandbox):
    fault(sandbox, preset="dead-token", seconds=60)
    answers = [sandbox.client.post(EVENTS, json={}, headers=BEARER) for _ in range(2)]
    assert [numbers(answer) for answer in answers] == [(401, 190, None)] * 2
    [row] = running_faults(sandbox)
    assert 50 < row.pop("until") - time.time() <= 60
    number = row.pop("number")
    assert row == {
        "title": "Dead token",
        "preset": "dead-token",
        "edge": "events",
        "budget": None,
        "left": None,
        "seconds": 60,
        "hits": 2,
    }
    assert sandbox.client.delete(f"/api/faults/{number}").status_code == 204
    assert sandbox.client.delete(f"/api/faults/{number}").status_code == 404
    assert running_faults(sandbox) == []


def test_a_throttled_answer_has_metas_headers(sandbox):
    fault(sandbox, preset="account-limit")
    answer = sandbox.client.post(EVENTS, json={}, headers=BEARER)
    assert numbers(answer) == (400, 80004, None)
    usage = json.loads(answer.headers["x-business-use-case-usage"])
    assert usage == {"1": [{"call_count": 100, "estimated_time_to_regain_access": 1}]}


# --- data set quality --------------------------------------------------------------------------

QUALITY = "/v26.0/dataset_quality"


def quality(sandbox, **asked):
    params = {"dataset_id": "1234567890", "access_token": TOKEN, **asked}
    return sandbox.client.get(QUALITY, params=params)


def test_tells_the_quality_of_what_it_received(sandbox):
    sandbox.client.get("/tr/?id=1234567890&ev=Lead&eid=id-1")
    sandbox.client.post(EVENTS, json={"data": [lead()]}, headers=BEARER)
    fields = "web{event_name,event_coverage{percentage,goal_percentage}}"
    coverage = {"percentage": 100.0, "goal_percentage": 75}
    assert quality(sandbox, fields=fields).json() == {
        "web": [{"event_name": "Lead", "event_coverage": coverage}]
    }


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"access_token": ""}, (401, 190, None)),
        ({"dataset_id": "shop"}, (400, 100, 33)),
        ({"dataset_id": ""}, (400, 100, 33)),
        ({"fields": "web{nothing}"}, (400, 100, None)),
        ({"fields": "web{"}, (400, 100, None)),
    ],
)
def test_refuses_a_wrong_question_of_quality(sandbox, asked, expected):
    assert numbers(quality(sandbox, **asked)) == expected


def test_only_the_agents_events_count_when_one_is_named(sandbox):
    for agent, event_id in (("PixelPair_1_0", "a"), ("other", "b")):
        body = {"data": [lead(event_id=event_id)], "partner_agent": agent}
        sandbox.client.post(EVENTS, json=body, headers=BEARER)
    fields = "web{event_match_quality{diagnostics},dedupe_key_feedback{dedupe_key}}"
    assert len(quality(sandbox, agent_name="pixelpair", fields=fields).json()["web"]) == 1
    assert quality(sandbox, agent_name="nobody", fields=fields).json() == {"web": []}
