"""A run against a catalog: what travels, what is confirmed, what goes wrong, what resumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.catalog.rows import Fault, Row, SourceError

from .conftest import NOW, product, rows
from .shelf import Shelf, refusal, throttled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pixelpair.catalog.book import Book
    from pixelpair.catalog.plan import Report

    from .conftest import Clock

    Run = Callable[..., Report]


def remaining(book: Book) -> list[tuple[str, str, str]]:
    return list(book.remaining())


def test_fills_an_empty_catalog_in_one_call(sync: Run, shelf: Shelf) -> None:
    report = sync(rows(map(product, range(5))))
    assert (report.rows, report.sent, report.saved, report.calls) == (5, 5, 5, 1)
    assert report.complete
    assert shelf.items == {f"p{n}": product(n) for n in range(5)}
    assert {k: v for k, v in shelf.bodies[0].items() if k != "requests"} == {
        "item_type": "PRODUCT_ITEM",
        "allow_upsert": True,
    }


def test_kind_of_the_items_goes_with_each_batch(sync: Run, shelf: Shelf) -> None:
    sync(rows([product(1)]), item_sub_type="CLOTHING")
    found = [Row(1, {"hotel_id": "4", "id": "4", "name": "Inn"})]
    sync(found, item_type="HOTEL", item_sub_type="")
    assert [{k: v for k, v in body.items() if k != "requests"} for body in shelf.bodies] == [
        {"item_type": "PRODUCT_ITEM", "item_sub_type": "CLOTHING", "allow_upsert": True},
        {"item_type": "HOTEL", "allow_upsert": True},
    ]


def test_another_kind_is_a_change(sync: Run, shelf: Shelf) -> None:
    sync(rows([product(1)]))
    assert sync(rows([product(1)]), item_sub_type="CLOTHING").sent == 1


def test_unchanged_source_makes_no_call(sync: Run, shelf: Shelf) -> None:
    sync(rows(map(product, range(5))))
    shelf.posts = shelf.asked = 0
    report = sync(rows(map(product, range(5))), mode="full")
    assert (report.unchanged, report.calls, shelf.posts, shelf.asked) == (5, 0, 0, 0)
    assert report.complete


@pytest.mark.parametrize(
    ("mode", "change", "travels"),
    [
        ("delta", {"title": "Cup"}, True),
        ("delta", {"price": "8.00 EUR"}, True),
        ("delta", {"colour": "red"}, True),  # unknown columns are kept
        ("volatile", {"price": "8.00 EUR"}, True),
        ("volatile", {"availability": "out of stock"}, True),
        ("volatile", {"title": "Cup"}, False),
    ],
)
def test_only_what_changed_travels(
    sync: Run, shelf: Shelf, mode: str, change: dict[str, str], travels: bool
) -> None:
    sync(rows([product(1), product(2)]))
    report = sync(rows([product(1), product(2, **change)]), mode=mode)
    assert (report.sent, report.unchanged) == ((1, 1) if travels else (0, 2))
    assert shelf.items["p2"] == product(2, **change if travels else {})


def test_again_sends_all(sync: Run, shelf: Shelf) -> None:
    sync(rows(map(product, range(3))))
    assert sync(rows(map(product, range(3))), again=True).sent == 3


def test_batches_have_3000_items_at_most(sync: Run, shelf: Shelf) -> None:
    report = sync(rows(map(product, range(6001))))
    assert [len(body["requests"]) for body in shelf.bodies] == [3000, 3000, 1]
    assert (report.saved, len(shelf.items)) == (6001, 6001)


def test_dry_run_calls_nobody_and_remembers_nothing(sync: Run, shelf: Shelf) -> None:
    report = sync(rows(map(product, range(3))), dry=True)
    assert (report.sent, report.calls, shelf.posts) == (3, 1, 0)
    assert sync(rows(map(product, range(3)))).saved == 3


# --- volatile ------------------------------------------------------------------------------------


def test_volatile_carries_only_what_changes_and_inserts_nothing(sync: Run, shelf: Shelf) -> None:
    sync(rows([product(1)]))
    report = sync(
        rows([product(1, price="1.00 EUR", title="no"), product(9, price="1.00 EUR")]),
        mode="volatile",
    )
    assert shelf.bodies[-1]["allow_upsert"] is False
    assert shelf.bodies[-1]["requests"][0] == {
        "method": "UPDATE",
        "data": {"id": "p1", "price": "1.00 EUR", "availability": "in stock"},
    }
    assert (report.saved, report.failures, list(report.failed)) == (1, 1, ["p9"])
    assert set(shelf.items) == {"p1"}


def test_stock_alone_neither_ends_a_sale_nor_makes_the_next_delta_send(
    sync: Run, shelf: Shelf
) -> None:
    on_sale = product(1, sale_price="5.00 EUR")
    sync(rows([on_sale]))
    stock = {"id": "p1", "availability": "out of stock"}
    assert sync(rows([stock]), mode="volatile").sent == 1
    assert sync(rows([stock]), mode="volatile").sent == 0
    assert shelf.items["p1"]["sale_price"] == "5.00 EUR"
    assert sync(rows([{**on_sale, **stock}])).sent == 0


@pytest.mark.parametrize("mode", ["delta", "volatile"])
def test_empty_cell_ends_a_sale_once(sync: Run, shelf: Shelf, mode: str) -> None:
    sync(rows([product(1, sale_price="5.00 EUR")]))
    report = sync(rows([product(1, sale_price="")]), mode=mode)
    assert (report.sent, shelf.items["p1"]["sale_price"]) == (1, "")
    assert sync(rows([product(1, sale_price="")]), mode=mode).sent == 0


def test_left_out_sale_price_ends_a_sale(sync: Run, shelf: Shelf) -> None:
    """facebook-for-woocommerce#2261: the key left out, Meta keeps the old price."""
    sync(rows([product(1, sale_price="5.00 EUR")]))
    sync(rows([product(1)]))
    assert shelf.items["p1"]["sale_price"] == ""
    assert sync(rows([product(1)])).sent == 0


