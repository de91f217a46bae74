"""The pages of the table in Django: one written with ``path``, one with ``re_path``."""

from __future__ import annotations

from collections.abc import Callable

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path

from tests.scope.says import says

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="of a test",
    USE_X_FORWARDED_HOST=True,
)
django.setup(set_prefix=False)


def page(handler: str) -> Callable[..., HttpResponse]:
    def view(request: HttpRequest, rest: str = "") -> HttpResponse:
        cookie, header = request.COOKIES.get("uid"), request.headers.get("X-User-Id")
        return HttpResponse(says(handler, request.get_host(), cookie, header))

    return view


urlpatterns = [
    re_path(r"^search(?:/(?P<rest>.*))?$", page("search")),
    path("help", page("help")),
    path("help/", page("help")),
    path("help/<path:rest>", page("help")),
    re_path(r"(?s)^(?P<rest>.*)", page("other")),
]
app = WSGIHandler()
