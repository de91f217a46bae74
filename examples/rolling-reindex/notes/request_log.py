"""The app's own log: a line for each request, with whose it was, its start and its end."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


class RequestLog:
    """Middleware. Times are seconds of the wall clock: one clock for all that runs here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._file = os.open(settings.REQUEST_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        start = time.time()
        answer = self._get_response(request)
        seen = [request.COOKIES.get("uid"), request.path, start, time.time(), answer.status_code]
        # One write to a file that is appended to: lines of several processes do not mix.
        os.write(self._file, f"{json.dumps(seen)}\n".encode())
        return answer
