"""Decodes the bodies a Graph call or a beacon may have: JSON, urlencoded, multipart. Pure."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

import orjson

Pairs = list[tuple[str, str]]
MAX_FIELDS = 10_000


class BadBodyError(ValueError):
    """The body is not what its Content-Type says."""


def parameters(content_type: str, body: bytes) -> dict[str, Any]:
    """The parameters of a Graph call. In a form, `data` is JSON, each event perhaps again."""
    given = fields(content_type, body)
    if "data" in given and _kind(content_type) != "application/json":
        given["data"] = events(given["data"])
    return given


def fields(content_type: str, body: bytes) -> dict[str, Any]:
    """The parameters as they came: in a form, each is a text."""
    if _kind(content_type) == "application/json":
        return _json_object(body)
    return dict(pairs(content_type, body))


def pairs(content_type: str, body: bytes) -> Pairs:
    """The fields of a form, in order."""
    if _kind(content_type) == "multipart/form-data":
        return _multipart(content_type, body)
    return query(body.decode("utf-8", "replace"))


def query(text: str) -> Pairs:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise BadBodyError("too many fields") from error


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _json_object(body: bytes) -> dict[str, Any]:
    value = _json(body)
    if not isinstance(value, dict):
        raise BadBodyError("the body must be a JSON object")
    return value


def _json(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadBodyError(f"not JSON: {error.msg}") from error


def events(text: str) -> Any:
    """Meta's SDK sends a JSON array of JSON-encoded strings, others an array of objects."""
    value = _json(text)
    if not isinstance(value, list):
        return value
    return [_json(item) if isinstance(item, str) else item for item in value]


def _multipart(content_type: str, body: bytes) -> Pairs:
    head = f"Content-Type: {_one_line(content_type)}\r\n\r\n".encode("utf-8", "replace")
    message = message_from_bytes(head + body, policy=HTTP)
    if not message.is_multipart():
        raise BadBodyError("the multipart body has no parts")
    return [
        (str(name), _text(part.get_payload(decode=True)))
        for part in message.iter_parts()
        if (name := part.get_param("name", header="content-disposition"))
    ]


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")


def _text(payload: object) -> str:
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
