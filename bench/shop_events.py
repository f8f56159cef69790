"""The same shop events for every subject of a bench: ours, Meta's SDK's, plain JSON."""

from __future__ import annotations

import hashlib
import time
import uuid
from typing import TYPE_CHECKING, Any

from pixelpair.core.events import Event, Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelpair.core.events import Twin

PIXEL_ID = "1234567890"
NAMES = ("ViewContent", "ViewContent", "ViewContent", "AddToCart", "Purchase")
AGENT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


def hashed(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


def visitor(n: int) -> Visitor:
    """Nine things that Meta matches by, five of them hashed."""
    return Visitor(
        url=f"https://shop.example.com/goods/tea-{n % 5000}?utm_source=newsletter",
        referrer="https://shop.example.com/goods",
        client_ip=f"203.0.{n // 250 % 250}.{n % 250}",
        user_agent=AGENT,
        fbp=f"fb.1.1749651650057.{639940942831715561 + n}",
        fbc=f"fb.1.1749651650057.IwAR2xGqQk3kqY7m1h0Zt9_wT4uPz8cRrV5sXyB6nDfEaJgLhKoMiCvN{n}",
        hashed={key: [hashed(f"{key}{n}")] for key in ("em", "ph", "fn", "ln", "external_id")},
    )


def event(n: int, now: int) -> Event:
    """With two lines of a cart."""
    contents = [
        {"id": f"TEA-{(n + line) % 5000}", "quantity": 1 + line, "item_price": 19.9}
        for line in range(2)
    ]
    data = {"value": 59.7, "currency": "SEK", "content_type": "product", "contents": contents}
    return Event(NAMES[n % len(NAMES)], uuid.uuid4().hex, now, data)


def twins(number: int) -> Iterator[Twin]:
    """New events of as many visitors."""
    now = int(time.time())
    return (event(n, now).twin(PIXEL_ID, visitor(n)) for n in range(number))


def sdk_events(number: int) -> list[Any]:
    """The same as objects of Meta's SDK, which normalises and serialises them when it sends."""
    from facebook_business.adobjects.serverside import event as sdk
    from facebook_business.adobjects.serverside.action_source import ActionSource

    now = int(time.time())
    made = []
    for n in range(number):
        ours = event(n, now)
        who = visitor(n)
        made.append(
            sdk.Event(
                event_name=ours.name,
                event_time=now,
                event_id=ours.id,
                event_source_url=who.url,
                referrer_url=who.referrer,
                action_source=ActionSource.WEBSITE,
                user_data=_sdk_user(who),
                custom_data=_sdk_data(ours),
            )
        )
    return made


def _sdk_user(who: Visitor) -> Any:
    from facebook_business.adobjects.serverside.user_data import UserData

    return UserData(
        emails=who.hashed["em"],
        phones=who.hashed["ph"],
        first_names=who.hashed["fn"],
        last_names=who.hashed["ln"],
        external_ids=who.hashed["external_id"],
        client_ip_address=who.client_ip,
        client_user_agent=who.user_agent,
        fbp=who.fbp,
        fbc=who.fbc,
    )


def _sdk_data(ours: Event) -> Any:
    from facebook_business.adobjects.serverside.content import Content
    from facebook_business.adobjects.serverside.custom_data import CustomData

    lines: Any = ours.data["contents"]
    return CustomData(
        value=ours.data["value"],
        currency=ours.data["currency"],
        content_type=ours.data["content_type"],
        contents=[
            Content(product_id=line["id"], quantity=line["quantity"], item_price=line["item_price"])
            for line in lines
        ],
    )


def sdk_request(events: list[Any], url: str, certificate: str) -> Any:
    """An EventRequest of the SDK that goes to this address; `execute()` posts it."""
    from facebook_business.adobjects.serverside.event_request import EventRequest
    from facebook_business.api import FacebookAdsApi

    api = FacebookAdsApi.get_default_api() or FacebookAdsApi.init(access_token="token")
    api._session.GRAPH = url
    api._session.requests.verify = certificate
    return EventRequest(pixel_id=PIXEL_ID, events=events)
