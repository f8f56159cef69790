"""Instagram posts with product tags: containers are made, waited for, and published.

https://developers.facebook.com/documentation/instagram-platform/content-publishing
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pixelpair.graph.catalog import made
from pixelpair.graph.errors import acted, asked
from pixelpair.graph.product_places import CAPS, Kind, Place, TagError, as_row, judge
from pixelpair.graph.product_tags import NEEDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pixelpair.graph.access import Access
    from pixelpair.graph.client import Graph

# https://developers.facebook.com/documentation/instagram-platform/instagram-graph-api/reference/ig-container
READY: Final = ("FINISHED", "PUBLISHED")
WORKING: Final = "IN_PROGRESS"
STEPS: Final[Mapping[int, str]] = dict.fromkeys(
    (10, *range(200, 300)), f"this needs instagram_content_publish, and {NEEDS}"
)
# Pauses between looks, in seconds; together five minutes, after which Meta's guide gives up too.
PAUSES: Final = (0.25, 1.0, 2.0, 4.0, 8.0, 15.0, *(30.0,) * 9)


_ADDRESS: Final = re.compile(r"https?://[^\s/?#]\S*")


@dataclass(frozen=True, slots=True)
class Medium:
    """One picture or film at a public address, and the products on it."""

    url: str
    kind: Kind = "image"
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Post:
    """What became of it: `media_id` once it is published, else the container and its status."""

    container_id: str
    status: str
    media_id: str = ""


def judged(media: Sequence[Medium], caps: dict[Kind, int] | None = None) -> None:
    """Raises TagError where Meta would refuse the media or their tags."""
    if not media or not any(medium.places for medium in media):
        raise TagError("no product is named: a post without tags needs no catalog")
    if len(media) > 1 and any(medium.kind == "reel" for medium in media):
        raise TagError("a carousel holds images and videos; a reel is a post of its own")
    if len(media) == 1 and media[0].kind == "video":
        raise TagError("a video that is no part of a carousel is a reel: --reel")
    for medium in media:
        if not _ADDRESS.fullmatch(medium.url):
            raise TagError(f"{medium.url!r} is no address that Meta can fetch: http:// or https://")
        if medium.places:
            judge(medium.places, medium.kind, (caps or dict(CAPS))[medium.kind])


def publish(
    graph: Graph,
    access: Access,
    user_id: str,
    media: Sequence[Medium],
    caption: str,
    pause: Callable[[float], None],
) -> Post:
    """Publish one medium, or several as a carousel. `pause` waits between looks."""
    many = len(media) > 1
    told = None if many else caption or None
    parts = [_contain(graph, access, user_id, _body(medium, many, told)) for medium in media]
    for container in parts:
        status = _settled(graph, access, container, pause)
        if status not in READY:
            return Post(container, status)
    container = parts[0]
    if many:
        body: dict[str, object] = {
            "media_type": "CAROUSEL",
            "children": parts,
            "caption": caption or None,
        }
        container = _contain(graph, access, user_id, body)
        status = _settled(graph, access, container, pause)
        if status not in READY:
            return Post(container, status)
    action = access.action("POST", user_id, "media_publish", body={"creation_id": container})
    return Post(container, "PUBLISHED", made(acted(graph, action, STEPS)))


def _body(medium: Medium, many: bool, caption: str | None) -> dict[str, object]:
    body: dict[str, object] = {
        "image_url" if medium.kind == "image" else "video_url": medium.url,
        "product_tags": [as_row(place) for place in medium.places] or None,
        "caption": caption,
        "is_carousel_item": many or None,
    }
    kinds = {"video": "VIDEO", "reel": "REELS"}
    return {**body, "media_type": kinds.get(medium.kind)}


def _contain(graph: Graph, access: Access, user_id: str, body: dict[str, object]) -> str:
    action = access.action("POST", user_id, "media", body=body)
    return made(acted(graph, action, STEPS))


def _settled(
    graph: Graph, access: Access, container_id: str, pause: Callable[[float], None]
) -> str:
    """The container's status once it is not being made any more, or when time is up."""
    status = ""
    for seconds in (*PAUSES, 0.0):
        told = asked(graph, access.query(container_id, fields="status_code,status"), STEPS)
        status = str(told.get("status_code", ""))
        if status != WORKING:
            break
        pause(seconds)
    return status
