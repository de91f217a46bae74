"""``gateway preview``: the page of a flag as a visitor would get it."""

from __future__ import annotations

import os
import tempfile
import webbrowser
from collections.abc import Mapping
from pathlib import Path

import click

from gateway.cli.client import Client
from gateway.cli.configuration import read_settings
from gateway.cli.failures import Misused
from gateway.cli.session import Target, open_session

PAGE = "text/html"


@click.command(short_help="Show the page of a flag as visitors get it.")
@click.argument("flag")
@click.option("--lang", metavar="LANG", default="en", show_default=True,
              help="The visitor's Accept-Language.")  # fmt: skip
@click.option("--accept", metavar="TYPES", default=PAGE, show_default=True,
              help="The visitor's Accept: application/json, text/plain.")  # fmt: skip
@click.option("--method", default="GET", show_default=True,
              help="The method refused; POST shows what a form's sender reads.")  # fmt: skip
@click.option("-c", "--config", type=click.Path(path_type=Path),
              help="Of this YAML file, with no gateway running.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
              help="Write it to this file.")  # fmt: skip
@click.option("--open", "opens", is_flag=True, help="Show it in the browser.")
@click.option("--url", help="The control API's address.  [GATEWAY_URL]")
@click.option("--token", help="The control API's token.  [GATEWAY_CONTROL_TOKEN]")
@click.pass_context
def preview(
    ctx: click.Context,
    /,
    flag: str,
    config: Path | None,
    output: Path | None,
    url: str | None,
    token: str | None,
    *,
    opens: bool,
    **asked: str,
) -> None:
    """Show what a visitor whom FLAG holds would get, whether it is on or not.

    Of a running gateway, or with --config of a file alone: then as nobody has flipped anything.
    """
    if config is not None:
        page = _of_file(config, flag, asked)
    else:
        session = open_session(ctx.find_object(Target) or Target(), Target(url, token))
        page = _of_gateway(session.client, flag, asked)
    _show(page, output, opens=opens, html=asked["accept"] == PAGE)


def _of_gateway(client: Client, flag: str, asked: Mapping[str, str]) -> str:
    return client.text("flags", flag, "preview", query=list(asked.items()))


def _of_file(config: Path, flag: str, asked: Mapping[str, str]) -> str:
    # A verb that asks a gateway does not wait for the imports of one.
    from gateway.pages.preview import preview_page  # noqa: PLC0415

    settings = read_settings(config, os.environ)
    found = next((each for each in settings.flags if each.name == flag), None)
    if found is None:
        names = ", ".join(each.name for each in settings.flags)
        raise Misused(f"{config} has no flag {flag!r}; it has {names or 'none'}")
    return preview_page(found, settings.page, **asked)


def _show(page: str, output: Path | None, *, opens: bool, html: bool) -> None:
    if output is None and not opens:
        click.echo(page, nl=not page.endswith("\n"))
        return
    if output is None:
        suffix = ".html" if html else ".txt"
        with tempfile.NamedTemporaryFile("w", suffix=suffix, delete=False) as file:
            output = Path(file.name)
    try:
        output.write_text(page, "utf-8")
    except OSError as error:
        raise Misused(f"{output} cannot be written: {error.strerror}") from error
    if opens:
        webbrowser.open(output.absolute().as_uri())
    click.echo(f"written to {output}")
