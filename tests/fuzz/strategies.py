"""Inputs by Hypothesis: seeds that are cut, joined and spiced with the words of their language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from .targets import Target


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Bytes that are like the target's seeds, or not."""
    seeds = st.sampled_from([path.read_bytes()[: target.longest] for path in target.seeds])
    words = st.sampled_from([word.encode() for word in target.words] or [b"\0\0\0\0"])
    place = st.integers(0, target.longest)

    def piece(data: bytes, start: int, size: int) -> bytes:
        start %= len(data) + 1
        return data[start : start + size]

    def put(data: bytes, at: int, more: bytes, gone: int) -> bytes:
        at %= len(data) + 1
        return data[:at] + more + data[at + gone :]

    some = st.one_of(words, st.binary(max_size=8), st.builds(piece, seeds, place, place))
    edited = seeds
    for _ in range(3):
        edited = edited | st.builds(put, edited, place, some, st.integers(0, 40))
    joined = st.lists(some, max_size=8).map(b"".join)
    return (edited | joined).map(lambda data: data[: target.longest])


def tried(
    target: Target, check: Callable[[bytes], None], number: int, *, the_same: bool = False
) -> int:
    """Ask so many inputs, or `the_same` each time; what fails raises, made as small as it goes."""

    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        derandomize=the_same,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs(target))
    def ask(data: bytes) -> None:
        check(data)

    ask()
    return number