# --- what is gone --------------------------------------------------------------------------------


def test_full_deletes_what_is_gone(sync: Run, shelf: Shelf) -> None:
    sync(rows(map(product, range(20))))
    report = sync(rows(map(product, range(19))), mode="full")
    assert (report.deleted, report.saved, report.complete) == (1, 0, True)
    assert set(shelf.items) == {f"p{n}" for n in range(19)}
    assert sync(rows(map(product, range(19))), mode="full").calls == 0


def test_delta_deletes_nothing(sync: Run, shelf: Shelf) -> None:
    sync(rows(map(product, range(20))))
    report = sync(rows([product(0)]))
    assert (report.calls, report.complete, len(shelf.items)) == (0, True, 20)


def test_full_keeps_everything_where_too_much_is_gone(sync: Run, shelf: Shelf) -> None:
    sync(rows(map(product, range(20))))
    report = sync(rows(map(product, range(10))), mode="full")
    assert report.kept == (
        "10 of 20 items are gone, more than 10 %: they stay; where that is right, --max-delete 50"
        " lets them go"
    )
    assert (report.complete, len(shelf.items)) == (False, 20)
    assert sync(rows(map(product, range(10))), mode="full", max_delete=50.0).deleted == 10


def test_row_with_a_fault_keeps_its_item(sync: Run, shelf: Shelf) -> None:
    sync(rows(map(product, range(20))))
    faulty = [*map(product, range(19)), product(19, price="cheap")]
    report = sync(rows(faulty), mode="full")
    assert (report.faulty, report.deleted, len(shelf.items)) == (1, 0, 20)
    assert [str(fault) for fault in report.told] == [
        "line 21 (p19): price: 'cheap' is no price: write it like 9.99 USD"
    ]


def test_row_without_an_id_keeps_everything(sync: Run, shelf: Shelf) -> None:
    sync(rows(map(product, range(20))))
    report = sync([*rows(map(product, range(19))), Fault(40, "", "is no JSON")], mode="full")
    assert report.kept == "1 items are gone, and stay: not every row's id could be read"
    assert len(shelf.items) == 20


