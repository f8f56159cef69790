"""Everything pixelpair can raise, and who has to act.

```
PixelPairError
├── SettingsError    the settings are wrong: all of them are listed in `problems`
├── OutsideRequest   track(), identify() or discard() ran where no request is served (STRICT only)
├── SpoolError       the spool folder or the outbox cannot be used (the command line says so)
└── SandboxError     the sandbox cannot start: its extra is missing or the port is taken
```

A middleware never raises any of them into a response: it logs and lets the shop answer.
"""

from __future__ import annotations

from dataclasses import dataclass


class PixelPairError(Exception):
    """The root of everything raised on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong setting: its key, the value found, and what would be right."""

    key: str
    value: str
    expected: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}: {self.expected}"


class SettingsError(PixelPairError):
    """The settings are wrong. `problems` holds each one; none is reported alone."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(["pixelpair settings:", *(f"  {p}" for p in problems)]))


class OutsideRequest(PixelPairError):  # noqa: N818 - names the place, like LookupError
    """track(), identify() or discard() ran where no request is being served."""


class SpoolError(PixelPairError):
    """The spool folder or the outbox cannot be used as asked."""


class SandboxError(PixelPairError):
    """The sandbox cannot start."""
