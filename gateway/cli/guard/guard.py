"""``gateway guard``: runs a command while a flag holds, and nothing in its scope is under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import click

from gateway.cli.client import Client
from gateway.cli.failures import Failure, Misused
from gateway.cli.flip import drain_seconds, reason_option
from gateway.cli.guard.check import read_check
from gateway.cli.guard.command import Program, find_program
from gateway.cli.guard.drain import DrainTerms
from gateway.cli.guard.failures import Status, own
from gateway.cli.guard.list import Journal, read_user_list
from gateway.cli.guard.run import GuardRun, Plan
from gateway.cli.guard.signals import Interrupts
from gateway.cli.guard.turn import Job
from gateway.cli.session import Target, open_session
from gateway.cli.wording import counted
from gateway.core.durations import parse_duration
from gateway.core.patches import PatchError, read_users

MOST_JOBS = 64


class CalledWrongly(click.UsageError):
    """As any verb's, with an exit status that is not the command's."""

    exit_code = int(Status.MISUSED)


class GuardCommand(click.Command):
    """Options come before the command's first word; the flag is a word of its own, or ``-f``.

    ``guard FLAG --user U -- CMD --its-own`` and ``guard -f FLAG -u U CMD --its-own``.
    """

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        try:
            return super().make_context(*args, **more)
        except click.UsageError as error:
            raise CalledWrongly(error.format_message(), error.ctx) from error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.allow_interspersed_args = False
        place = self._first_word(args)
        named = any(word.startswith(("-f", "--flag")) for word in args[:place])
        if not named and place < len(args) and args[place] != "--":
            args = [*args[:place], "--flag", *args[place:]]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's signature
        return ["FLAG", "[OPTIONS]", "--", "CMD", "[ARGS]..."]

    def _first_word(self, args: Sequence[str]) -> int:
        options = [option for option in self.params if isinstance(option, click.Option)]
        valued = {name for option in options if not option.is_flag for name in option.opts}
        place = 0
        while place < len(args) and args[place].startswith("-") and args[place] not in {"-", "--"}:
            place += 2 if args[place] in valued else 1
        return min(place, len(args))


def _seconds(_ctx: click.Context, _option: click.Parameter, text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} {error}") from error
    return seconds


def _statuses(_ctx: click.Context, _option: click.Parameter, text: str) -> frozenset[int]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not all(word.isascii() and word.isdigit() and 1 <= int(word) <= 255 for word in words):
        raise click.BadParameter("must be exit statuses from 1 to 255, as 3,4")
    return frozenset(map(int, words))


@click.command(cls=GuardCommand, short_help="Run a command while a flag holds.")
@click.option("-f", "--flag", metavar="FLAG", help="The flag, where it is not the first word.")
@click.option("-u", "--user", metavar="USER", help="Hold this user alone; CMD's last argument.")
@click.option("--users", metavar="FILE", help="The same for each line of a file; - for stdin.")
@click.option("--lead", default="0", metavar="DURATION", callback=_seconds,
              help="Set the TTL to 0 this long before the flag goes on.")  # fmt: skip
@click.option("--drain", default="30s", metavar="DURATION", callback=drain_seconds,
              show_default=True, help="How long requests under way may take to end.")  # fmt: skip
@click.option("--jobs", default=1, type=click.IntRange(1, MOST_JOBS), show_default=True,
              help="How many of --users at a time.")  # fmt: skip
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path),
              help="Note each of --users here, and skip those that are done.")  # fmt: skip
@reason_option()
@click.option("--lift-on", default="", metavar="STATUS,...", callback=_statuses,
              help="Exit statuses of CMD that mean that nothing was changed.")  # fmt: skip
@click.option("--check", metavar="URL|CMD", help="Must pass before the flag goes off.")
@click.option("--check-for", default="30s", metavar="DURATION", callback=_seconds,
              show_default=True, help="How long --check is tried.")  # fmt: skip
@click.option("--assume-gone", multiple=True, metavar="MEMBER",
              help="A silent member that forwards nothing more; may be repeated.")  # fmt: skip
@click.option("--accept-orphans", is_flag=True,
              help="Go on although exchanges were given up before their end.")  # fmt: skip
@click.option("--accept-unseen", is_flag=True,
              help="Go on although requests go over another proxy, by forward-auth.")  # fmt: skip
@click.option("--take-over", is_flag=True, help="Take over from a guard that is abandoned.")
@click.option("--url", help="The control API's address.  [GATEWAY_URL]")
@click.option("-a", "--token", help="The control API's token.  [GATEWAY_CONTROL_TOKEN]")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def guard(ctx: click.Context, /, url: str | None, token: str | None, **given: Any) -> None:
    """Run CMD while FLAG holds, with nothing in its scope under way.

    TTL 0 with every member, flag on, wait until requests in scope have ended on every worker of
    every replica, run CMD, flag off, TTL back. If turning on or draining fails, CMD does not
    run. If CMD fails, the flag stays on, and the exit status is CMD's.

    \b
    gateway guard site -- ./migrate.sh
    gateway guard reindex --user alice -- ./reindex.sh
    gateway guard reindex --users ids.txt --jobs 4 --journal done.tsv -- ./reindex.sh
    """
    try:
        client = open_session(ctx.find_object(Target) or Target(), Target(url, token)).client
        status = _guard(client, given)
    except Failure as failure:
        failed = own(failure)
        failed.show()
        status = failed.status
    ctx.exit(status)


def _guard(client: Client, given: Mapping[str, Any]) -> int:
    _check_words(given)
    program = find_program(given["words"])
    with ExitStack() as stack:
        journal = None
        if given["journal"] is not None:
            journal = stack.enter_context(closing(Journal(given["journal"])))
        plan = _plan(given, program, _users(given, journal))
        if plan.users == ():
            _say("no user is left to guard: nothing was done")
            return 0
        interrupts = stack.enter_context(Interrupts())
        return GuardRun(client, plan, interrupts, journal, _say).run()


def _plan(given: Mapping[str, Any], program: Program, users: tuple[str, ...] | None) -> Plan:
    check = None
    if given["check"] is not None:
        check = read_check(given["check"], given["check_for"])
    return Plan(
        flag=given["flag"],
        job=Job(program, check, given["lift_on"]),
        terms=DrainTerms(
            given["drain"],
            tuple(given["assume_gone"]),
            given["accept_orphans"],
            given["accept_unseen"],
        ),
        reason=given["reason"],
        users=users,
        listed=given["users"] is not None,
        jobs=given["jobs"],
        lead=given["lead"],
        take_over=given["take_over"],
    )


def _check_words(given: Mapping[str, Any]) -> None:
    if not given["flag"]:
        raise Misused("name the flag: gateway guard FLAG -- CMD ARGS...")
    if not given["words"]:
        raise Misused("name the command: gateway guard FLAG -- CMD ARGS...")
    if given["user"] is not None and given["users"] is not None:
        raise Misused("--user and --users exclude each other")
    if given["users"] is None and (given["journal"] is not None or given["jobs"] > 1):
        raise Misused("--jobs and --journal are for --users")


def _users(given: Mapping[str, Any], journal: Journal | None) -> tuple[str, ...] | None:
    if given["users"] is not None:
        return _left(given["users"], journal)
    if given["user"] is None:
        return None
    if not given["user"].strip():
        # An unset variable in a script must not become the flag as a whole.
        raise Misused("--user is empty")
    try:
        return read_users([given["user"]], "--user")
    except PatchError as error:
        raise Misused(str(error)) from error


def _left(source: str, journal: Journal | None) -> tuple[str, ...]:
    found = read_user_list(source)
    done = journal.done if journal is not None else frozenset()
    left = tuple(user for user in found.users if user not in done)
    said = [counted(len(found.users), "user")]
    if found.repeated:
        said.append(f"{counted(found.repeated, 'line')} named one again")
    if skipped := len(found.users) - len(left):
        said.append(f"{skipped} done already")
    _say("; ".join(said))
    return left


def _say(line: str) -> None:
    click.echo(line, err=True)
