"""`pixelpair tags publish`: a post whose products are tagged from its first minute."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pixelpair.commands.managing import an_id, line, talking
from pixelpair.commands.screen import answer
from pixelpair.commands.tags.words import LIMITS, a_place, add_tagging
from pixelpair.commands.words import LEFT, OK
from pixelpair.graph.product_places import CAPS, Kind
from pixelpair.graph.product_posts import Medium, judged, publish

if TYPE_CHECKING:
    from pixelpair.commands.words import Commands, Read


def add_publish(commands: Commands) -> None:
    parser = add_tagging(
        commands,
        "publish",
        _publish,
        "publish an image, a reel or a carousel with product tags",
        "Each medium is an address that Meta can reach, followed by its products. Several images\n"
        "or videos make a carousel. Waits up to five minutes for each. Meta takes 25 tagged posts\n"
        f"a day; the token needs instagram_content_publish too.\n{LIMITS}",
        "pixelpair tags publish 17841400000000000 --image https://shop.example/a.jpg "
        "3231775643511089@0.5,0.8\n"
        "pixelpair tags publish 17841400000000000 --reel https://shop.example/a.mp4 "
        "3231775643511089 --caption 'First flush'\n"
        "pixelpair tags publish 17841400000000000 --image https://shop.example/a.jpg "
        "3231775643511089@0.5,0.8 --image https://shop.example/b.jpg",
    )
    parser.add_argument("account", type=an_id, help="the Instagram account's id")
    for kind in CAPS:
        parser.add_argument(
            f"--{kind}",
            dest="media",
            action=_Adds,
            const=kind,
            nargs="+",
            default=[],
            metavar=("URL", "PRODUCT[@X,Y]"),
            help=f"one {kind}, and the products on it",
        )
    parser.add_argument("--caption", default="", help="the post's text")
    parser.add_argument(
        "--max-tags", type=int, metavar="N", help="another limit than Meta's for each medium"
    )


class _Adds(argparse.Action):
    """Keeps the media in the order in which they are given, of whatever kind."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        url, *products = values
        kind: Kind = self.const
        try:
            places = tuple(map(a_place, products))
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentError(self, str(error)) from None
        namespace.media = [*namespace.media, Medium(url, kind, places)]


def _publish(arguments: argparse.Namespace, read: Read) -> int:
    most = arguments.max_tags
    judged(arguments.media, None if most is None else dict.fromkeys(CAPS, most))
    with talking(read(), arguments.pixel) as (graph, access):
        post = publish(graph, access, arguments.account, arguments.media, arguments.caption, _wait)
    done = bool(post.media_id)
    if not done:
        print(_unpublished(post.container_id, post.status), file=sys.stderr)
    shown = [f"published {post.media_id}" if done else "not published"]
    answer(asdict(post), shown, as_json=arguments.json)
    return OK if done else LEFT


def _wait(seconds: float) -> None:
    """Between two looks nothing is published yet: whoever stops it here may know it."""
    try:
        time.sleep(seconds)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped before Meta was ready: nothing was published") from None


def _unpublished(container_id: str, status: str) -> str:
    said = line(status) or "nothing"
    return (
        f"container {container_id}: Meta says {said}. IN_PROGRESS: it takes longer than five"
        " minutes; ERROR: Meta could not use the medium; EXPIRED: it waited a day. Nothing was"
        " published: run this again"
    )
