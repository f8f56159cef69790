"""Answers of the Dataset Quality API: the documented shape is read whole, no other ever fails."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pixelpair.graph.quality import GOAL, Diagnostic, EventQuality, Shares, query, read

SHARE = {"percentage": 80.5, "description": "…"}
ANSWER = {
    "web": [
        {
            "event_name": "Purchase",
            "event_match_quality": {
                "composite_score": 6.2,
                "match_key_feedback": [
                    {"identifier": "email", "coverage": {"percentage": 43}},
                    {"identifier": "user_agent", "coverage": {"percentage": 100.0}},
                ],
                "diagnostics": [
                    {"name": "n", "description": "d", "solution": "do it", "percentage": 2.5}
                ],
            },
            "event_coverage": {"percentage": 91, "goal_percentage": 70, "description": "…"},
            "dedupe_key_feedback": [
                {
                    "dedupe_key": "event_id",
                    "browser_events_with_dedupe_key": SHARE,
                    "server_events_with_dedupe_key": 99,
                }
            ],
            "data_freshness": {"upload_frequency": "real_time", "description": "…"},
        }
    ]
}
PURCHASE = EventQuality(
    "Purchase",
    6.2,
    {"email": 43.0, "user_agent": 100.0},
    91.0,
    70.0,
    {"event_id": Shares(80.5, 99.0, None)},
    "real_time",
    (Diagnostic("n", "d", "do it", 2.5),),
)
NAMES = st.sampled_from(["web", *ANSWER["web"][0], "percentage", "identifier"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


def test_the_documented_answer_is_read_whole() -> None:
    assert read(ANSWER) == (PURCHASE,)


def test_the_other_spelling_of_the_dedup_keys_is_read_too() -> None:
    row = dict(ANSWER["web"][0])
    row["dedup_key_feedback"] = row.pop("dedupe_key_feedback")
    assert read({"web": [row]}) == (PURCHASE,)


def test_what_meta_leaves_out_is_not_known() -> None:
    bare = EventQuality("Lead", None, {}, None, GOAL, {}, "", ())
    assert read({"web": [{"event_name": "Lead"}]}) == (bare,)


@given(JSON, JSON)
def test_no_answer_fails(web: object, event: object) -> None:
    read({"web": web})
    read({"web": [{"event_name": "x", "event_match_quality": event, "event_coverage": event}]})


def test_the_token_stands_in_no_address_and_no_repr() -> None:
    asked = query("123", token="EAAB-secret", graph_url="https://graph.example/", version="v26.0")
    assert asked.url == "https://graph.example/v26.0/dataset_quality"
    assert asked.params["dataset_id"] == "123"
    assert "EAAB" not in repr(asked) + asked.url + str(asked.params)
