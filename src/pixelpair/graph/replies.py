"""What Graph answers, whatever it is made of, as a Reply: its documents, errors, limits and clock.

Knows the shape of Graph's answers; what one means for an event is not said here.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    Body = bytes | bytearray | None

# A refusal may name fields of many events; what is beyond these is not looked at.
MAX_BLAMED, MAX_DEPTH, MAX_NAME = 50, 8, 60
# Headers may ask for patience, but not for ever: events go on after an hour, a person is told of
# up to a day.
MAX_WAIT: Final = 3600.0
MAX_REGAIN: Final = 86_400.0
MAX_TITLE: Final = 80
MAX_MESSAGE: Final = 400
TOO_LONG: Final = "an answer that is too long"
_ABSURD: Final = 1e9  # no NaN, no infinity, no integer that a float cannot hold
# What Graph says of a token may quote it.
_TOKEN_LIKE: Final = re.compile(r"EAA[\w.|-]{5,}")

_USAGE_HEADERS: Final = (
    "x-app-usage",
    "x-ad-account-usage",
    "x-business-use-case-usage",
)
_PERCENTS: Final = ("call_count", "total_cputime", "total_time", "acc_id_util_pct")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    `accepted`: Graph took events. `answered`: it answered a query or an action with this
    `document`; a list is its "data", a bare truth its "success".
    `refused`: Graph's error object. `garbage`: something answered, but not as Graph does.
    `silence`: nobody answered. `wait` is the least delay asked for, in seconds. `blamed` are paths
    into the call's body, such as (data, 0, user_data, fbc). `date` is Graph's clock when it
    answered, in whole Unix seconds. `detail` is our own words; `title`, `messages` and `message`
    are Meta's, the last of queries and actions alone: of events it may quote data. `usage` is the
    fullest of the limits that the headers tell, in percent.
    """

    kind: Literal["accepted", "answered", "refused", "garbage", "silence"]
    status: int | None = None
    code: int | None = None
    subcode: int | None = None
    transient: bool | None = None
    received: int | None = None
    title: str = ""
    messages: tuple[str, ...] = ()
    trace: str = ""
    wait: float = 0.0
    detail: str = ""
    blamed: tuple[tuple[str, ...], ...] = ()
    date: float | None = None
    document: Mapping[str, Any] | None = None
    message: str = ""
    usage: float | None = None


def read_document(status: int, headers: Mapping[str, str], body: Body, hidden: str = "") -> Reply:
    """The Reply in the HTTP answer to a query or an action, whatever it is made of.

    `hidden` is the token, which Graph's refusals may quote.
    """
    answer = _answer(status, headers, body, whole=True, hidden=hidden)
    reply = answer if isinstance(answer, Reply) else _answered(status, answer, headers)
    message = _message(body, hidden) if reply.kind == "refused" and body else ""
    wait = _wait(headers, MAX_REGAIN)
    return replace(reply, wait=wait, usage=_usage(headers), message=reply.message or message)


def _answered(status: int, answer: dict[str, Any], headers: Mapping[str, str]) -> Reply:
    if not 200 <= status < 300:
        return Reply("garbage", status, detail=f"HTTP {status} with unknown JSON")
    if answer.get("success") is False:
        return Reply("refused", status, detail="Meta answers that it did not succeed")
    return Reply("answered", status, date=_date(headers), document=answer)


def _message(body: bytes | bytearray, hidden: str) -> str:
    """Graph's own sentence about what is wrong: the one for people, where there is one."""
    answer = orjson.loads(body)
    error = answer.get("error") if isinstance(answer, dict) else None
    error = error if isinstance(error, dict) else {}
    said = next((t for k in ("error_user_msg", "message") if (t := error.get(k))), "")
    return sentence(said, MAX_MESSAGE, hidden)


def sentence(value: object, limit: int, hidden: str = "") -> str:
    """One printable line of Meta's for people, without this token and what looks like one."""
    if not isinstance(value, str):
        return ""
    return _text(_TOKEN_LIKE.sub("(hidden)", _without(hidden, value)), limit)


def _without(token: str, text: str) -> str:
    return text.replace(token, "(hidden)") if token else text


def _usage(headers: Mapping[str, str]) -> float | None:
    """How full the fullest limit of the usage headers is, in percent."""
    found = [_percents(headers.get(name, "")) for name in _USAGE_HEADERS]
    return max((percent for some in found for percent in some), default=None)


def _percents(value: str) -> list[float]:
    """The figures of a usage header: on its first level, or in lists below each business."""
    try:
        usage = json.loads(value) if value else {}
    except (ValueError, RecursionError):
        return []
    rows = [usage, *_kinds(usage)] if isinstance(usage, dict) else []
    known = [row.get(key) for row in rows for key in _PERCENTS]
    return [float(n) for n in known if isinstance(n, int | float) and 0 <= n < _ABSURD]


def _kinds(usage: dict[str, Any]) -> list[dict[str, Any]]:
    """What `X-Business-Use-Case-Usage` tells of each kind of call of each business."""
    lists = [kinds for kinds in usage.values() if isinstance(kinds, list)]
    return [kind for kinds in lists for kind in kinds if isinstance(kind, dict)]


