"""`manage.py pixelpair`: the command, with the settings of a Django project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings

from pixelpair.django.management.commands.pixelpair import Command

from . import django_shop  # noqa: F401 - Django's settings

SOURCE = Path(__file__).parents[2] / "src"
MANAGE = """
import sys
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
PROJECT = """
SECRET_KEY = "s"
INSTALLED_APPS = ["pixelpair.django"]
PIXELPAIR = {"pixel_id": "777", "spool": %r}
"""


def manage(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "manage.py").write_text(MANAGE)
    (folder / "project.py").write_text(PROJECT % str(folder / "spool"))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PIXELPAIR_")}
    return subprocess.run(
        [sys.executable, "-W", "error", "manage.py", "pixelpair", *words],
        env={**clean, "PYTHONPATH": str(SOURCE), "DJANGO_SETTINGS_MODULE": "project"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_reads_the_projects_dict(tmp_path: Path) -> None:
    told = manage(tmp_path, "status", "--settings=project", "--json")
    assert (told.returncode, told.stderr) == (0, "")
    assert json.loads(told.stdout)["spool"] == str(tmp_path / "spool")


def test_help_and_exit_codes_are_the_commands_own(tmp_path: Path) -> None:
    helped = manage(tmp_path, "dead", "list", "--help")
    assert helped.stdout.startswith("usage: manage.py pixelpair dead list [-h]")
    refused = manage(tmp_path, "drain")
    assert (refused.returncode, refused.stdout, refused.stderr) == (
        2,
        "",
        "PIXELPAIR_ACCESS_TOKEN must be set to deliver events\n",
    )


def test_may_be_called_from_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with override_settings(PIXELPAIR={"spool": tmp_path / "spool"}):
        call_command(Command(), "status", "--json")
        assert json.loads(capsys.readouterr().out)["spool"] == str(tmp_path / "spool")
        with pytest.raises(SystemExit) as ended:
            call_command(Command(), "dead", "show", "1")
    assert ended.value.code == 1
