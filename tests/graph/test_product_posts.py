"""Containers are made, waited for and published; nobody sleeps here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelpair.graph.product_places import Place
from pixelpair.graph.product_posts import PAUSES, Medium, Post, publish

if TYPE_CHECKING:
    from pixelpair.graph.client import Graph

    from .meta import Meta

URL = "https://shop.example/a"
FILM = Medium(f"{URL}.mp4", "reel", (Place("7"),))


def test_looks_again_until_it_is_ready(graph: Graph, meta: Meta) -> None:
    working, ready = {"status_code": "IN_PROGRESS"}, {"status_code": "FINISHED"}
    meta.say("POST /v26.0/1/media", {"id": "5"})
    meta.say("GET /v26.0/5", working, working, ready)
    meta.say("POST /v26.0/1/media_publish", {"id": "6"})
    waited: list[float] = []
    done = publish(graph, meta.access, "1", [FILM], "Tea", waited.append)
    assert (done, tuple(waited)) == (Post("5", "PUBLISHED", "6"), PAUSES[:2])
    tags = [{"product_id": "7"}]
    made = {"video_url": FILM.url, "product_tags": tags, "caption": "Tea", "media_type": "REELS"}
    assert meta.calls("POST") == [
        ("/v26.0/1/media", made),
        ("/v26.0/1/media_publish", {"creation_id": "5"}),
    ]


def test_waits_five_minutes_and_publishes_nothing(graph: Graph, meta: Meta) -> None:
    meta.say("POST /v26.0/1/media", {"id": "5"})
    meta.say("GET /v26.0/5", {"status_code": "IN_PROGRESS"})
    waited: list[float] = []
    done = publish(graph, meta.access, "1", [FILM], "", waited.append)
    assert (done, 290 < sum(waited) <= 301) == (Post("5", "IN_PROGRESS"), True)
    assert len(meta.calls("POST")) == 1


def test_a_carousel_has_the_tags_on_its_parts(graph: Graph, meta: Meta) -> None:
    meta.say("POST /v26.0/1/media", {"id": "5"}, {"id": "6"}, {"id": "8"})
    for container in ("5", "6", "8"):
        meta.say(f"GET /v26.0/{container}", {"status_code": "FINISHED"})
    meta.say("POST /v26.0/1/media_publish", {"id": "9"})
    media = [Medium(f"{URL}.jpg", "image", (Place("7", 0.5, 0.5),)), Medium(f"{URL}.mp4", "video")]
    done = publish(graph, meta.access, "1", media, "Tea", [].append)
    tag = {"product_id": "7", "x": 0.5, "y": 0.5}
    assert done == Post("8", "PUBLISHED", "9")
    assert [body for _, body in meta.calls("POST")] == [
        {"image_url": f"{URL}.jpg", "product_tags": [tag], "is_carousel_item": True},
        {"video_url": f"{URL}.mp4", "is_carousel_item": True, "media_type": "VIDEO"},
        {"media_type": "CAROUSEL", "children": ["5", "6"], "caption": "Tea"},
        {"creation_id": "8"},
    ]


def test_a_part_that_meta_cannot_use_ends_it(graph: Graph, meta: Meta) -> None:
    meta.say("POST /v26.0/1/media", {"id": "5"})
    meta.say("GET /v26.0/5", {"status_code": "ERROR"})
    assert publish(graph, meta.access, "1", [FILM], "", [].append) == Post("5", "ERROR")
