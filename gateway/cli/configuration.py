"""The configuration as the verbs read it: found, loaded, and its errors told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from gateway.config import ConfigErrors, Settings, load
from gateway.config.passed import Passed

DEFAULT = Path("config.yaml")

config_option = click.option(
    "-c",
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="GATEWAY_CONFIG",
    help="The YAML file.  [GATEWAY_CONFIG; config.yaml if there is one, else no file]",
)


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
