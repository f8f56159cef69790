"""A small tea shop. The line `PixelPair(app)` is all that pixelpair needs of it."""

import os

import goods
from flask import Flask
from store import Store
from views import shop

from pixelpair.flask import PixelPair


def create_app() -> Flask:
    app = Flask(__name__)
    store = Store(os.environ.get("SHOP_DB"))
    app.extensions["store"] = store
    # A real shop sets SHOP_SECRET; without it all workers share a random key kept in the database.
    app.secret_key = os.environ.get("SHOP_SECRET") or store.secret()
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.jinja_env.globals.update(categories=goods.CATEGORIES, most=goods.MOST_OF_EACH)
    app.jinja_env.globals["asks"] = os.environ.get("PIXELPAIR_CONSENT") == "required"
    app.jinja_env.filters["money"] = goods.money
    app.register_blueprint(shop)
    PixelPair(app)
    return app
