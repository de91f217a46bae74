from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import load
from gateway.config.environment import FORMS, OTHERS, variable
from gateway.config.secret_files import HELD_IN_FILES, SUFFIX
from tests.support.config_keys import known_keys

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "configuration.md").read_text("utf-8")
SITE_TABLE, _, FLAG_TABLE = TEXT.partition("## Every key of a flag")


@pytest.mark.parametrize("path", FORMS)
def test_every_setting_is_documented_with_its_variable(path):
    assert any(
        line.startswith(f"| `{path}` |") and f"| `{variable(path)}` |" in line
        for line in SITE_TABLE.splitlines()
    )


def test_every_documented_setting_is_one():
    _, _, table = SITE_TABLE.partition("## Every key")
    rows = [line for line in table.splitlines() if line.startswith("| `")]

    assert [row.split("`")[1] for row in rows] == list(FORMS)


@pytest.mark.parametrize("name", ["PORT", "GATEWAY_ENABLED", *OTHERS])
def test_every_other_variable_is_documented(name):
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize("user", ["{cookie: uid}", "{sources: [{header: X-User-Id}]}"])
def test_every_key_of_a_flag_is_documented(monkeypatch, tmp_path, user):
    keys = known_keys(monkeypatch, tmp_path, f"flags: {{f: {{user: {user}}}}}\n")
    of_flag = {path.removeprefix("flags.f.") for path in keys if path.startswith("flags.f.")}

    undocumented = {key for key in of_flag if f"`{key}`" not in FLAG_TABLE and "[" not in key}
    assert not undocumented


def test_the_example_is_valid():
    settings = load(ROOT / "config.example.yaml", {})

    assert [flag.name for flag in settings.flags] == ["site", "search", "reindex", "writes"]
    assert str(settings.listen) == "127.0.0.1:8080"
    assert str(settings.control.listen) == "127.0.0.1:9090"
    assert settings.control.tokens == ()


@pytest.mark.parametrize("name", HELD_IN_FILES)
def test_every_variable_that_names_a_secret_s_file_is_documented(name):
    assert f"`{name}{SUFFIX}`" in SITE_TABLE
