"""docs/cli.md names every verb and every option; no verb's help fails."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gateway import __version__
from gateway.cli import main
from gateway.cli.main import VERBS

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


def section(verb: str) -> str:
    """The page's section on a verb, and what is said for all that ask a gateway."""
    _, *parts = DOCS.read_text().split("\n## ")
    sections = {part.partition("\n")[0]: part for part in parts}
    return sections[verb] + sections["Asking a running gateway"]


def options(verb: str) -> list[str]:
    command = main.get_command(click.Context(main), verb)
    assert command is not None
    return [
        name
        for option in command.params
        if isinstance(option, click.Option)
        for name in option.opts
    ]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_each_of_its_options_is_documented(verb: str) -> None:
    assert [name for name in options(verb) if f"`{name}" not in section(verb)] == []
    assert f"$ gateway {verb}" in section(verb)


def test_the_table_of_the_page_lists_every_verb_and_no_other() -> None:
    table = DOCS.read_text().partition("\n## ")[0]
    assert set(re.findall(r"^\| \[`(\w+)`\]", table, re.MULTILINE)) == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str) -> None:
    result = CliRunner().invoke(main, [verb, "--help"])
    assert result.exit_code == 0
    assert f"gateway {verb}" in DOCS.read_text()


def test_the_groups_help_lists_every_verb_and_the_exit_statuses() -> None:
    text = CliRunner().invoke(main, ["-h"]).stdout
    assert all(f"\n  {verb} " in text for verb in VERBS)
    assert "Exit status: 0 done, 1 the gateway said no, 2 called wrongly" in " ".join(text.split())


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout == f"gateway, version {__version__}\n"


def test_an_unknown_verb_is_called_wrongly() -> None:
    result = CliRunner().invoke(main, ["of"])
    assert result.exit_code == 2
    assert "No such command 'of'" in result.stderr
