"""A stock Django project as ``startproject`` leaves it, with its admin, under gunicorn."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from tests.support.servers import BIN, Program, gunicorn

HOST = "shop.localhost:8000"
USER, PASSWORD = "admin", "correct horse battery staple"

# Under runserver the project's own static files are served by this same handler.
_SERVED = """
from django.contrib.staticfiles.handlers import StaticFilesHandler
from shop.wsgi import application as stock

application = StaticFilesHandler(stock)
"""

# Its tables are made without waiting for the disk, which is most of the time that it takes.
_QUICK = """
from shop.settings import *

DATABASES["default"]["OPTIONS"] = {"init_command": "PRAGMA synchronous=OFF"}
"""

_TOKEN = re.compile(rb'(name="csrfmiddlewaretoken" value=")([^"]+)')
_RANDOM_FIELD = re.compile(r"(csrftoken|sessionid|messages)=[^;]{10,};|expires=[^;]+;")
_RANDOM_BODY = re.compile(
    rb'name="csrfmiddlewaretoken" value="[^"]+"|cookie: [^<]*|\b\d\d:\d\d:\d\d\b'
)
# Of one connection, or of the moment: Django dates Expires to the second of the answer.
_NOT_COMPARED = {"connection", "keep-alive", "transfer-encoding", "date", "expires"}


def make_project(folder: Path) -> Path:
    """The folder of a new project: migrated, with one superuser."""
    folder.mkdir(parents=True)
    run = [str(BIN / "django-admin"), "startproject", "shop", str(folder)]
    subprocess.run(run, check=True, capture_output=True)
    (folder / "served.py").write_text(_SERVED)
    (folder / "quick.py").write_text(_QUICK)
    superuser = {
        "DJANGO_SETTINGS_MODULE": "quick",
        "DJANGO_SUPERUSER_USERNAME": USER,
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "DJANGO_SUPERUSER_EMAIL": "admin@example.com",
    }
    for verb in ("migrate", "createsuperuser"):
        manage = [sys.executable, "manage.py", verb, "--no-input"]
        env = {**os.environ, **superuser}
        subprocess.run(manage, cwd=folder, env=env, check=True, capture_output=True)
    return folder


def copy_project(project: Path, folder: Path) -> Path:
    """The same project again, database included, so that two can be compared."""
    return Path(shutil.copytree(project, folder))


def serve_project(folder: Path) -> tuple[Program, int]:
    """gunicorn with its stock sync workers, and its port."""
    return gunicorn("served:application", folder, options=["--workers", "2"])


@dataclass(frozen=True, slots=True)
class Page:
    """An answer with everything random or of the moment taken out of it."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes
    token: str  # of the form in it, "" if it has none

    def one(self, name: str) -> str | None:
        return next((value for key, value in self.fields if key.lower() == name), None)


class Browser:
    """A visitor with a cookie jar, who follows no redirect by itself."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of an IP address
        self._session = aiohttp.ClientSession(cookie_jar=jar, headers={"Host": HOST})

    async def get(self, path: str, method: str = "GET", **fields: str) -> Page:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return await self._ask(method, path, headers, None)

    async def post(
        self, path: str, form: Mapping[str, str], *, token: str, upload: bytes | None = None
    ) -> Page:
        """Sends a form as a browser does, ``Origin`` included; multipart with an upload."""
        data = aiohttp.FormData({"csrfmiddlewaretoken": token, **form})
        if upload is not None:
            data.add_field("portrait", upload, filename="portrait.png", content_type="image/png")
        return await self._ask("POST", path, {"Origin": f"http://{HOST}"}, data)

    async def log_in(self, password: str = PASSWORD) -> Page:
        form = await self.get("/admin/login/?next=/admin/")
        fields = {"username": USER, "password": password, "next": "/admin/"}
        return await self.post("/admin/login/?next=/admin/", fields, token=form.token)

    def cookie(self, name: str) -> str:
        return next(cookie.value for cookie in self._session.cookie_jar if cookie.key == name)

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], data: aiohttp.FormData | None
    ) -> Page:
        async with self._session.request(
            method, self._base + path, headers=headers, data=data, allow_redirects=False
        ) as answer:
            return _page(answer, await answer.read())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()


def _page(answer: aiohttp.ClientResponse, body: bytes) -> Page:
    found = _TOKEN.search(body)
    fields = (
        (name.decode(), _RANDOM_FIELD.sub(r"\1 random;", value.decode("latin-1")))
        for name, value in answer.raw_headers
        if name.decode().lower() not in _NOT_COMPARED
    )
    return Page(
        answer.status,
        tuple(fields),
        _RANDOM_BODY.sub(b"random", body),
        found[2].decode() if found else "",
    )
