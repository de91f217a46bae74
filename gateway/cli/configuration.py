"""The configuration as the verbs read it: found, loaded, and its errors told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import click

from gateway.config import ConfigErrors, Settings, load
from gateway.config.passed import Passed

_Verb = TypeVar("_Verb", bound=Callable[..., object])

_DEFAULT = Path("config.yaml")


def _or_default(
    _context: click.Context, _option: click.Parameter, said: Path | None
) -> Path | None:
    return _DEFAULT if said is None and _DEFAULT.is_file() else said


def _config_option(kind: click.Path) -> Callable[[_Verb], _Verb]:
    return click.option(
        "-c",
        "--config",
        type=kind,
        envvar="GATEWAY_CONFIG",
        callback=_or_default,
        help="The YAML file.  [GATEWAY_CONFIG; config.yaml if there is one, else no file]",
    )


# Called wrongly where it is not there; or else that is one of the errors of the configuration.
config_option = _config_option(click.Path(exists=True, dir_okay=False, path_type=Path))
config_option_to_check = _config_option(click.Path(path_type=Path))


def read_settings(
    config: Path | None, environ: Mapping[str, str], passed: Passed | None = None
) -> Settings:
    """The settings; where they are wrong, every error goes to stderr and it exits with 2."""
    try:
        return load(config, environ, passed)
    except ConfigErrors as wrong:
        for error in wrong.errors:
            click.echo(str(error), err=True)
        raise click.exceptions.Exit(2) from wrong
