"""A shop's start: its door's settings, and what its log is told of them. Nothing raises into it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pixelpair.core.notes import Notes
from pixelpair.errors import Problem, SettingsError
from pixelpair.readers import LOOPBACK
from pixelpair.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTES = Notes()  # for what belongs to no tracker: mistakes in settings, calls outside requests
_UNLASTING = (
    "no PIXELPAIR_SECRET: Purchase ids are derived from the access token and hold only until it"
    " changes"
)
_DEBUG = (
    "the framework runs in debug mode, and events go to Meta itself WITHOUT a test event code: each"
    " of your clicks counts as a customer's. Set PIXELPAIR_TEST_EVENT_CODE, point"
    " PIXELPAIR_GRAPH_URL at the sandbox, or set PIXELPAIR_MODE=off"
)
_SHADOW = (
    "PIXELPAIR_MODE=shadow: pages stay as they are and nothing is sent; `pixelpair shadow` shows"
    " what would be"
)


def settings_of_door(
    settings: Settings | None,
    *,
    sees_names: bool,
    framework_secret: object,
    given: Mapping[str, object] | None,
) -> Settings:
    """What a door goes by; switched off where there is a mistake, which the log tells."""
    try:
        settings = settings or Settings.from_env(given=given)
        settings = settings.with_default_secret(framework_secret)
        if not sees_names and settings.routes.uses_names:
            expected = "name: rules need the Flask, Django or Starlette middleware"
            raise SettingsError([Problem("PIXELPAIR_ROUTES", "name:…", expected)])
    except SettingsError as error:
        NOTES.once(str(error), logging.ERROR, "%s\npixelpair is switched off", error)
        return Settings(mode="off")
    return settings


def say_debug(settings: Settings) -> None:
    """A developer's clicks count as customers' unless somebody said where they go."""
    shops = settings.shops.values() if isinstance(settings.shops, dict) else [settings]
    if settings.active and settings.mode == "live" and any(map(_reaches_meta, shops)):
        NOTES.once("debug", logging.WARNING, _DEBUG)


def _reaches_meta(shop: Settings) -> bool:
    real = urlsplit(shop.graph_url).hostname not in LOOPBACK
    sends = shop.mode == "live" and bool(shop.access_token)
    return real and sends and not shop.test_event_code.code


def say_what_is_missing(settings: Settings) -> None:
    """What these settings keep pixelpair from doing, each said once."""
    if settings.mode == "off":
        return
    if settings.mode == "shadow":
        NOTES.once("shadow", logging.WARNING, _SHADOW)
    if settings.shops:
        shops = settings.shops.values() if isinstance(settings.shops, dict) else [settings]
        if not all(shop.secret for shop in shops):
            NOTES.once("secret", logging.WARNING, _UNLASTING)
    elif not settings.pixel_id:
        NOTES.once("inert", logging.WARNING, "no PIXELPAIR_PIXEL_ID: pixelpair is inert")
    elif not settings.access_token:
        text = "no PIXELPAIR_ACCESS_TOKEN: only the browser halves of events leave"
        NOTES.once("no token", logging.WARNING, text)
    elif not settings.secret:
        NOTES.once("secret", logging.WARNING, _UNLASTING)
