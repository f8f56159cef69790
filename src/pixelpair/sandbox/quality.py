"""Meta's Dataset Quality API, answered from what the sandbox received. Pure.

Only fields that Meta documents. What it alone can know (the conversions it would gain: `acr` and
its kin) is left out of the answer, as Graph leaves out what has no value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .expansion import Tree, check, parse, select
from .overview import KEYS, Tally, percent, tallies

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .book import Entry

# Recorded identifiers; of the others only the key of user_data is known.
IDENTIFIERS = {
    "em": "email",
    "client_ip_address": "ip_address",
    "client_user_agent": "user_agent",
}
GOAL = 75
# Meta's bounds are not documented, and of its words these two are recorded.
REAL_TIME = 300
_VERSION = re.compile(r"(?:[_.-]?[0-9]+)*$")
_GAIN: Tree = {"percentage": {}, "description": {}}
_SHARE: Tree = {"percentage": {}, "description": {}}
KNOWN: Tree = {
    "web": {
        "event_name": {},
        "event_match_quality": {
            "composite_score": {},
            "match_key_feedback": {
                "identifier": {},
                "coverage": _SHARE,
                "potential_aly_acr_increase": _GAIN,
            },
            "diagnostics": {
                "name": {},
                "description": {},
                "solution": {},
                "percentage": {},
                "affected_event_count": {},
                "total_event_count": {},
            },
        },
        "event_coverage": {
            "percentage": {},
            "goal_percentage": {},
            "description": {},
            "potential_aly_acr_increase": _GAIN,
        },
        "dedupe_key_feedback": {
            "dedupe_key": {},
            "browser_events_with_dedupe_key": _SHARE,
            "server_events_with_dedupe_key": _SHARE,
            "overall_browser_coverage_from_dedupe_key": _SHARE,
        },
        "data_freshness": {"upload_frequency": {}, "description": {}},
        "acr": _GAIN,
        "event_potential_aly_acr_increase": _GAIN,
    }
}


def answer(entries: Iterable[Entry], dataset_id: str, fields: str, agent: str = "") -> Any:
    """The answer's JSON. BadFieldsError where the fields are wrong; no fields are all."""
    tree = parse(fields) if fields.strip() else KNOWN
    check(tree, KNOWN)
    wanted = [entry for entry in entries if not agent or _sent_by(entry, agent)]
    web = [_event(tally) for tally in tallies(wanted, dataset_id) if tally.server]
    return select({"web": web}, tree)


def _sent_by(entry: Entry, agent: str) -> bool:
    """Browser halves have no agent; they are needed to see what the agent's events cover."""
    server = entry.halves.get("server")
    return server is None or agent_name(str(server.get("partner_agent", ""))) == agent_name(agent)


def agent_name(agent: str) -> str:
    """Meta makes `Name_1_2` to `name`."""
    return _VERSION.sub("", agent.lower())


def _event(tally: Tally) -> dict[str, Any]:
    return {
        "event_name": tally.name,
        "event_match_quality": {
            "composite_score": tally.score(),
            "match_key_feedback": [
                {
                    "identifier": IDENTIFIERS.get(key, key),
                    "coverage": {"percentage": tally.coverage(key)},
                }
                for key in KEYS
                if tally.coverage(key)
            ],
            "diagnostics": [_diagnostic(*item, tally.server) for item in tally.remarks.items()],
        },
        "event_coverage": {
            "percentage": percent(tally.paired, tally.browser),
            "goal_percentage": GOAL,
            "description": "The share of browser events that the server sent too.",
        },
        "dedupe_key_feedback": [_dedupe(tally, *key) for key in _dedupe_keys(tally)],
        "data_freshness": _freshness(tally),
    }


def _diagnostic(remark: str, count: int, total: int) -> dict[str, Any]:
    counts = {"affected_event_count": count, "total_event_count": total}
    return {"name": remark, "description": remark, "percentage": percent(count, total), **counts}


def _dedupe_keys(tally: Tally) -> Iterable[tuple[str, int, int, int]]:
    yield "event_id", tally.ids["browser"], tally.ids["server"], tally.paired
    for key in ("external_id", "fbp"):
        yield key, tally.match["browser"][key], tally.match["server"][key], tally.both[key]


def _dedupe(tally: Tally, key: str, browser: int, server: int, both: int) -> dict[str, Any]:
    said = "The share of {} events that carry this key."
    return {
        "dedupe_key": key,
        "browser_events_with_dedupe_key": {
            "percentage": percent(browser, tally.browser),
            "description": said.format("browser"),
        },
        "server_events_with_dedupe_key": {
            "percentage": percent(server, tally.server),
            "description": said.format("server"),
        },
        "overall_browser_coverage_from_dedupe_key": {
            "percentage": percent(both, tally.browser),
            "description": "The share of browser events that a server event matches by this key.",
        },
    }


def _freshness(tally: Tally) -> dict[str, Any]:
    typical = tally.shown()["delay"] or 0.0
    frequency = "real_time" if typical <= REAL_TIME else "hourly"
    return {
        "upload_frequency": frequency,
        "description": f"Half of the events came within {typical:.1f} seconds.",
    }