def test_source_that_breaks_off_deletes_nothing_and_what_was_read_goes(
    sync: Run, shelf: Shelf
) -> None:
    sync(rows(map(product, range(20))))

    def broken() -> Iterator[Row]:
        yield Row(2, product(0, title="new"))
        raise SourceError("feed.xml: line 9: is no XML")

    report = sync(broken(), mode="full")
    assert (report.broken, report.saved, report.deleted) == ("feed.xml: line 9: is no XML", 1, 0)
    assert (report.complete, len(shelf.items)) == (False, 20)


def test_same_id_twice_travels_once(sync: Run, shelf: Shelf) -> None:
    report = sync(rows([product(1), product(2), product(1, title="other")]))
    assert (report.sent, report.faulty) == (2, 1)
    assert str(report.told[0]) == "line 4 (p1): id: is in line 2 already: that one counts"
    assert shelf.applied == {"p1": 1, "p2": 1}


def test_same_id_far_apart_travels_once(sync: Run, shelf: Shelf) -> None:
    report = sync(rows([*map(product, range(1500)), product(3, title="other")]))
    assert (report.sent, report.faulty, shelf.items["p3"]["title"]) == (1500, 1, "Mug 3")


# --- what Meta refuses ---------------------------------------------------------------------------


def test_item_refused_at_once_stays_behind(sync: Run, shelf: Shelf, book: Book) -> None:
    shelf.bad_price = "0.01 EUR"
    found = rows([product(1), product(2, price="0.01 EUR")])
    report = sync(found)
    assert (report.saved, report.failed) == (1, {"p2": "špatná cena"})
    assert remaining(book) == [("p2", "failed", "špatná cena")]
    assert not report.complete
    shelf.bad_price = ""
    again = sync(found)
    assert (again.sent, again.complete, remaining(book)) == (1, True, [])


def test_batch_refused_as_a_whole_is_a_failure(sync: Run, shelf: Shelf) -> None:
    """facebook-for-magento2#86: every item refused, no `handles`, and HTTP 200."""
    shelf.bad_price = "9.99 EUR"
    report = sync(rows(map(product, range(3))))
    assert (report.saved, report.failures, report.complete) == (0, 3, False)


def test_half_accepted_batch_sends_the_good_ones_again(sync: Run, shelf: Shelf) -> None:
    refused = {"retailer_id": "p1", "errors": [{"message": "no"}]}
    shelf.next = [(200, {}, {"handles": [], "validation_status": [refused]})]
    report = sync(rows(map(product, range(3))))
    assert (report.saved, report.failed, report.calls) == (2, {"p1": "no"}, 2)
    assert set(shelf.items) == {"p0", "p2"}


def test_nothing_taken_without_a_reason_fails_all(sync: Run, shelf: Shelf) -> None:
    shelf.next = [(200, {}, {})]
    report = sync(rows(map(product, range(2))))
    assert report.failed == dict.fromkeys(["p0", "p1"], "Meta took nothing in and says not why")


def test_finished_with_errors_is_no_success(sync: Run, shelf: Shelf) -> None:
    shelf.bad_title = "Mug 1"
    report = sync(rows(map(product, range(3))))
    assert (report.saved, report.failed, report.complete) == (2, {"p1": "nope"}, False)


def test_errors_that_are_not_all_named_leave_nothing_confirmed(sync: Run, shelf: Shelf) -> None:
    shelf.bad_title, shelf.names_all = "Bad", False
    found = rows([product(n, title="Bad") if n < 2 else product(n) for n in range(4)])
    report = sync(found)
    assert (report.saved, report.failures) == (0, 4)
    shelf.bad_title = ""
    assert sync(found).saved == 4


@pytest.mark.parametrize("status", ["canceled", "Cancelled", "ERROR"])
def test_broken_batch_is_no_success_and_travels_again(sync: Run, shelf: Shelf, status: str) -> None:
    shelf.statuses = {"h1": status}
    found = rows(map(product, range(3)))
    assert (sync(found).saved, len(shelf.items)) == (0, 0)
    assert (sync(found).saved, len(shelf.items)) == (3, 3)


