"""What this process counts and measures of its deliveries, until somebody asks: plain numbers
that cost a request nothing. Who shows them to whom is not said here.
"""

from __future__ import annotations

from collections import Counter


class Meters:
    """Counters by name and label, and distributions by name."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def add(self, name: str, amount: int = 1, label: str = "") -> None:
        """Count what happened; `label` tells kinds of it apart."""
        self.counts[name, label] += amount

    def observe(self, name: str, value: float) -> None:
        """Measure something that varies from case to case."""
