from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import init as module
from gateway.cli.init import init
from gateway.config import load

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(init, arguments)


def test_it_writes_a_commented_file_that_is_valid():
    result = run()

    assert result.exit_code == 0
    assert "gateway check -c config.yaml" in result.stdout
    assert Path("config.yaml").read_text() == EXAMPLE.read_text()
    assert load(Path("config.yaml"), {}).flags[0].name == "site"


def test_it_writes_to_the_file_that_is_named():
    assert run("other.yaml").exit_code == 0
    assert list(Path().iterdir()) == [Path("other.yaml")]  # and leaves nothing else behind


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_it_does_not_write_over_what_is_there(kind):
    path = Path("config.yaml")
    path.write_text("mine") if kind == "file" else path.symlink_to("nowhere")

    result = run()

    assert result.exit_code == 1
    assert result.stderr == "Error: config.yaml is there already; --force writes over it\n"
    assert path.read_text() == "mine" if kind == "file" else path.is_symlink()


def test_it_writes_over_it_when_forced():
    Path("config.yaml").write_text("mine")

    assert run("--force").exit_code == 0
    assert Path("config.yaml").read_text() == EXAMPLE.read_text()


def test_a_folder_is_not_written_over_by_force(folder):
    result = run("--force", str(folder))

    assert (result.exit_code, result.stderr) == (1, f"Error: {folder} is a folder: name a file\n")


def test_a_folder_that_is_not_there_is_told():
    result = run("absent/config.yaml")

    assert result.exit_code == 1
    assert result.stderr == "Error: cannot write absent/config.yaml: No such file or directory\n"


def test_a_write_that_fails_leaves_what_was_there(monkeypatch):
    Path("config.yaml").write_text("mine")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)

    assert run("--force").stderr == "Error: cannot write config.yaml: No space left on device\n"
    assert list(Path().iterdir()) == [Path("config.yaml")]
    assert Path("config.yaml").read_text() == "mine"
