"""Each refusal that Meta documents of a call: one line, its own next step, an exit code, JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.cli import main
from pixelpair.graph.catalog_vehicles import VEHICLE

from ..conftest import PIXEL, TOKEN
from .conftest import BUSINESS
from .runs import ACCOUNT, IMAGE, Run, Things

if TYPE_CHECKING:
    from tests.graph.meta import Meta

    from .conftest import Shop

# Of each page: the call, the edge that is refused (after so many calls of it that are not), the
# codes. The pages of product tags name none: these are Graph's own.
DOCUMENTED = (
    (Run("catalog show", "$catalog"), "node", 0, (100, 190, 368, 2635)),
    (Run("catalog create", f"{BUSINESS} --name N"), "owned_product_catalogs", 0, (100, 200, 415)),
    (Run("catalog update", "$catalog --name N"), "node", 0, (100, 200)),
    (Run("catalog delete", "$catalog --confirm 'Tea shop'"), "node", 1, (100, 190, 801, 3970)),
    (
        Run("catalog users add", "$catalog 55 --task MANAGE"),
        *("assigned_users", 0, (100, 190, 200, 415)),
    ),
    (Run("catalog users remove", "$catalog 55"), "assigned_users", 0, (100, 415)),
    (Run("catalog sources", "$catalog"), "external_event_sources", 0, (100,)),
    (Run("catalog link", "$catalog"), "external_event_sources", 1, (100, 200)),
    (Run("catalog unlink", f"$linked {PIXEL}"), "external_event_sources", 1, (100,)),
    (Run("catalog diagnostics", "$catalog"), "diagnostics", 0, (100,)),
    (Run("catalog stats", "$catalog"), "event_stats", 0, (100, 200, 270)),
    (Run("catalog list", BUSINESS), "owned_product_catalogs", 0, (10, 102, 80009, 80014)),
    (Run("tags list", "$medium"), "product_tags", 0, (10, 100, 190, 200, 80002)),
    (Run("tags search", f"{ACCOUNT} $catalog"), "catalog_product_search", 0, (10, 200)),
    (Run("tags publish", f"{ACCOUNT} --image {IMAGE} $product"), "media", 0, (10, 200)),
)
CASES = [(run, edge, after, code) for run, edge, after, codes in DOCUMENTED for code in codes]
# What is Meta's to end; else somebody here has to change something.
THEIRS = (368, 80002, 80009, 80014)


def order(shop: Shop, edge: str, after: int, code: int) -> None:
    """So many calls of the edge go well, and the next does not."""
    error = {"code": code, "message": f"(#{code}) in Meta's words"}
    faults: list[dict[str, Any]] = [{"edge": edge}] * after + [{"edge": edge, "error": error}]
    shop.http.post("/api/faults", json=faults).raise_for_status()


@pytest.mark.parametrize(("run", "edge", "after", "code"), CASES)
def test_a_documented_refusal_is_one_line(
    shop: Shop,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    run: Run,
    edge: str,
    after: int,
    code: int,
) -> None:
    words = run.typed(Things(shop, tmp_path))
    order(shop, edge, after, code)
    assert main([*words, "--json"]) == (1 if code in THEIRS else 2)
    out, err = capsys.readouterr()
    told = json.loads(out)["error"]
    assert (told["code"], told["message"] + "\n") == (code, err)
    assert err.startswith(f"{code}: ")
    assert f"(Meta: (#{code}) in Meta's words)" in err
    assert err.endswith(f"Next: {told['next']}\n")
    assert (err.count("\n"), TOKEN in out + err) == (1, False)


def test_each_documented_code_has_its_own_next_step(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = Run("catalog show", "$catalog --json").typed(Things(shop, tmp_path))
    steps: dict[int, str] = {}
    for code in (100, 190, 200, 368, 415, 801, 2635, 3970, 80014):
        order(shop, "node", 0, code)
        main(words)
        steps[code] = json.loads(capsys.readouterr().out)["error"]["next"]
    assert len(set(steps.values())) == len(steps)


def test_a_limit_is_told_with_its_minutes_in_json(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = {"1": [{"type": "catalog_batch", "estimated_time_to_regain_access": 7}]}
    headers = {"X-Business-Use-Case-Usage": json.dumps(usage)}
    fault = {"edge": "node", "error": {"code": 80014, "message": "m"}, "headers": headers}
    shop.http.post("/api/faults", json=fault).raise_for_status()
    assert main(["catalog", "show", shop.catalog, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)["error"]
    assert (told["kind"], told["minutes"]) == ("throttled", 7)


@pytest.mark.parametrize("code", [10, 200, 230])
def test_a_missing_right_to_publish_names_what_publishing_needs(
    meta: Meta, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    meta.refuse(f"POST /v26.0/{ACCOUNT}/media", code)
    assert main(["tags", "publish", ACCOUNT, "--image", IMAGE, "7"]) == 2
    said = capsys.readouterr().err
    assert "instagram_content_publish" in said
    assert "admin of the business" in said


def test_a_wrong_token_is_one_line_of_the_sandbox(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIXELPAIR_ACCESS_TOKEN", "no*token")
    assert main(["catalog", "show", shop.catalog, "--json"]) == 2
    out, err = capsys.readouterr()
    assert (json.loads(out)["error"]["kind"], err.count("\n")) == ("token", 1)
    assert "no*token" not in out + err


def test_a_token_that_no_header_can_hold_is_not_shown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIXELPAIR_ACCESS_TOKEN", "tokén")
    assert main(["catalog", "show", shop.catalog]) in (1, 2)
    out, err = capsys.readouterr()
    assert ("Traceback" in err, "tokén" in out + err) == (False, False)


def test_a_partners_token_that_meta_quotes_is_not_shown(
    meta: Meta, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "0123456789abcdef"
    settings = json.dumps({"external_access_token": secret})
    meta.refuse("POST /v26.0/9", 100, message=f"bad token {secret}")
    assert main(["catalog", "update", "9", "--partner-integration", settings, "--json"]) == 2
    out, err = capsys.readouterr()
    assert secret[:12] not in out + err
    assert "(Meta: (hidden: it quotes the token))" in err


def test_what_is_wrong_with_the_words_is_a_document_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["catalog", "update", "9", "--json"]) == 2
    out, err = capsys.readouterr()
    told = json.loads(out)["error"]
    assert (told["kind"], told["message"]) == ("usage", "nothing to change was given")
    assert err == "nothing to change was given\n"


# --- vehicles, fifty in a call -------------------------------------------------------------------


def cars(folder: Path, number: int) -> str:
    plain = {"text": "x", "whole": 1, "object": {}, "list": [{"image_url": "https://x.example/"}]}
    car = {one.name: plain[one.type] for one in VEHICLE if one.required}
    car |= {"body_style": "VAN", "state_of_vehicle": "NEW", "address": {"city": "Kyoto"}}
    car |= {"mileage": {"value": 1}}
    file = folder / "cars.jsonl"
    file.write_text("\n".join(json.dumps({**car, "vehicle_id": f"V{n}"}) for n in range(number)))
    return str(file)


def batch(*codes: int) -> list[dict[str, Any]]:
    """What Graph's batch answers to vehicles, by the code of an error, or 0."""
    refused = {code: {"error": {"message": "no", "code": code}} for code in codes if code}
    return [
        {"code": 400 if code else 200, "body": json.dumps(refused.get(code, {"id": "1"}))}
        for code in codes
    ]


