"""A small tea shop. The first line of MIDDLEWARE is all that pixelpair needs of it; what PIXELPAIR
says makes Meta find more of the shop's customers."""

import getpass
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

DATABASE = Path(
    os.environ.get("SHOP_DB")
    or Path(tempfile.gettempdir(), f"django-tea-shop-{getpass.getuser()}", "shop.sqlite3")
)


def shared_secret() -> str:
    """One random key for all workers, kept beside the database by whichever starts first."""
    DATABASE.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = DATABASE.with_name(DATABASE.name + ".key")
    if not kept.exists():
        # Written whole under another name, then linked: no worker ever reads half a key.
        draft = kept.with_name(f"{kept.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(draft, kept)
        draft.unlink()
    return kept.read_text()


# A real shop sets SHOP_SECRET.
SECRET_KEY = os.environ.get("SHOP_SECRET") or shared_secret()
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", "testserver"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "store",
    "pixelpair.django",  # for `manage.py pixelpair`: status, doctor, drain ...
]
MIDDLEWARE = [
    "pixelpair.django.PixelPairMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# A real shop says so only if its customers were told and agreed.
PIXELPAIR = {
    "advanced_matching": True,
    "identify": "store.visitors.profile",
    "phone_country": "SE",
    "purchase_status": "store.visitors.is_paid",
}
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
ASGI_APPLICATION = "shop.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "store.cart.header",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATABASE,
        "OPTIONS": {"timeout": 20},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "store.Customer"
# scrypt: as strong as the default, and a sign-up does not hold a worker for half a second.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
LANGUAGE_CODE = "en"
TIME_ZONE = "Europe/Stockholm"
USE_I18N = False
USE_TZ = True
