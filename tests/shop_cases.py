"""What the tests of many shops share: two shops, an owner that is asked, and a clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from pixelpair import Settings
from tests.core.exchanges import NOW

ONE, TWO = "1111111111", "2222222222"
TOKENS = {ONE: "EAAtokenOfOne", TWO: "EAAtokenOfTwo"}


def shop(pixel: str, **more: object) -> Settings:
    given = {"pixel_id": pixel, "access_token": TOKENS[pixel], "secret": f"of-{pixel}"}
    return Settings(**given | more)


@dataclass
class Owner:
    """The shop's own object, with what it was asked; `broken` says: its database is out."""

    hosts: dict[str, Settings | None]
    asked: list[str] = field(default_factory=list)
    broken: bool = False
    password: str = "hunter2"

    def for_host(self, host: str) -> Settings | None:
        self.asked.append(host)
        if self.broken:
            raise ConnectionError(self.password)
        return self.hosts.get(host)

    def for_pixel(self, pixel_id: str) -> Settings | None:
        self.asked.append(pixel_id)
        if self.broken:
            raise ConnectionError
        known = [s for s in self.hosts.values() if s and pixel_id in s.pixels]
        return known[0] if known else None


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now
