"""``gateway demo``: a sample site and the gateway in front of it, to try things with."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

import click

from gateway.app import Gateway
from gateway.cli.configuration import read_settings
from gateway.cli.failures import Refused
from gateway.cli.init import example
from gateway.cli.logs import log_level_option, log_to_stderr
from gateway.cli.serve import run
from gateway.cli.session import DEFAULT_URL
from gateway.demo.process import bookshop
from gateway.processes import alone


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
        site_itself = upstream or stack.enter_context(bookshop(8000))
        environ = {
            "GATEWAY_STORE": f"sqlite:{(state / 'gateway.db').absolute()}",
            "GATEWAY_TIMEOUTS_SHUTDOWN": "2s",  # an event stream must not hold Ctrl-C up for long
            **os.environ,
            "GATEWAY_UPSTREAM": site_itself,
        }
        settings = read_settings(config, environ)
        log_to_stderr(log_level)

        def introduce(gateway: Gateway) -> None:
            site = _url(gateway.address, "https" if settings.tls else "http")
            control = _url(gateway.control_address) if gateway.control_address else None
            flag = next((each.name for each in settings.flags), "site")
            _tell_addresses(site, control, site_itself, state)
            _tell_lines(site, control, flag, config)

        run(alone.serve(settings, introduce, environ=environ))


def _tell_addresses(site: str, control: str | None, upstream: str, state: Path) -> None:
    click.echo(f"  the site, through the gateway  {site}")
    click.echo(f"  the app itself                 {upstream}")
    click.echo(f"  the control API                {control or 'none (control.listen is null)'}")
    click.echo(f"  what is flipped is kept in     {state}/")


def _tell_lines(site: str, control: str | None, flag: str, config: Path | None) -> None:
    ask = _program() if control in {DEFAULT_URL, None} else f"{_program()} --url {control}"
    click.echo("\nTry, in another terminal:")
    click.echo(f"  curl -i {site}/")
    click.echo(f'  {ask} on {flag} --reason "trying it"    # and: off {flag}')
    if config is None:
        click.echo(f"  {ask} status")
    else:
        click.echo(f"  $EDITOR {config}    # under {flag} set enabled: true, and save")
    click.echo("\nCtrl-C ends it.")


def _url(address: str, scheme: str = "http") -> str:
    if address.startswith("unix:"):
        return address
    # "Every interface" is an address to listen on, not one to go to.
    host, _, port = address.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host.strip("[]"), host.strip("[]"))  # noqa: S104
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


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
