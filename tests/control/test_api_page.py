"""docs/api.md: every call is on it, and its examples answer what it says."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from yarl import URL

from gateway.control.index import ROUTES
from tests.support.control import Stage

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
BASE = "http://127.0.0.1:9090"


@dataclass
class Example:
    """A curl line, as the request it makes, and the answer shown under it."""

    line: str
    method: str
    url: URL
    headers: dict[str, str]
    body: str | None
    answer: Any


def read_example(line: str, answer: str) -> Example:
    words = iter(shlex.split(line)[1:])
    method, address, body, query = "GET", "", None, []
    headers: dict[str, str] = {}
    for word in words:
        match word:
            case "-s" | "-G":
                pass
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d":
                body = next(words)
            case "--data-urlencode":
                name, _, value = next(words).partition("=")
                query.append(f"{name}={quote_plus(value)}")
            case _:
                address = word.removeprefix(BASE)
    target = f"{address}?{'&'.join(query)}" if query else address
    return Example(line, method, URL(target, encoded=True), headers, body, json.loads(answer))


def examples() -> list[Example]:
    blocks = re.findall(r"^```console\n\$ (curl .*)\n((?:.*\n)+?)```$", PAGE, re.MULTILINE)
    return [read_example(line, answer) for line, answer in blocks]


def shown(full: Any, excerpt: Any) -> Any:
    """What ``excerpt`` would say if it were made of ``full``, leaving out what it leaves out."""
    match excerpt:
        case dict() if isinstance(full, dict):
            if "…" not in excerpt:
                return {key: shown(value, excerpt.get(key)) for key, value in full.items()}
            kept = {key: shown(full[key], excerpt[key]) for key in excerpt if key in full}
            return {**kept, "…": "…"}
        case list() if isinstance(full, list) and len(full) == len(excerpt):
            return [shown(one, part) for one, part in zip(full, excerpt, strict=True)]
        case _:
            return full


async def test_the_page_s_examples_answer_what_it_says(stage: Stage) -> None:
    assert len(examples()) >= 14
    for example in examples():
        response = await stage.client.request(
            example.method, example.url, headers=example.headers, data=example.body
        )
        actual = await response.json(content_type=None)
        assert example.answer == shown(actual, example.answer), example.line


def test_every_call_is_on_the_page() -> None:
    for route in ROUTES:
        assert f"`{route.method} {route.path}`" in PAGE
