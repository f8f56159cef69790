"""Django: the settings of docs/frameworks.md's project as they are in production, with files."""

from shop.settings import *  # noqa: F403

DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "tests.matrix.framework_shops.django"
