from __future__ import annotations

from pixelpair.sandbox.book import Book
from pixelpair.sandbox.overview import KEYS, WEIGHTS, Tally, tallies
from pixelpair.sandbox.quality import KNOWN, agent_name, answer

SERVER = {"event_time": 90, "match_keys": ["em", "fbp"], "notes": ["value without currency"]}
BROWSER = {"match_keys": ["fbp"], "notes": []}


def filled() -> Book:
    book = Book()
    book.record("browser", ("1", "Lead", "a"), BROWSER, 100.0)
    book.record("server", ("1", "Lead", "a"), SERVER, 100.0)
    book.record("server", ("1", "Lead", "a"), SERVER, 101.0)
    book.record("server", ("1", "Lead", "b"), {**SERVER, "match_keys": [], "notes": []}, 110.0)
    book.record("browser", ("1", "Lead", ""), {**BROWSER, "match_keys": []}, 110.0)
    book.record("browser", ("1", "Search", "c"), BROWSER, 110.0)
    book.record("browser", ("2", "Lead", "d"), BROWSER, 110.0)
    return book


def test_counts_each_half_and_pair_by_name():
    lead, search = (tally.shown() for tally in tallies(filled().entries(), "1"))
    keys = {"em": 50.0, "fbp": 50.0}
    assert lead == {
        "name": "Lead",
        "browser": 2,
        "server": 2,
        "paired": 1,
        "browser_only": 1,
        "server_only": 1,
        "repeats": 1,
        "score": 1.8,
        "keys": [{"key": key, "percentage": keys.get(key, 0.0)} for key in KEYS],
        "delay": 15.0,
        "slowest": 20.0,
    }
    assert (search["score"], search["keys"], search["delay"]) == (None, [], None)


def test_all_pixels_together():
    assert [(tally.name, tally.browser) for tally in tallies(filled().entries())] == [
        ("Lead", 3),
        ("Search", 1),
    ]


def test_the_weights_are_ten_in_all_and_every_key_has_one():
    assert sum(weight for _, weight in WEIGHTS) == 10
    assert sorted(key for keys, _ in WEIGHTS for key in keys) == sorted(KEYS)


def test_the_score_is_one_at_least():
    assert Tally("Lead", server=3).score() == 1.0


def test_the_quality_in_metas_words():
    share = "The share of {} events that carry this key.".format
    both = "The share of browser events that a server event matches by this key."

    def key(name: str, browser: float, server: float, paired: float) -> dict:
        return {
            "dedupe_key": name,
            "browser_events_with_dedupe_key": {
                "percentage": browser,
                "description": share("browser"),
            },
            "server_events_with_dedupe_key": {"percentage": server, "description": share("server")},
            "overall_browser_coverage_from_dedupe_key": {"percentage": paired, "description": both},
        }

    assert answer(filled().entries(), "1", "") == {
        "web": [
            {
                "event_name": "Lead",
                "event_match_quality": {
                    "composite_score": 1.8,
                    "match_key_feedback": [
                        {"identifier": "email", "coverage": {"percentage": 50.0}},
                        {"identifier": "fbp", "coverage": {"percentage": 50.0}},
                    ],
                    "diagnostics": [
                        {
                            "name": "value without currency",
                            "description": "value without currency",
                            "percentage": 50.0,
                            "affected_event_count": 1,
                            "total_event_count": 2,
                        }
                    ],
                },
                "event_coverage": {
                    "percentage": 50.0,
                    "goal_percentage": 75,
                    "description": "The share of browser events that the server sent too.",
                },
                "dedupe_key_feedback": [
                    key("event_id", 50.0, 100.0, 50.0),
                    key("external_id", 0.0, 0.0, 0.0),
                    key("fbp", 50.0, 50.0, 50.0),
                ],
                "data_freshness": {
                    "upload_frequency": "real_time",
                    "description": "Half of the events came within 15.0 seconds.",
                },
            }
        ]
    }


def test_what_only_meta_knows_may_be_asked_for_and_is_left_out():
    assert "acr" in KNOWN["web"]
    asked = "web{acr{percentage},event_potential_aly_acr_increase}"
    assert answer(filled().entries(), "1", asked) == {"web": [{}]}


def test_an_agents_version_is_no_part_of_its_name():
    assert [agent_name(name) for name in ("PixelPair_1_2", "pixelpair", "Shop2_3")] == [
        "pixelpair",
        "pixelpair",
        "shop",
    ]