def test_batch_of_which_less_and_less_is_taken_ends(sync: Run, shelf: Shelf) -> None:
    """Seen: each answer refused one item more, so that 3000 items were 3000 calls, 3000 deep."""

    def refuse_one(body: Any) -> Any:
        first = body["requests"][0]["data"]["id"]
        row = {"retailer_id": first, "errors": [{"message": "no"}]}
        return 200, {}, {"validation_status": [row]}

    shelf.next = [refuse_one] * 100
    report = sync(rows(map(product, range(100))))
    assert (report.calls, report.failures, report.sent) == (3, 100, 0)
    assert (report.failed["p2"], report.failed["p3"]) == (
        "no",
        "Meta took nothing in and says not why",
    )


def test_answer_that_is_too_long_halves_the_batch(
    sync: Run, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch was taken in, and its handle is unread: the halves carry the same again."""
    monkeypatch.setattr("pixelpair.graph.client.MAX_DOCUMENT", 2000)

    def wordy(body: Any) -> Any:
        ids = [request["data"]["id"] for request in body["requests"]]
        for request in body["requests"]:
            shelf._apply(request, upsert=True)
        verdicts = [{"retailer_id": one, "warnings": [{"message": "long"}]} for one in ids]
        return 200, {}, {"handles": ["unread"], "validation_status": verdicts}

    monkeypatch.setattr("pixelpair.catalog.batches.MAX_ITEMS", 100)
    shelf.next = [wordy]
    report = sync(rows(map(product, range(250))))
    assert [len(body["requests"]) for body in shelf.bodies] == [50] * 5
    assert (report.saved, report.calls, report.complete) == (250, 6, True)


def test_long_words_of_meta_are_cut(sync: Run, shelf: Shelf, book: Book) -> None:
    said = [{"message": f"{n} " + "x" * 1000} for n in range(40)]
    refused = [{"retailer_id": "p1", "errors": said}]
    shelf.next = [(200, {}, {"validation_status": refused})]
    ((_, _, why),) = (sync(rows([product(1)])), *remaining(book))[1:]
    assert len(why) < 1600
    assert why.endswith("and 35 more")


# --- calls ---------------------------------------------------------------------------------------


def test_handle_is_polled_less_and_less(sync: Run, shelf: Shelf, clock: Clock) -> None:
    shelf.polls = 5
    assert sync(rows([product(1)])).saved == 1
    assert clock.rests == [0.25, 0.5, 1.0, 2.0, 4.0]


def test_batch_that_does_not_end_is_left_to_the_next_run(
    sync: Run, shelf: Shelf, book: Book
) -> None:
    shelf.polls = 100
    found = rows([product(1), product(2)])
    report = sync(found)
    assert report.stopped == "Meta still works on the batch h1: the next run asks on"
    assert remaining(book) == [("p1", "on its way", "h1"), ("p2", "on its way", "h1")]
    shelf.polls, shelf._open["h1"][0] = 0, 0
    again = sync(found)
    assert (again.calls, again.resumed, again.saved, again.complete) == (0, 2, 2, True)
    assert shelf.applied == {"p1": 1, "p2": 1}


@pytest.mark.parametrize("code", [80014, 80009, 4, 613])
def test_throttled_call_waits_as_long_as_asked(
    sync: Run, shelf: Shelf, clock: Clock, code: int
) -> None:
    shelf.next = [throttled(7, code)]
    report = sync(rows([product(1)]))
    assert (report.saved, report.calls, clock.rests) == (1, 2, [420.0])


def test_long_block_ends_this_run_and_holds_for_the_next(
    sync: Run, shelf: Shelf, clock: Clock, book: Book
) -> None:
    shelf.next = [throttled(600)]
    report = sync(rows([product(1)]))
    assert (report.unsent, report.calls, clock.rests) == (1, 1, [])
    assert remaining(book)[0][:2] == ("p1", "unsent")
    report = sync(rows([product(1)]))
    assert (report.stopped, shelf.posts) == (
        "Meta lets no call through for 600 minutes more: run it again then",
        1,
    )
    clock.now += 36_000
    assert sync(rows([product(1)])).complete


def test_calls_stay_inside_the_hourly_budget(sync: Run, shelf: Shelf, clock: Clock) -> None:
    for n in range(3):
        sync(rows([product(n)]), calls_an_hour=3)
        clock.now += 60
    report = sync(rows([product(9)]), calls_an_hour=3)
    assert (report.saved, clock.rests) == (1, [3600.0 - 180])


def test_passing_trouble_is_tried_again(sync: Run, shelf: Shelf, clock: Clock) -> None:
    shelf.next = [refusal(2, 503), (500, {}, {"a": 1}), refusal(1, 400, is_transient=True)]
    report = sync(rows([product(1)]))
    assert (report.saved, report.calls, clock.rests) == (1, 4, [1.0, 2.0, 4.0])


def test_lasting_trouble_leaves_the_rest_unsent(sync: Run, shelf: Shelf, book: Book) -> None:
    shelf.next = [refusal(2, 503)] * 6
    report = sync(rows(map(product, range(3001))))
    assert (report.sent, report.unsent, report.misused) == (0, 3001, False)
    assert len(remaining(book)) == 3001
    assert sync(rows(map(product, range(3001)))).saved == 3001
    assert remaining(book) == []


def test_too_large_batch_is_halved(sync: Run, shelf: Shelf) -> None:
    shelf.next = [refusal(1)]
    report = sync(rows(map(product, range(100))))
    assert [len(body["requests"]) for body in shelf.bodies] == [50, 50]
    assert (report.saved, report.complete) == (100, True)


@pytest.mark.parametrize("code", [100, 190, 200, 10, 2635])
def test_refusal_that_waiting_does_not_cure_stops_at_once(
    sync: Run, shelf: Shelf, clock: Clock, code: int
) -> None:
    shelf.next = [refusal(code)]
    report = sync(rows(map(product, range(3001))))
    assert (shelf.posts, report.unsent, report.misused, clock.rests) == (1, 3001, True, [])
    assert f"(Meta: Meta's words {code})" in report.stopped


def test_handle_that_meta_forgot_is_sent_again(sync: Run, shelf: Shelf, book: Book) -> None:
    found = rows([product(1)])
    shelf.next = [(200, {}, {"handles": ["gone"]})]
    report = sync(found)
    assert (report.failures, report.saved) == (1, 0)
    assert sync(found).saved == 1


# --- what a kill leaves --------------------------------------------------------------------------


class Killed(BaseException):
    """As SIGKILL: nothing is tidied up."""


def killing(number: int) -> Any:
    """Dies at the call of this number, before it is made."""
    calls = iter(range(number + 1))

    def answer(_body: Any) -> None:
        if next(calls) == number:
            raise Killed
        return

    return answer


def test_killed_before_the_answer_sends_again(sync: Run, shelf: Shelf, book: Book) -> None:
    shelf.next = [killing(0)]
    with pytest.raises(Killed):
        sync(rows(map(product, range(3))))
    assert [what for _, what, _ in remaining(book)] == ["on its way"] * 3
    assert (sync(rows(map(product, range(3)))).saved, remaining(book)) == (3, [])


def test_killed_while_meta_works_asks_on_and_sends_nothing_twice(
    sync: Run, shelf: Shelf, book: Book, clock: Clock
) -> None:
    def die(_seconds: float) -> None:
        raise Killed

    shelf.polls, rest = 1, clock.rest
    clock.rest = die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        sync(rows(map(product, range(3))))
    clock.rest = rest  # type: ignore[method-assign]
    report = sync(rows(map(product, range(3))))
    assert (report.calls, report.resumed, report.unchanged) == (0, 3, 3)
    assert shelf.applied == dict.fromkeys(["p0", "p1", "p2"], 1)


def test_price_that_went_back_after_a_lost_batch_travels(
    sync: Run, shelf: Shelf, book: Book
) -> None:
    """The lost batch may have arrived: what was confirmed before it counts no more."""
    sync(rows([product(1)]))

    def arrives_and_dies(body: Any) -> Any:
        shelf._apply(body["requests"][0], upsert=True)
        raise Killed

    shelf.next = [arrives_and_dies]
    with pytest.raises(Killed):
        sync(rows([product(1, price="1.00 EUR")]))
    assert sync(rows([product(1)])).sent == 1
    assert shelf.items["p1"]["price"] == "9.99 EUR"


def killed(sync: Run, clock: Clock, *args: Any, **options: Any) -> None:
    """A run that dies while Meta works on its batch."""
    rest = clock.rest

    def die(_seconds: float) -> None:
        raise Killed

    clock.rest = die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        sync(*args, **options)
    clock.rest = rest  # type: ignore[method-assign]


@pytest.mark.parametrize("mode", ["delta", "volatile"])
def test_deletions_that_fail_where_another_mode_resumes_are_told_and_kept(
    sync: Run, shelf: Shelf, book: Book, clock: Clock, mode: str
) -> None:
    """Seen: exit code 0, and an item in the catalog that the shop no longer sells."""
    sync(rows(map(product, range(20))))
    shelf.stuck, shelf.polls = {"p19"}, 1
    killed(sync, clock, rows(map(product, range(18))), mode="full")
    report = sync(rows(map(product, range(18))), mode=mode)
    assert (report.resumed, report.deleted, report.failed) == (2, 1, {"p19": "nope"})
    assert (report.failures, report.complete) == (1, False)
    assert remaining(book) == [("p19", "failed", "nope")]
    again = sync(rows(map(product, range(18))), mode=mode)
    assert (again.failures, remaining(book)) == (0, [("p19", "failed", "nope")])
    shelf.stuck = set()
    last = sync(rows(map(product, range(18))), mode="full")
    assert (last.deleted, last.complete, remaining(book)) == (1, True, [])
    assert set(shelf.items) == {f"p{n}" for n in range(18)}


def test_whole_rows_that_fail_where_a_push_resumes_are_told_and_kept(
    sync: Run, shelf: Shelf, book: Book, clock: Clock
) -> None:
    """A push of prices brings no title."""
    sync(rows([product(1), product(2)]))
    shelf.bad_title, shelf.polls = "Cup", 1
    killed(sync, clock, rows([product(1, title="Cup"), product(2)]))
    report = sync(rows([product(1), product(2)]), mode="volatile")
    assert (report.sent, report.saved, report.failed) == (1, 1, {"p1": "nope"})
    assert remaining(book) == [("p1", "failed", "nope")]
    shelf.bad_title = ""
    assert sync(rows([product(1, title="Cup"), product(2)])).complete
    assert (shelf.items["p1"]["title"], remaining(book)) == ("Cup", [])


def test_push_that_fails_is_made_good_by_the_next_push(
    sync: Run, shelf: Shelf, book: Book, clock: Clock
) -> None:
    sync(rows([product(1)]))
    shelf.statuses, shelf.polls = {"h2": "error"}, 1
    cheap = rows([product(1, price="1.00 EUR")])
    killed(sync, clock, cheap, mode="volatile")
    report = sync(cheap, mode="volatile")
    assert (report.saved, report.failures, report.complete) == (1, 0, True)
    assert remaining(book) == []


def test_lost_batch_that_the_source_of_the_next_run_has_not_is_told_and_kept(
    sync: Run, shelf: Shelf, book: Book
) -> None:
    """A delta may read a part of the shop."""
    shelf.next = [killing(0)]
    with pytest.raises(Killed):
        sync(rows(map(product, range(3))))
    report = sync(rows([product(0)]))
    assert (report.saved, report.unsent, report.complete) == (1, 2, False)
    why = "a run was killed, or an answer lost, before Meta had confirmed it"
    assert remaining(book) == [("p1", "unsent", why), ("p2", "unsent", why)]
    assert sync(rows(map(product, range(3)))).complete
    assert remaining(book) == []


@pytest.mark.parametrize("handled", [True, False])
def test_push_to_what_is_in_neither_shop_nor_catalog_is_nothing_to_do(
    sync: Run, shelf: Shelf, book: Book, clock: Clock, handled: bool
) -> None:
    """Seen after kills: a push lost, its product gone, and the next full sync ended with 1."""
    sync(rows([product(1)]))
    found = rows([product(1, price="1.00 EUR"), product(9)])
    if handled:
        shelf.polls = 1
        killed(sync, clock, found, mode="volatile")
    else:
        shelf.next = [killing(0)]
        with pytest.raises(Killed):
            sync(found, mode="volatile")
    report = sync(rows([product(1)]), mode="full")
    assert (report.complete, remaining(book)) == (True, [])
    assert {one: item["price"] for one, item in shelf.items.items()} == {"p1": "9.99 EUR"}


def test_what_failed_and_is_gone_from_the_source_is_no_longer_left(
    sync: Run, shelf: Shelf, book: Book
) -> None:
    shelf.bad_price = "0.01 EUR"
    sync(rows([product(1), product(2, price="0.01 EUR")]))
    assert sync(rows([product(1)])).complete
    assert [one for one, *_ in remaining(book)] == ["p2"]
    assert sync(rows([product(1)]), mode="full").complete
    assert remaining(book) == []


def test_what_was_unsent_and_went_back_to_what_meta_has_is_no_longer_left(
    sync: Run, shelf: Shelf, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelpair.catalog.batches.MAX_ITEMS", 1)
    sync(rows([product(1), product(2)]))
    shelf.next = [refusal(190)]
    assert sync(rows([product(1, title="Cup"), product(2, title="Cup")])).unsent == 2
    assert [one for one, *_ in remaining(book)] == ["p1", "p2"]
    report = sync(rows([product(1), product(2)]))
    assert (report.sent, report.unchanged, report.complete) == (1, 1, True)
    assert remaining(book) == []


def test_deletions_that_a_lost_batch_had_done_are_done(sync: Run, shelf: Shelf, book: Book) -> None:
    """Seen: Meta knows no such item any more, and each full sync after it ended with 1."""
    sync(rows(map(product, range(20))))

    def arrives_and_dies(body: Any) -> Any:
        for request in body["requests"]:
            shelf._apply(request, upsert=True)
        raise Killed

    shelf.next = [arrives_and_dies]
    with pytest.raises(Killed):
        sync(rows(map(product, range(18))), mode="full")
    shelf.names_all = False
    report = sync(rows(map(product, range(18))), mode="full")
    assert (report.deleted, report.failures, shelf.looks) == (2, 0, 2)
    assert (report.complete, remaining(book)) == (True, [])


def test_deletion_that_fails_is_no_success_where_the_item_is_there(
    sync: Run, shelf: Shelf, book: Book
) -> None:
    sync(rows(map(product, range(20))))
    shelf.stuck = {"p19"}
    report = sync(rows(map(product, range(18))), mode="full")
    assert (report.deleted, report.failed, report.complete) == (1, {"p19": "nope"}, False)


def test_report_tells_what_the_catalog_holds(sync: Run) -> None:
    sync(rows([product(1), product(2)]))
    report = sync(rows([product(1)]))
    assert (report.held, report.gone, report.waited) == (2, 1, 0.0)


# --- what would go on for ever -------------------------------------------------------------------


def test_batch_that_meta_never_ends_travels_again_after_a_day(
    sync: Run, shelf: Shelf, clock: Clock
) -> None:
    """Seen: each run asked for half an hour, and ended with 1."""
    shelf.polls = 10_000
    found = rows([product(1)])
    assert sync(found).stopped == "Meta still works on the batch h1: the next run asks on"
    assert clock.now - NOW == 60.75 + 29 * 60
    clock.now += 86_400
    shelf.polls = 0
    report = sync(found)
    assert (report.saved, report.complete, shelf.posts) == (1, True, 2)


def test_refusal_of_ids_that_were_not_sent_leaves_nothing_confirmed(
    sync: Run, shelf: Shelf, book: Book
) -> None:
    """Seen: exit code 1 once, then 0, and nobody knew which item Meta had not."""

    def alien(body: Any) -> Any:
        refused = [{"retailer_id": None, "errors": [{"message": "no"}]}]
        return 200, {}, {"handles": ["h1"], "validation_status": refused}

    shelf.next = [alien]
    found = rows(map(product, range(2)))
    report = sync(found)
    why = "Meta refuses ids that were not sent"
    assert (report.saved, report.failed) == (0, {"p0": why, "p1": why})
    assert remaining(book) == [("p0", "failed", why), ("p1", "failed", why)]
    assert (sync(found).saved, remaining(book)) == (2, [])


def heavy(most: int) -> Any:
    """What stands before Graph and takes no more bytes than that."""

    def answer(body: Any) -> Any:
        return (413, {}, {}) if len(str(body)) > most else None

    return answer


def test_batch_that_a_proxy_finds_too_large_is_halved(sync: Run, shelf: Shelf) -> None:
    """Seen: tried six times, and the same again by each run."""
    shelf.next = [heavy(20_000)] * 20
    report = sync(rows(map(product, range(100))))
    assert (report.saved, report.complete, len(shelf.items)) == (100, True, 100)


def test_item_that_nothing_lets_through_holds_up_no_other(sync: Run, shelf: Shelf) -> None:
    """Seen: the run stopped there, and each run after it."""
    shelf.next = [heavy(20_000)] * 40
    goods = [product(n, **({"note": "x" * 30_000} if n == 70 else {})) for n in range(200)]
    report = sync(rows(goods))
    assert (report.saved + report.failures, report.unsent, report.stopped) == (200, 0, "")
    assert report.failures <= 50
    assert "p70" in report.failed


def test_refusal_of_any_size_stops(sync: Run, shelf: Shelf) -> None:
    shelf.next = [refusal(1)] * 40
    report = sync(rows(map(product, range(200))))
    assert report.stopped.startswith("1: Meta could not do it")
    assert (report.failures, report.unsent, report.calls) == (50, 150, 4)


def test_item_that_no_call_takes_is_a_fault(
    sync: Run, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelpair.catalog.sync.MOST_OF_ONE", 1000)
    report = sync(rows([product(1, note="x" * 1000), product(2)]))
    assert (report.faulty, report.saved, list(shelf.items)) == (1, 1, ["p2"])
    assert str(report.told[0]) == "line 2 (p1): has 1,247 bytes: no call takes more than 1,000"


@pytest.mark.parametrize("wrong", ["throttled", "spent"])
def test_clock_that_was_far_ahead_blocks_nobody(
    sync: Run, shelf: Shelf, clock: Clock, wrong: str
) -> None:
    """Seen: a block until 2038, from a machine that began with a wrong clock."""
    clock.now += 500 * 86_400
    shelf.next = [throttled(600)] if wrong == "throttled" else []
    sync(rows([product(1)]), calls_an_hour=1)
    clock.now, clock.rests = NOW, []
    report = sync(rows([product(2)]), calls_an_hour=1)
    assert (report.saved, report.stopped, clock.rests) == (1, "", [])


def test_deletion_of_another_kind_that_fails_is_no_success(sync: Run, shelf: Shelf) -> None:
    """Seen: hotels were looked for among products, where they are not, and so were gone."""
    found = [Row(n, {"hotel_id": f"{n}", "id": f"{n}", "name": "Inn"}) for n in range(20)]
    sync(found, item_type="HOTEL")

    def stays(body: Any) -> Any:
        return 200, {}, {"handles": ["stays"]}

    shelf.next, shelf._ended["stays"] = (
        [stays],
        {
            "status": "finished",
            "errors_total_count": 1,
            "ids_of_invalid_requests": ["19"],
        },
    )
    report = sync(found[:19], item_type="HOTEL", mode="full")
    assert (report.deleted, list(report.failed), shelf.looks) == (0, ["19"], 0)


def test_look_for_what_is_gone_waits_where_meta_asks_for_it(
    sync: Run, shelf: Shelf, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(rows(map(product, range(20))))
    shelf.stuck, status = {"p19"}, shelf._status
    waits = {"Retry-After": "300"}
    monkeypatch.setattr(shelf, "_status", lambda handle: (200, waits, status(handle)[2]))
    report = sync(rows(map(product, range(19))), mode="full")
    assert (report.failed, shelf.looks, clock.rests) == ({"p19": "nope"}, 1, [300.0])
