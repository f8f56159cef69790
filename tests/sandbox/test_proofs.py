"""appsecret_proof: asked for by a sandbox that knows an app's secret, ignored by any other."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from types import SimpleNamespace

import httpx
import pytest

from pixelpair.sandbox.app import create_app
from pixelpair.sandbox.server import running

from .goods import BEARER, PIXEL

SECRET = "made-up"
PROOF = hmac.new(SECRET.encode(), b"t", hashlib.sha256).hexdigest()
EVENT = {
    "event_name": "Lead",
    "event_time": int(time.time()),
    "action_source": "email",
    "user_data": {"external_id": "a" * 64},
}
CALLS = [
    ("POST", f"/v26.0/{PIXEL}/events", {"data": [EVENT]}),
    ("GET", f"/v26.0/dataset_quality?dataset_id={PIXEL}", None),
    ("GET", "/v26.0/1/owned_product_catalogs", None),
    ("POST", "/v26.0", {"batch": [{"method": "GET", "relative_url": "1/owned_product_catalogs"}]}),
]


@pytest.fixture(scope="module")
def guarded():
    with running(create_app(app_secret=SECRET)) as url, httpx.Client(base_url=url) as client:
        yield SimpleNamespace(url=url, client=client)


def ask(client, call, proof: str | None):
    method, path, body = call
    given = {} if proof is None else {"appsecret_proof": proof}
    return client.request(method, path, json=body, headers=BEARER, params=_with(path, given))


def _with(path: str, given: dict) -> dict:
    return {**httpx.URL(path).params, **given}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("proof", [None, "", "0" * 64, PROOF.upper(), "é"])
def test_a_proof_that_does_not_fit_is_refused(guarded, call, proof):
    answer = ask(guarded.client, call, proof)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 104)


@pytest.mark.parametrize("call", CALLS)
def test_a_proof_that_fits_is_taken(guarded, call):
    assert ask(guarded.client, call, PROOF).status_code == 200


def test_a_proof_may_stand_in_the_body(guarded):
    given = {"data": json.dumps([EVENT]), "appsecret_proof": PROOF, "access_token": "t"}
    assert guarded.client.post(f"/v26.0/{PIXEL}/events", data=given).status_code == 200
    given = {"name": "Shop", "appsecret_proof": PROOF, "access_token": "t"}
    assert guarded.client.post("/v26.0/1/owned_product_catalogs", data=given).status_code == 200


def test_a_bad_token_is_said_first(guarded):
    answer = guarded.client.get("/v26.0/1/owned_product_catalogs")
    assert answer.json()["error"]["code"] == 190


def test_without_a_secret_any_proof_will_do(sandbox):
    for call in CALLS:
        assert ask(sandbox.client, call, "0" * 64).status_code == 200


def test_neither_token_nor_proof_stands_twice_in_a_next_page(guarded):
    for _ in range(2):
        path = "/v26.0/2/owned_product_catalogs"
        ask(guarded.client, ("POST", path, {"name": "Shop"}), PROOF)
    params = {"appsecret_proof": PROOF, "limit": 1, "access_token": "t"}
    paging = guarded.client.get("/v26.0/2/owned_product_catalogs", params=params).json()["paging"]
    assert sorted(httpx.URL(paging["next"]).params) == ["access_token", "after", "limit"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:facebook_business")
def test_metas_sdk_proves_itself(guarded, monkeypatch):
    from facebook_business import session
    from facebook_business.adobjects.business import Business
    from facebook_business.api import FacebookAdsApi

    monkeypatch.setattr(session.FacebookSession, "GRAPH", guarded.url)
    api = FacebookAdsApi.init(app_secret=SECRET, access_token="sdk", crash_log=False)
    try:
        made = Business("3").create_owned_product_catalog(params={"name": "Shop"})
        found = Business("3").get_owned_product_catalogs(fields=["name"])
        assert [(row["id"], row["name"]) for row in found] == [(made["id"], "Shop")]
    finally:
        api._session.requests.close()
        FacebookAdsApi.set_default_api(None)
