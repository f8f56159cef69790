"""Meta's own SDK as the judge: what it sends is accepted, what it must fail at fails so."""

from __future__ import annotations

import time

import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:facebook_business")

PIXEL = "1234567890"


@pytest.fixture
def sdk(sandbox, monkeypatch):
    """The SDK's server-side classes, pointed at the sandbox."""
    from facebook_business import session
    from facebook_business.adobjects import serverside
    from facebook_business.api import FacebookAdsApi

    monkeypatch.setattr(session.FacebookSession, "GRAPH", sandbox.url)
    api = FacebookAdsApi.init(access_token="sandbox-token", crash_log=False)
    yield serverside
    api._session.requests.close()
    FacebookAdsApi.set_default_api(None)


def purchase(**changes):
    from facebook_business.adobjects.serverside.action_source import ActionSource
    from facebook_business.adobjects.serverside.content import Content
    from facebook_business.adobjects.serverside.custom_data import CustomData
    from facebook_business.adobjects.serverside.event import Event
    from facebook_business.adobjects.serverside.user_data import UserData

    user = UserData(
        email="Anna@Example.com",
        phone="+46 70 123 45 67",
        client_ip_address="203.0.113.9",
        client_user_agent="Mozilla/5.0",
        fbp="fb.1.1749651650057.639940942831715561",
        fbc="fb.1.1749651650057.IwAR2",
    )
    bought = CustomData(
        value=19.9, currency="SEK", contents=[Content(product_id="SKU-1", quantity=2)]
    )
    fields = {
        "event_name": "Purchase",
        "event_time": int(time.time()),
        "event_id": "order-1",
        "event_source_url": "https://shop.example/thanks",
        "action_source": ActionSource.WEBSITE,
        "user_data": user,
        "custom_data": bought,
    }
    return Event(**{**fields, **changes})


def send(*events, **options):
    from facebook_business.adobjects.serverside.event_request import EventRequest

    return EventRequest(pixel_id=PIXEL, events=list(events), **options).execute()


def failure(*events) -> tuple:
    from facebook_business.exceptions import FacebookRequestError

    with pytest.raises(FacebookRequestError) as caught:
        send(*events)
    error = caught.value
    return error.http_status(), error.api_error_code(), error.api_error_subcode()


@pytest.mark.usefixtures("sdk")
def test_its_request_succeeds(sandbox):
    answer = send(purchase(), purchase(event_id="order-2"), test_event_code="TEST7")
    assert (answer.events_received, answer.messages) == (2, [])
    shown = sandbox.events()
    assert [(row["name"], row["event_id"], row["status"]) for row in shown] == [
        ("Purchase", "order-1", "server_only"),
        ("Purchase", "order-2", "server_only"),
    ]
    server = shown[0]["server"]
    assert (server["notes"], server["test_event_code"]) == ([], "TEST7")
    assert server["custom_data"]["contents"] == [{"id": "SKU-1", "quantity": 2}]


@pytest.mark.usefixtures("sdk")
def test_an_old_event_fails():
    old = purchase(event_time=int(time.time()) - 8 * 86_400)
    assert failure(purchase(), old) == (400, 100, 2804003)


@pytest.mark.usefixtures("sdk")
def test_a_purchase_without_value_fails(sandbox):
    from facebook_business.adobjects.serverside.custom_data import CustomData

    assert failure(purchase(custom_data=CustomData(currency="SEK"))) == (400, 100, 2804009)
    assert sandbox.events() == []


@pytest.mark.usefixtures("sdk")
def test_an_unknown_person_fails():
    from facebook_business.adobjects.serverside.user_data import UserData

    nobody = UserData(client_user_agent="Mozilla/5.0")
    assert failure(purchase(user_data=nobody)) == (400, 100, 2804050)


def test_a_garbage_token_fails(sdk):
    from facebook_business.api import FacebookAdsApi

    api = FacebookAdsApi.get_default_api()
    api._session.requests.params["access_token"] = "not a token"
    assert failure(purchase()) == (401, 190, None)


@pytest.mark.usefixtures("sdk")
def test_its_own_fields_are_hashed_as_the_sandbox_wants_them(sandbox):
    """The SDK's accepted half shows only digests of what a visitor typed."""
    send(purchase())
    user = sandbox.events()[0]["server"]["user_data"]
    assert {key: [len(value) for value in user[key]] for key in ("em", "ph")} == {
        "em": [64],
        "ph": [64],
    }
