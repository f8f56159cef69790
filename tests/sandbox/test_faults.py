from __future__ import annotations

import pytest

from pixelpair.sandbox.faults import Fault, parse
from pixelpair.sandbox.presets import PRESETS


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_one_or_a_list():
    assert parse({"status": 503, "count": 3}) == [Fault(count=3, status=503)]
    assert parse([{"hang": 1}, {}]) == [Fault(hang=1), Fault()]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (7, "a fault is a JSON object"),
        ({"stats": 503}, "stats: unknown"),
        ({"status": "503"}, "status='503': wrong type"),
        ({"status": True}, "status=True: wrong type"),
        ({"status": 99}, "status=99: must be 200 to 599"),
        ({"seconds": 0}, "seconds=0: must be 1 to"),
        ({"preset": "coffee"}, "preset='coffee': unknown; known are slow, "),
        ({"count": 0}, "count=0: must be 1 to"),
        ({"hang": -1}, "hang=-1: must be 0 to"),
        ({"budget": 0}, "budget=0: must be 1 to"),
        ({"budget": 3, "status": 503}, "budget: answers for itself"),
        ({"preset": "outage", "budget": 3}, "budget: answers for itself"),
        ({"error": {}}, "error: needs an integer code"),
        ({"error": {"code": "190"}}, "error: needs an integer code"),
        ({"headers": {"a": "b\r\nc: d"}}, "headers: names and values"),
        ({"headers": {"a": 1}}, "headers: names and values"),
        ({"headers": {"a b": "c"}}, "headers: names and values"),
        ({"headers": {"Content-Length": "5"}}, "headers: names and values"),
        ({"error": {"code": 1, "x": nested(300)}}, "error: nested too deeply"),
    ],
)
def test_says_what_is_wrong(value, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        parse(value)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault(), 200),
        (Fault(status=429), 429),
        (Fault(error={"code": 190}), 401),
        (Fault(error={"code": 2}), 503),
        (Fault(error={"code": 4}), 400),
        (Fault(error={"code": 4}, status=403), 403),
        (Fault(body="<html>"), 200),
    ],
)
def test_status(fault, status):
    assert fault.answer_status() == status


def test_error_fields_are_metas():
    assert Fault(error={"code": 100, "subcode": 2804003}).error_fields() == {
        "message": "(sandbox) a fault on order",
        "type": "OAuthException",
        "is_transient": False,
        "code": 100,
        "error_subcode": 2804003,
    }


def test_a_bad_token_has_no_is_transient_unless_asked_for():
    assert "is_transient" not in Fault(error={"code": 190}).error_fields()
    asked = Fault(error={"code": 190, "is_transient": True})
    assert asked.error_fields()["is_transient"] is True


def test_a_bare_status_is_a_service_down():
    fields = Fault(status=503).error_fields()
    assert (fields["code"], fields["is_transient"]) == (2, True)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_fault_of_its_name(name):
    [fault] = parse({"preset": name, "seconds": 60})
    assert (fault.title(), fault.count, fault.seconds) == (PRESETS[name].title, None, 60)
    assert fault.answers or fault.hang or fault.ends or fault.budget


def test_a_preset_may_be_changed():
    [fault] = parse({"preset": "slow", "hang": 9, "count": 2})
    assert fault == Fault(preset="slow", hang=9, count=2)


@pytest.mark.parametrize(
    ("order", "title"),
    [
        ({"status": 503}, "HTTP 503"),
        ({"error": {"code": 190}, "hang": 2}, "HTTP 401, code 190, 2 s late"),
        ({"budget": 3}, "3 calls an hour"),
        ({}, "Nothing changed"),
    ],
)
def test_a_fault_without_a_name_is_described(order, title):
    assert parse(order)[0].title() == title
