"""``gateway demo``: a sample site and the gateway in front of it, to try things with."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from gateway import app
from gateway.cli.configuration import read_settings
from gateway.cli.failures import Refused
from gateway.cli.init import example
from gateway.cli.logs import log_level_option, log_to_stderr
from gateway.cli.serve import run
from gateway.cli.session import DEFAULT_URL
from gateway.config.settings import Address, Settings
from gateway.demo.process import bookshop


@click.command()
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="The YAML file.  [a copy of the example, in the state directory]")  # fmt: skip
@click.option("--no-config", is_flag=True, help="No file: one flag, site, as without any YAML.")
@click.option("--upstream", help="The app to stand in front of.  [a bundled one, the Bookshop]")
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), default="demo-state",
              show_default=True, help="Where what is flipped is kept.")  # fmt: skip
@log_level_option("warning")
def demo(
    config: Path | None, upstream: str | None, state: Path, log_level: str, *, no_config: bool
) -> None:
    """Try it: a sample site, and the gateway in front of it.

    The example configuration, with the sample site (or --upstream) as its upstream. Ctrl-C
    ends both.
    """
    _make(state)
    if no_config:
        config = None
    elif config is None:
        config = _example(state)
    with contextlib.ExitStack() as stack:
        shop = stack.enter_context(bookshop(8000)) if upstream is None else None
        environ = {
            "GATEWAY_STORE": f"sqlite:{(state / 'gateway.db').absolute()}",
            **os.environ,
            "GATEWAY_UPSTREAM": shop or upstream or "",
        }
        settings = read_settings(config, environ)
        log_to_stderr(log_level)
        run(_serve(settings, "\n".join(_introduction(settings, shop, config, state))))


async def _serve(settings: Settings, introduction: str) -> None:
    telling = asyncio.create_task(_tell(settings.listen, introduction))
    try:
        await app.serve(settings)
    finally:
        telling.cancel()


async def _tell(listen: Address, introduction: str) -> None:
    # The addresses are worth printing only once somebody answers there.
    while not await _answers(listen):  # noqa: ASYNC110 nothing here is told of it
        await asyncio.sleep(0.05)
    click.echo(introduction)


async def _answers(listen: Address) -> bool:
    try:
        if listen.path is not None:
            _, writer = await asyncio.open_unix_connection(listen.path)
        else:
            _, writer = await asyncio.open_connection(_reachable(listen), listen.port)
    except OSError:
        return False
    writer.close()
    return True


def _introduction(
    settings: Settings, shop: str | None, config: Path | None, state: Path
) -> Iterator[str]:
    site = _url(settings.listen, "https" if settings.tls else "http")
    control = _url(settings.control.listen) if settings.control.listen else None
    flag = next((each.name for each in settings.flags), "site")
    ask = f"{_program()} --url {control}" if control != DEFAULT_URL else _program()
    yield f"  the site, through the gateway   {site}"
    yield f"  {'Bookshop, the sample app' if shop else 'the app':<30}  {shop or settings.upstream}"
    yield f"  the control API                 {control or 'none (control.listen is null)'}"
    yield f"  what is flipped is kept in      {state}/"
    yield ""
    yield "Try, in another terminal:"
    yield f"  curl -i {site}/"
    yield f'  {ask} on {flag} --reason "trying it"    # and: off {flag}'
    if config is None:
        yield f"  {ask} status"
    else:
        yield f"  $EDITOR {config}    # {flag}: {{enabled: true}}, and save"
    yield ""
    yield "Ctrl-C ends it."


def _url(address: Address, scheme: str = "http") -> str:
    if address.path is not None:
        return str(address)
    return f"{scheme}://{Address(_reachable(address), address.port)}"


def _reachable(address: Address) -> str:
    # "Every interface" is an address to listen on, not one to go to.
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(address.host, address.host)  # noqa: S104


def _program() -> str:
    # As it was called where a shell would not find it: .venv/bin/gateway.
    called = Path(sys.argv[0])
    found = shutil.which("gateway")
    if called.name != "gateway" or (found and Path(found).resolve() == called.resolve()):
        return "gateway"
    with contextlib.suppress(ValueError):
        return str(called.absolute().relative_to(Path.cwd()))
    return str(called)


def _make(state: Path) -> None:
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(
            f"cannot make {state}: {error.strerror}: name another with --state"
        ) from error


def _example(state: Path) -> Path:
    # A copy, because people are asked to edit it.
    copy = state / "config.yaml"
    if not copy.exists():
        copy.write_text(example(), "utf-8")
    return copy
