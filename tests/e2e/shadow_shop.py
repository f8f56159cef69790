"""A Flask shop with a pixel that somebody wrote by hand, not all of it right."""

from __future__ import annotations

from flask import Flask

import pixelpair
from pixelpair.flask import PixelPair

app = Flask(__name__)
PixelPair(app)

PAGE = """<!doctype html><html><head><title>Tea</title><script>
fbq('init', '{pixel}'); fbq('track', 'PageView', {{}}, {{eventID: 'v-1'}});
</script></head><body>{body}</body></html>"""
BOUGHT = """<script>
fbq('track', 'Purchase', {value: 119.00, currency: 'SEK', content_ids: ['green-tea']});
fbq('track', 'Purchase', {value: 119.00, currency: 'SEK', content_ids: ['green-tea']});
</script>"""
PIXEL = "1234567890"


@app.get("/orders/<order>/complete")
def complete(order: str) -> str:
    """A thank-you page; its sum has the shipping in it, and the view's has not."""
    pixelpair.track("Purchase", value=80, currency="SEK", content_ids=["green-tea"], order_id=order)
    return PAGE.format(pixel=PIXEL, body=BOUGHT)


@app.get("/")
def home() -> str:
    """The front page."""
    return PAGE.format(pixel=PIXEL, body="<p>Tea</p>")
