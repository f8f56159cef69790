"""The Django door: one line in MIDDLEWARE, sync and async."""

from pixelpair.django.middleware import PixelPairMiddleware

__all__ = ["PixelPairMiddleware"]
