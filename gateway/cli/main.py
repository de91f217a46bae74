"""The ``gateway`` command group. A verb's module is imported when the verb is called."""

from __future__ import annotations

import importlib

import click

from gateway import __version__
from gateway.cli.session import Target

# In the order that ``gateway --help`` shows them: start, look, flip. Loaded late, because
# ``gateway on`` must not wait for the imports of a whole proxy.
VERBS = {
    "serve": "gateway.cli.serve:serve",
    "run": "gateway.cli.run:run",
    "demo": "gateway.cli.demo:demo",
    "health": "gateway.cli.health:health",
    "check": "gateway.cli.check:check",
    "init": "gateway.cli.init:init",
    "status": "gateway.cli.status:status",
    "on": "gateway.cli.on:on",
    "off": "gateway.cli.off:off",
    "guard": "gateway.cli.guard.guard:guard",
    "set": "gateway.cli.set:set_keys",
    "reset": "gateway.cli.reset:reset",
    "explain": "gateway.cli.explain:explain",
    "preview": "gateway.cli.preview:preview",
    "bypass": "gateway.cli.bypass:bypass",
    "audit": "gateway.cli.audit:audit",
    "webhooks": "gateway.cli.webhooks:webhooks",
    "watch": "gateway.cli.watch:watch",
}


class Verbs(click.Group):
    """A group whose commands are named in ``VERBS``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 the table above is ours
        return command


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 done, 1 the gateway said no, 2 called wrongly, 3 no gateway reached; "
    "guard has its own. "
    'Completion for bash: eval "$(_GATEWAY_COMPLETE=bash_source gateway)"; '
    "zsh_source and fish_source likewise.",
)
@click.version_option(__version__, prog_name="gateway")
@click.option("--url", help="The control API's address.  [GATEWAY_URL; http://127.0.0.1:9090]")
@click.option("--token", help="The control API's token.  [GATEWAY_CONTROL_TOKEN]")
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer as it came.")
@click.pass_context
def main(ctx: click.Context, url: str | None, token: str | None, *, as_json: bool) -> None:
    """Takes a running site out of service, whole or in part, with no change to it.

    The options here are for the verbs that ask a running gateway (status, on, off, set, reset,
    explain, bypass, audit, webhooks, watch); each of them takes them after its name as well.
    """
    ctx.obj = Target(url, token, as_json)
