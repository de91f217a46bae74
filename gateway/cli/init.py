"""``gateway init``: a commented configuration to start from."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

import click

import gateway
from gateway.cli.failures import Refused

EXAMPLE = "config.example.yaml"


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("config.yaml"))
@click.option("--force", is_flag=True, help="Write over FILE if it is there.")
def init(file: Path, *, force: bool) -> None:
    """Write a commented configuration to FILE (config.yaml).

    Change its upstream to where your app is, see `gateway check`, and start `gateway serve`.
    """
    if file.is_dir():
        raise Refused(f"{file} is a folder: name a file")
    if os.path.lexists(file) and not force:
        raise Refused(f"{file} is there already; --force writes over it")
    try:
        write_whole(file, example())
    except OSError as error:
        raise Refused(f"cannot write {file}: {error.strerror}") from error
    click.echo(f"Wrote {file}. Next: set upstream in it, then")
    click.echo(f"  gateway check -c {file}")
    click.echo(f"  gateway serve -c {file}")


def example() -> str:
    """The commented example: in the package where it was installed, else in the checkout."""
    package = Path(gateway.__file__).parent
    installed = package / EXAMPLE
    source = installed if installed.is_file() else package.parent / EXAMPLE
    return source.read_text("utf-8")


def write_whole(file: Path, text: str) -> None:
    """Write so that ``file`` is never there in part, and is on the disk on return."""
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with part.open("x", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
