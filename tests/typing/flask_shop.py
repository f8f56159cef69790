"""A Flask shop, as mypy reads it."""

from flask import Flask

from pixelpair import Settings, Tracker
from pixelpair.flask import PixelPair
from pixelpair.wsgi import PixelPairMiddleware

app = Flask(__name__)
PixelPair(app)
PixelPair(app, Settings(pixel_id="1234567890"))
PixelPair(app, settings=None)

later = PixelPair()
later.init_app(app)

app.wsgi_app = PixelPairMiddleware(app.wsgi_app)  # type: ignore[method-assign]
tracker: Tracker = PixelPairMiddleware(app.wsgi_app).tracker

PixelPair("shop")  # type: ignore[arg-type]
PixelPair(app, pixel_id="1234567890")  # type: ignore[call-arg]
later.init_app()  # type: ignore[call-arg]
PixelPairMiddleware()  # type: ignore[call-arg]
PixelPairMiddleware(app.wsgi_app, {"pixel_id": "1"})  # type: ignore[arg-type]
PixelPairMiddleware(app.wsgi_app, None, tracker)  # type: ignore[call-arg]
