"""Journal frames: whatever happens to the bytes, whole frames are found and nothing is raised."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pixelpair.delivery.frames import HEADER, MARK, MAX_RECORD, Frames, frame, read_frames

# Journals hold JSON: the marker cannot occur in them.
RECORDS = st.lists(st.text(max_size=200).map(str.encode), max_size=8)
NOISE = st.binary(max_size=60)


@given(st.lists(st.binary(max_size=300), max_size=8), st.booleans())
def test_finds_every_whole_frame(records: list[bytes], final: bool) -> None:
    data = b"".join(map(frame, records))
    assert read_frames(data, final) == Frames(records, len(data), 0)


@given(RECORDS, RECORDS, st.data())
def test_waits_for_the_last_frame_of_a_living_writer(
    before: list[bytes], after: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(map(frame, before))
    rest = b"".join(map(frame, after))
    cut = data.draw(st.integers(0, len(rest)))
    first = read_frames(whole + rest[:cut], final=False)
    second = read_frames((whole + rest)[first.consumed :], final=False)
    assert first.payloads + second.payloads == before + after
    assert first.consumed + second.consumed == len(whole + rest)
    assert first.skipped == second.skipped == 0


@given(RECORDS, st.text(min_size=1).map(str.encode), RECORDS, st.data())
def test_steps_over_a_torn_frame(
    before: list[bytes], torn: bytes, after: list[bytes], data: st.DataObject
) -> None:
    half = frame(torn)[: data.draw(st.integers(0, len(frame(torn)) - 1))]
    found = read_frames(b"".join(map(frame, before)) + half + b"".join(map(frame, after)), True)
    assert found.payloads == before + after
    assert found.skipped == len(half)


@given(RECORDS, NOISE, RECORDS)
def test_steps_over_noise(before: list[bytes], noise: bytes, after: list[bytes]) -> None:
    found = read_frames(b"".join([*map(frame, before), noise, *map(frame, after)]), final=True)
    assert found.payloads == before + after


@given(st.lists(st.text(min_size=1).map(str.encode), min_size=2, max_size=6), st.data())
def test_a_changed_byte_costs_its_own_frame_only(records: list[bytes], data: st.DataObject) -> None:
    frames = list(map(frame, records))
    hit = data.draw(st.integers(0, len(frames) - 1))
    place = data.draw(st.integers(0, len(frames[hit]) - 1))
    broken = bytearray(frames[hit])
    broken[place] ^= data.draw(st.integers(1, 255))
    frames[hit] = bytes(broken)
    found = read_frames(b"".join(frames), final=True)
    assert found.payloads == records[:hit] + records[hit + 1 :]
    assert found.skipped == len(broken)


@given(st.lists(st.one_of(NOISE, st.just(MARK), st.binary().map(frame)), max_size=9).map(b"".join))
def test_any_bytes_at_all_are_read_to_the_end(data: bytes) -> None:
    found = read_frames(data, final=True)
    assert found.consumed == len(data)
    assert read_frames(data, final=False).consumed <= len(data)


def test_a_length_beyond_reason_is_damage_and_not_waited_for() -> None:
    data = HEADER.pack(MARK, MAX_RECORD + 1, 0) + frame(b"good")
    assert read_frames(data, final=False) == Frames([b"good"], len(data), HEADER.size)


def test_a_marker_cut_at_the_end_is_waited_for() -> None:
    for size in range(1, len(MARK)):
        data = frame(b"good") + MARK[:size]
        assert read_frames(data, final=False).consumed == len(frame(b"good"))
        assert read_frames(data, final=True).consumed == len(data)
