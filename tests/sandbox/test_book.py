from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pixelpair.sandbox.book import WINDOW, Book

PAGE = ("1", "PageView", "id-1")


def statuses(book: Book) -> list[tuple]:
    return [(row["name"], row["event_id"], row["status"]) for row in book.rows()]


def test_a_pair_shows_both_halves():
    book = Book()
    book.record("browser", PAGE, {"url": "/"}, 10.0)
    book.record("server", PAGE, {"event_name": "PageView"}, 11.0)
    assert book.rows() == [
        {
            "name": "PageView",
            "event_id": "id-1",
            "pixel_id": "1",
            "status": "paired",
            "browser": {"url": "/", "received": 10.0, "repeats": 0},
            "server": {"event_name": "PageView", "received": 11.0, "repeats": 0},
        }
    ]


def test_the_server_may_come_first():
    book = Book()
    book.record("server", PAGE, {}, 10.0)
    assert statuses(book) == [("PageView", "id-1", "server_only")]
    book.record("browser", PAGE, {}, 11.0)
    assert statuses(book) == [("PageView", "id-1", "paired")]


def test_another_id_name_or_pixel_is_another_event():
    book = Book()
    book.record("browser", PAGE, {}, 10.0)
    for other in (("1", "PageView", "id-2"), ("1", "Lead", "id-1"), ("2", "PageView", "id-1")):
        book.record("server", other, {}, 10.0)
    assert [row["status"] for row in book.rows()] == ["browser_only", *["server_only"] * 3]


def test_events_without_id_never_pair():
    book = Book()
    for channel in ("browser", "server", "server"):
        book.record(channel, ("1", "Lead", ""), {}, 10.0)
    assert statuses(book) == [
        ("Lead", None, "browser_only"),
        ("Lead", None, "server_only"),
        ("Lead", None, "server_only"),
    ]


def test_a_repeated_half_is_counted_and_the_first_kept():
    book = Book()
    for number in range(3):
        book.record("server", PAGE, {"number": number}, 10.0 + number)
    assert [row["server"] for row in book.rows()] == [{"number": 0, "received": 10.0, "repeats": 2}]


def test_the_window_is_48_hours_from_the_first_half():
    book = Book()
    book.record("browser", PAGE, {}, 0.0)
    book.record("server", PAGE, {}, float(WINDOW))
    book.record("server", PAGE, {}, WINDOW + 0.1)
    assert statuses(book) == [("PageView", "id-1", "paired"), ("PageView", "id-1", "server_only")]


def test_the_oldest_makes_room():
    book = Book(capacity=2)
    for number in range(3):
        book.record("browser", ("1", "Lead", str(number)), {}, 0.0)
    book.record("server", ("1", "Lead", "0"), {}, 0.0)
    assert statuses(book) == [("Lead", "2", "browser_only"), ("Lead", "0", "server_only")]


def test_making_room_leaves_a_later_event_of_the_same_id_open():
    book = Book(capacity=2)
    later = WINDOW + 1.0
    book.record("browser", PAGE, {}, 0.0)
    book.record("browser", PAGE, {}, later)
    book.record("browser", ("1", "Lead", "b"), {}, later)
    book.record("server", PAGE, {}, later)
    assert statuses(book) == [("PageView", "id-1", "paired"), ("Lead", "b", "browser_only")]


def test_clear_forgets_halves_too():
    book = Book()
    book.record("browser", PAGE, {}, 0.0)
    book.clear()
    book.record("server", PAGE, {}, 0.0)
    assert statuses(book) == [("PageView", "id-1", "server_only")]


def test_every_change_has_a_revision_of_its_own():
    book = Book()
    seen = {book.revision}
    book.record("browser", PAGE, {}, 0.0)
    seen.add(book.revision)
    book.clear()
    seen.add(book.revision)
    assert len(seen) == 3


HALVES = st.lists(
    st.tuples(
        st.sampled_from(["browser", "server"]),
        st.tuples(st.sampled_from("12"), st.sampled_from("AB"), st.sampled_from(["", "x", "y"])),
    )
)


@given(HALVES)
def test_no_half_is_lost_or_invented(halves):
    book = Book()
    for now, (channel, key) in enumerate(halves):
        book.record(channel, key, {}, float(now))
    shown = [half for row in book.rows() for half in (row["browser"], row["server"]) if half]
    assert sum(1 + half["repeats"] for half in shown) == len(halves)


@given(HALVES, st.randoms())
def test_the_order_of_arrival_does_not_change_what_pairs(halves, random):
    shuffled = random.sample(halves, len(halves))
    results = []
    for sequence in (halves, shuffled):
        book = Book()
        for channel, key in sequence:
            book.record(channel, key, {}, 0.0)
        results.append(
            sorted(
                map(
                    str,
                    ((r["pixel_id"], *s) for r, s in zip(book.rows(), statuses(book), strict=True)),
                )
            )
        )
    assert results[0] == results[1]
