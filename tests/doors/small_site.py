"""The site for real servers: what a shop's own module says, `app = PixelPairMiddleware(app)`."""

from __future__ import annotations

from pixelpair import asgi, wsgi

from .fronts import asgi_site, wsgi_site

asgi_app = asgi.PixelPairMiddleware(asgi_site)
wsgi_app = wsgi.PixelPairMiddleware(wsgi_site)
