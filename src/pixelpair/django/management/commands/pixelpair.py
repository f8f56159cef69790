"""`manage.py pixelpair …`: the `pixelpair` command with the settings of this project."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from pixelpair.cli import main
from pixelpair.django.middleware import secret_key
from pixelpair.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence


class Command(BaseCommand):  # type: ignore[misc]
    """Hands every word to `pixelpair.cli.main`, which knows what they mean."""

    help = "Where the events of this shop are, and who sends them."
    requires_system_checks: Sequence[str] = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """From the command line: `--help` too is the command's own."""
        django_words = CommandParser(add_help=False, allow_abbrev=False)
        for option in ("--settings", "--pythonpath"):  # which manage.py has obeyed already
            django_words.add_argument(option)
        _, words = django_words.parse_known_args(argv[2:])
        try:
            sys.exit(_run(words, f"{Path(argv[0]).name} {argv[1]}"))
        finally:
            with suppress(ImproperlyConfigured):
                connections.close_all()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("words", nargs=argparse.REMAINDER)

    def handle(self, *_args: str, words: Sequence[str] = (), **_options: Any) -> None:
        """From `call_command("pixelpair", "status")`, which ends like the command does."""
        if code := _run(list(words), "pixelpair"):
            sys.exit(code)


def _run(words: list[str], prog: str) -> int:
    given = getattr(settings, "PIXELPAIR", None)

    def read() -> Settings:
        return Settings.from_env(given=given).with_default_secret(secret_key())

    return main(words, settings=read, prog=prog)
