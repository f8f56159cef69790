"""Shops with content security policies: Flask-Talisman, django-csp, and plain headers.

`/{name}` is a page under the policy of that name; `/kept/{name}` the same, which caches may keep.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.core.handlers.wsgi import WSGIHandler
    from flask import Flask
    from starlette.applications import Starlette
    from starlette.requests import Request

META = os.environ.get("PIXELPAIR_PIXEL_SCRIPT_URL", "").partition("/en_US")[0]
KEPT = {"Cache-Control": "public, max-age=60"}
PAGE = """<!doctype html><html><head><title>{name}</title>{meta}</head><body><h1>{name}</h1>
{script}</body></html>"""


@dataclass(frozen=True, slots=True)
class Policy:
    """`{meta}` is Meta's host, `{nonce}` new in each answer; it stands in a header, or `<meta>`."""

    text: str
    place: str = "Content-Security-Policy"


REPORT_ONLY = "Content-Security-Policy-Report-Only"
DYNAMIC = "script-src 'strict-dynamic' 'nonce-{nonce}'; object-src 'none'; base-uri 'none'"
TRUSTED = "require-trusted-types-for 'script'"
POLICIES = {
    "hosts": Policy("script-src 'self' {meta}"),
    "default": Policy("default-src 'self' {meta}"),
    "nonce": Policy("script-src 'nonce-{nonce}' {meta}"),
    "dynamic": Policy(DYNAMIC),
    "reported": Policy("script-src 'nonce-{nonce}' {meta}", REPORT_ONLY),
    "in-page": Policy("script-src 'nonce-{nonce}' {meta}", "meta"),
    "hosts-in-page": Policy("script-src 'self' {meta}", "meta"),
    "hashes": Policy("script-src 'strict-dynamic' 'sha256-" + "A" * 43 + "='"),
    "without-meta": Policy("script-src 'self'"),
    "nonce-without-meta": Policy("script-src 'nonce-{nonce}'"),
    "trusted": Policy(TRUSTED),
    "trusted-hosts": Policy(f"script-src 'self' {{meta}}; {TRUSTED}"),
    "trusted-dynamic": Policy(f"{DYNAMIC}; {TRUSTED}"),
}


def starlette_shop() -> Starlette:
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import HTMLResponse
    from starlette.routing import Route

    from pixelpair.asgi import PixelPairMiddleware

    async def page(request: Request) -> HTMLResponse:
        name, nonce = request.path_params["name"], secrets.token_urlsafe(16)
        policy = POLICIES.get(name, POLICIES["nonce"])  # a browser asks for /favicon.ico
        text = policy.text.format(meta=META, nonce=nonce)
        by_meta = policy.place == "meta"
        html = PAGE.format(
            name=name,
            script="",
            meta=f'<meta http-equiv="Content-Security-Policy" content="{text}">' * by_meta,
        )
        headers = {} if by_meta else {policy.place: text}
        return HTMLResponse(html, headers=headers | (KEPT if "/kept/" in str(request.url) else {}))

    routes = [Route("/kept/{name}", page), Route("/{name}", page)]
    return Starlette(routes=routes, middleware=[Middleware(PixelPairMiddleware)])


def flask_shop() -> Flask:
    """Flask-Talisman writes its policy inside of us, with a nonce that templates ask for."""
    from flask import Flask, Response, render_template_string
    from flask_talisman import Talisman

    from pixelpair.flask import PixelPair

    app = Flask(__name__)
    policy = {"default-src": "'self'", "script-src": ["'self'", META], "img-src": META}
    policy["connect-src"] = ["'self'", META]
    options = {"force_https": False, "session_cookie_secure": False}
    given = ["script-src"] if os.environ.get("SHOP_NONCE") else []
    Talisman(app, content_security_policy=policy, content_security_policy_nonce_in=given, **options)

    @app.get("/<name>")
    def page(name: str) -> str:
        script = '<script nonce="{{ csp_nonce() }}">window.shop = 1</script>' if given else ""
        return render_template_string(PAGE.format(name=name, meta="", script=script))

    @app.get("/kept/<name>")
    def kept(name: str) -> Response:
        return Response(page(name), headers=KEPT)

    PixelPair(app)
    return app


OURS = "pixelpair.django.PixelPairMiddleware"
CSP = "csp.middleware.CSPMiddleware"


def django_shop() -> WSGIHandler:
    """django-csp with the middleware in the order of SHOP_MIDDLEWARE."""
    from csp.constants import NONCE, SELF
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, HttpResponse
    from django.template import engines
    from django.urls import path

    def page(request: HttpRequest, name: str) -> HttpResponse:
        script = '<script nonce="{{ request.csp_nonce }}">window.shop = 1</script>'
        html = PAGE.format(name=name, meta="", script=script)
        return HttpResponse(engines["django"].from_string(html).render({}, request))

    def kept(request: HttpRequest, name: str) -> HttpResponse:
        response = page(request, name)
        response["Cache-Control"] = KEPT["Cache-Control"]
        return response

    class Urls:
        urlpatterns = (path("kept/<name>", kept), path("<name>", page))

    processors = ["django.template.context_processors.request"]
    settings.configure(
        ALLOWED_HOSTS=["*"],
        CONTENT_SECURITY_POLICY={
            "DIRECTIVES": {"default-src": [SELF, META], "script-src": [SELF, NONCE, META]}
        },
        MIDDLEWARE=os.environ["SHOP_MIDDLEWARE"].split(),
        ROOT_URLCONF=Urls,
        SECRET_KEY="s" * 50,
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"context_processors": processors},
            }
        ],
    )
    return get_wsgi_application()
