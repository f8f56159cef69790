"""pixelpair in INSTALLED_APPS, for `manage.py pixelpair`; the middleware needs no mention there."""

from __future__ import annotations

from django.apps import AppConfig


class PixelPairConfig(AppConfig):  # type: ignore[misc]
    """`INSTALLED_APPS = ["pixelpair.django", ...]`."""

    name = "pixelpair.django"
    label = "pixelpair"
    verbose_name = "pixelpair"
