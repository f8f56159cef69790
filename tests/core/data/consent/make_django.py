"""The cookie of django-cookie-consent, as its own code puts it on a response.

pip install django-cookie-consent==1.0.0, then: python make_django.py > django.json
"""

import json

import django
from django.conf import settings

settings.configure(INSTALLED_APPS=["cookie_consent"], SECRET_KEY="-", ROOT_URLCONF="")
django.setup()

from cookie_consent.util import parse_cookie_str, set_cookie_dict_to_response  # noqa: E402
from django.http import HttpRequest, HttpResponse, parse_cookie  # noqa: E402

AT, NO = "2026-11-22T09:30:00.123456+00:00", settings.COOKIE_CONSENT_DECLINE
CHOICES = {
    "accepts both": {"analytics": AT, "marketing": AT},
    "refuses both": {"analytics": NO, "marketing": NO},
    "accepts analytics alone": {"analytics": AT, "marketing": NO},
    "accepts marketing alone": {"marketing": AT, "analytics": NO},
    "has decided on analytics alone": {"analytics": AT},
}


def cookie_of(choice: dict[str, str]) -> str:
    response = HttpResponse()
    set_cookie_dict_to_response(response, choice)
    header = response.cookies.output(header="").strip().partition(";")[0]
    request = HttpRequest()
    request.COOKIES = parse_cookie(header)
    assert parse_cookie_str(request.COOKIES["cookie_consent"]) == choice
    return header


made = [
    {"choice": name, "cookies": cookie_of(choice), "marketing": choice.get("marketing")}
    for name, choice in CHOICES.items()
]
print(json.dumps({"http_only": settings.COOKIE_CONSENT_HTTPONLY, "made": made}, indent=1))