def test_vehicles_stop_where_meta_throttles(
    meta: Meta, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meta.say("POST /v26.0", batch(*[0] * 49, 80009), batch(*[0] * 50))
    assert main(["catalog", "vehicles", "add", "9", cars(tmp_path, 52), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (len(meta.calls("POST")), len(told["added"])) == (1, 49)
    assert [one["line"] for one in told["wrong"]] == [50, 51, 52]
    assert told["wrong"][1]["why"] == "not sent, as Meta throttles"


def test_vehicles_that_were_added_are_told_when_the_next_fifty_fail(
    meta: Meta, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meta.say("POST /v26.0", batch(*[0] * 50), b"<html>")
    assert main(["catalog", "vehicles", "add", "9", cars(tmp_path, 52), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (len(told["added"]), [one["line"] for one in told["wrong"]]) == (50, [51, 52])


def test_a_vehicle_without_an_id_in_the_answer_is_not_called_added(
    meta: Meta, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meta.say("POST /v26.0", [{"code": 200, "body": "{}"}])
    assert main(["catalog", "vehicles", "add", "9", cars(tmp_path, 1), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["added"], "an answer without an id" in told["wrong"][0]["why"]) == ([], True)


def test_a_wrong_token_for_vehicles_is_one_line(
    meta: Meta, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meta.refuse("POST /v26.0", 190)
    assert main(["catalog", "vehicles", "add", "9", cars(tmp_path, 60)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_vehicles_may_begin_with_a_byte_order_mark(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bom.jsonl"
    file.write_text("\ufeff" + Path(cars(tmp_path, 1)).read_text())
    assert main(["catalog", "vehicles", "add", shop.catalog, str(file), "--dry-run"]) == 0
    assert capsys.readouterr().out == "1 fit, 0 wrong\n"
