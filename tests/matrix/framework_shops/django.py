"""Django: docs/frameworks.md's project, and the added views, sync and async ones."""

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import etag
from django.views.static import serve
from shop.urls import urlpatterns

from . import words


def facts(request):
    return JsonResponse(words.FACTS)


def moved(request):
    return redirect("/cart")


def lead(request):
    return HttpResponse(words.lead())


async def contact(request):
    return HttpResponse(words.contact())


def stream_sync(request):
    return StreamingHttpResponse(words.pieces())


async def stream(request):
    return StreamingHttpResponse(words.pieces_later())


@etag(lambda request: '"1"')
def tagged(request):
    return HttpResponse(words.PAGE)


def broken(request):
    return HttpResponse(words.broken())


urlpatterns += [
    path("json", facts),
    path("moved", moved),
    path("sync", lead),
    path("async", contact),
    path("stream", stream),
    path("stream-sync", stream_sync),
    path("tagged", tagged),
    path("broken", broken),
    path("static/<path:path>", serve, {"document_root": "static"}),
]