def _answer(
    status: int,
    headers: Mapping[str, str],
    body: Body,
    *,
    whole: bool = False,
    hidden: str = "",
) -> dict[str, Any] | Reply:
    """The JSON object of an answer that is no error, or what the answer is instead.

    `whole`: a list or a truth is an answer too; `hidden`: a token that must not be told.
    """
    wait = _wait(headers)
    if body is None:
        return Reply("garbage", status, wait=wait, detail=TOO_LONG)
    try:
        answer = orjson.loads(body)
    except ValueError:
        answer = None
    if whole and isinstance(answer, list | bool):
        answer = {"data": answer} if isinstance(answer, list) else {"success": answer}
    if not isinstance(answer, dict):
        kind = "an HTML page" if body[:512].lstrip()[:1] == b"<" else "no JSON object"
        return Reply("garbage", status, wait=wait, detail=f"HTTP {status} with {kind}")
    if isinstance(answer.get("error"), dict):
        return _refusal(status, answer["error"], wait, _date(headers), hidden)
    return answer


def read_reply(status: int, headers: Mapping[str, str], body: Body) -> Reply:
    """The Reply in an HTTP answer, whatever it is made of."""
    wait = _wait(headers)
    answer = _answer(status, headers, body)
    if isinstance(answer, Reply):
        return answer
    received = whole_number(answer.get("events_received"))
    if 200 <= status < 300 and received is not None and answer.get("success") is not False:
        return Reply(
            "accepted",
            status,
            received=received,
            messages=_texts(answer.get("messages")),
            trace=_text(answer.get("fbtrace_id")),
            date=_date(headers),
        )
    return Reply("garbage", status, wait=wait, detail=f"HTTP {status} with unknown JSON")


def _refusal(
    status: int, error: dict[str, Any], wait: float, date: float | None, hidden: str
) -> Reply:
    transient = error.get("is_transient")
    return Reply(
        "refused",
        status,
        code=whole_number(error.get("code")),
        subcode=whole_number(error.get("error_subcode")),
        transient=transient if isinstance(transient, bool) else None,
        title=sentence(error.get("error_user_title"), MAX_TITLE, hidden),
        trace=_text(error.get("fbtrace_id")),
        wait=wait,
        blamed=_blamed(error.get("error_data"), hidden),
        date=date,
    )


def _blamed(data: object, hidden: str) -> tuple[tuple[str, ...], ...]:
    """The `blame_field_specs` in an error's data, which is an object or the JSON text of one."""
    if isinstance(data, str):
        try:
            data = orjson.loads(data)
        except ValueError:
            return ()
    specs = data.get("blame_field_specs") if isinstance(data, dict) else None
    paths = specs[:MAX_BLAMED] if isinstance(specs, list) else []
    return tuple(path for spec in paths if (path := _path(spec, hidden)))


def _path(spec: object, hidden: str) -> tuple[str, ...]:
    """The names and numbers that lead to a field; () where it is no path."""
    if not isinstance(spec, list) or len(spec) > MAX_DEPTH:
        return ()
    names = [str(name) for name in spec if isinstance(name, str) or type(name) is int]
    fitting = len(names) == len(spec) and all(len(name) <= MAX_NAME for name in names)
    return tuple(_without(hidden, name) for name in names) if fitting else ()


def _date(headers: Mapping[str, str]) -> float | None:
    """When Graph answered, by its own clock (RFC 9110: in whole seconds of GMT)."""
    try:
        return _moment(headers.get("date", "")).replace(tzinfo=UTC).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None


def _moment(value: str) -> datetime:
    from email.utils import parsedate_to_datetime  # as httpx has by then

    return parsedate_to_datetime(value)


def _wait(headers: Mapping[str, str], most: float = MAX_WAIT) -> float:
    """The longest delay that `Retry-After` or the usage headers ask for, in seconds."""
    asked = [_retry_after(headers.get("retry-after", ""), time.time())]
    asked += _regain_times(headers.get("x-business-use-case-usage", ""))
    return min(max(asked), most)


def _retry_after(value: str, now: float) -> float:
    """Seconds to wait by a `Retry-After` header, which is a number or a date (RFC 9110)."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:10])
    try:
        return max(0.0, _moment(value).timestamp() - now)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return 0.0


def _regain_times(value: str) -> list[float]:
    """Meta's `estimated_time_to_regain_access` (minutes) per business and kind of call."""
    try:
        usage = json.loads(value) if value else {}
    except (ValueError, RecursionError):
        return []
    calls = _kinds(usage) if isinstance(usage, dict) else []
    minutes = [call.get("estimated_time_to_regain_access") for call in calls]
    return [float(m) * 60 for m in minutes if isinstance(m, int | float) and 0 < m < _ABSURD]


def whole_number(value: object) -> int | None:
    """Graph's numbers, which some proxies and versions send as strings of digits."""
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 16:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: object, limit: int = 80) -> str:
    """One short printable line of what Meta wrote."""
    if not isinstance(value, str):
        return ""
    line = " ".join("".join(c if c.isprintable() else " " for c in value[: limit * 4]).split())
    return line[:limit]


def _texts(value: object) -> tuple[str, ...]:
    return tuple(sentence(v, 200) for v in value[:10] if v) if isinstance(value, list) else ()
