"""What the tests of settings share: every default, and how a mistake is caught."""

from __future__ import annotations

import pytest

from pixelpair.core import sensitive
from pixelpair.core.consent import ConsentRule
from pixelpair.core.routes import DEFAULT_ROUTES, parse_routes
from pixelpair.core.staff import EventCode, Staff
from pixelpair.errors import Problem, SettingsError
from pixelpair.settings import Settings

TOKEN = "EAAB-secret-token"
SECRET = "hunter2-old"
CONTENT_ID = (
    "sku, product_id, mpn, gtin, route, or a function of the product's facts by its dotted path"
)


def problems(**given_options: object) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings(**given_options)
    return caught.value.problems


DEFAULTS = {
    "pixel_id": "",
    "access_token": "",
    "app_secret": "",
    "access_token_file": None,
    "secret": (),
    "test_event_code": EventCode(),
    "partner_agent": "",
    "graph_url": "https://graph.facebook.com",
    "graph_version": "v26.0",
    "pixel_script_url": "https://connect.facebook.net/en_US/fbevents.js",
    "pixel_image_url": "https://www.facebook.com/tr",
    "routes": parse_routes(DEFAULT_ROUTES)[0],
    "page_view": "both",
    "event_id": "auto",
    "auto_config": False,
    "advanced_matching": False,
    "identify": None,
    "purchase_status": None,
    "anonymous_id": False,
    "consent": ConsentRule(),
    "gpc": "ldu",
    "dnt": False,
    "ldu": None,
    "trusted_proxies": None,
    "cookie_domain": "",
    "staff": Staff(),
    "sensitive": sensitive.DEFAULT,
    "content_id": None,
    "group_id": None,
    "private_keys": (),
    "currency": "",
    "phone_country": "",
    "login_paths": ("/login", "/signin", "/accounts/login"),
    "strict": False,
    "spool": None,
    "outbox": None,
    "sender": "thread",
    "spool_limit": 4_000_000_000,
    "spool_full": "drop_newest",
    "fsync_ms": 500,
    "keep_dead": 30,
    "path": "/_pixelpair",
    "origins": (),
    "page_events": (),
    "report_rate": 60,
    "metrics_token": "",
    "exclude": ("/admin", "/docs", "/redoc", "/__debug__"),
    "mode": "live",
    "shops": None,
}


def values(settings: Settings) -> dict[str, object]:
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def whose(visitor: object) -> None:
    """Stands for a callable of the shop."""


WHERE = f"{__name__}.whose"
DIGITS = "digits only, or several such"
TOKENS = "one word, as Events Manager shows it, or one for each pixel id"
URL = "an https:// address without query (http:// on loopback only)"
