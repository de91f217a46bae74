"""The command line: plays the story in a folder of its own, and judges it."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from story.logs import (
    SEARCH,
    Following,
    Run,
    Story,
    read_answers,
    read_reindexes,
    read_searches,
    read_turns,
)
from story.maintenance import Maintenance
from story.picture import draw
from story.process import Process, StoryError, wait_until
from story.servers import HERE, REPLICAS, Servers
from story.verdict import figures, judge

PATIENCE = 120.0  # seconds for visitors to come by
NOTES = "/notes"

Visit = tuple[str, str] | tuple[str, str, str | None]  # user, path, and by which replica


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played. ``rate`` is requests a second of all visitors."""

    users: tuple[str, ...]
    rate: float
    jobs: int
    guarded: bool

    @property
    def broken(self) -> str:
        """Two thirds down the list."""
        return self.users[len(self.users) * 2 // 3]


class Play:
    """One playing of the story, with all its logs in ``folder``."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan, self._folder = plan, folder
        self._seen = folder / "visitors.log"
        self._journal = folder / "done.tsv"
        self._runs: list[Run] = []

    def perform(self) -> Story:
        """Raises ``StoryError`` where something does not even start."""
        listed = self._folder / "users.txt"
        listed.write_text("".join(f"{user}\n" for user in self._plan.users))
        with ExitStack() as stack:
            _say("starting the app, Redis, three gateways and the balancer")
            site = Servers(self._folder, users=len(self._plan.users), broken=self._plan.broken)
            servers = stack.enter_context(site)
            visitors = stack.enter_context(self._visitors(servers))
            work = Maintenance(servers, listed, self._journal, jobs=self._plan.jobs)
            self._go_through(work)
            visitors.stop()
            return self._story(servers)

    def _go_through(self, work: Maintenance) -> None:
        run = work.guarded if self._plan.guarded else work.unguarded
        users, broken = self._plan.users, self._plan.broken
        self._await((user, SEARCH) for user in users)
        _say(f"reindexing {len(users)} users")
        self._runs.append(run())
        _say(f"ended with {self._runs[-1].status}")
        self._await([(broken, NOTES), *((broken, SEARCH, replica) for replica in REPLICAS)])
        _say(f"mending a note of {broken}, and going on")
        work.mend(broken)
        self._runs.append(run())
        _say(f"ended with {self._runs[-1].status}")
        self._await((user, SEARCH) for user in users)

    def _visitors(self, servers: Servers) -> Process:
        what = (servers.url, str(len(self._plan.users)), str(self._plan.rate), str(self._seen))
        command = [sys.executable, "-m", "story.clients", *what]
        return Process(command, log=self._folder / "clients.log", cwd=HERE)

    def _await(self, wanted: Iterable[Visit]) -> None:
        """Until all of these visits have been made from now on."""
        left = set(wanted)

        def all_were_made() -> bool:
            for answer in following.answers():
                visit = (answer.user, answer.path)
                left.difference_update((visit, (*visit, answer.replica)))
            return not left

        with Following(self._seen) as following:
            wait_until(all_were_made, "the visitors come by", PATIENCE)

    def _story(self, servers: Servers) -> Story:
        return Story(
            users=self._plan.users,
            broken=self._plan.broken,
            jobs=self._plan.jobs,
            replicas=len(REPLICAS),
            answers=read_answers(self._seen),
            searches=read_searches(servers.data / "requests.log"),
            reindexes=read_reindexes(servers.data / "reindexes.log"),
            turns=read_turns(servers.audit(), self._journal),
            runs=self._runs,
        )


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status: 1 where a claim is not true, 2 where it could not be played."""
    options = _parser().parse_args(arguments)
    # A polite end from outside takes the same way out as Ctrl-C: every process is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix="rolling-reindex-") as temporary:
            folder = Path(temporary) if options.keep is None else options.keep.resolve()
            folder.mkdir(parents=True, exist_ok=options.keep is None)
            story = Play(_plan(options), folder).perform()
    except StoryError as error:
        _say(str(error))
        return 2
    except KeyboardInterrupt:
        _say("interrupted; everything is stopped")
        return 130
    return _tell(story, options.picture)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rolling-reindex", description=__doc__)
    add = parser.add_argument
    add("--users", type=int, default=200, metavar="N", help="how many there are (200)")
    add("--rate", type=float, default=150, help="requests a second, of all visitors (150)")
    add("--jobs", type=int, default=1, help="users at work at a time (1)")
    add("--without-guard", action="store_true", help="a plain loop instead: the verdict must fail")
    add("--picture", type=Path, metavar="FILE.svg", help="draw what happened")
    add("--keep", type=Path, metavar="FOLDER", help="a new folder that keeps all logs and data")
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    if options.users < 3:
        raise StoryError("three users at least")
    users = tuple(f"user-{number:03}" for number in range(1, options.users + 1))
    return Plan(users, options.rate, options.jobs, guarded=not options.without_guard)


def _tell(story: Story, picture: Path | None) -> int:
    claims = judge(story)
    print("", *claims, "", *figures(story), sep="\n")
    if picture is not None:
        picture.write_text(draw(story))
        _say(f"drawn: {picture}")
    return 0 if all(claim.true for claim in claims) else 1


def _say(text: str) -> None:
    print(f"# {text}", file=sys.stderr, flush=True)
