"""What the operator does: reindex a list of users, with the guard or without, and mend a note."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from story.logs import Run
from story.process import Process
from story.servers import BIN, HERE, Servers

FLAG = "reindex"
COMMAND = "./reindex.py"
WITHIN = 1800.0  # seconds for one run over the list


class Maintenance:
    """``listed`` is the file with a user a line; it goes to the guard's stdin."""

    def __init__(self, servers: Servers, listed: Path, journal: Path, *, jobs: int) -> None:
        self._servers = servers
        self._listed, self._journal, self._jobs = listed, journal, jobs
        self._left: list[str] = listed.read_text().split()

    def guarded(self) -> Run:
        """``gateway guard reindex --users - --journal FILE -- ./reindex.py``"""
        how = ("--users", "-", "--jobs", str(self._jobs), "--journal", str(self._journal))
        command = [str(BIN / "gateway"), "guard", FLAG, *how, "--", COMMAND]
        env = {**self._servers.app_env, "GATEWAY_URL": self._servers.control_url}
        start = time.time()
        with Process(command, log=None, stdin=self._listed, env=env, cwd=HERE) as guard:
            return self._ended(guard.wait(WITHIN), start)

    def unguarded(self) -> Run:
        """``for user in ...; do ./reindex.py $user || break; done``, from where it stopped."""
        start, status = time.time(), 0
        while self._left and not status:
            command = [COMMAND, self._left[0]]
            with Process(command, log=None, env=self._servers.app_env, cwd=HERE) as one:
                status = one.wait(WITHIN)
            if not status:
                self._left.pop(0)
        return self._ended(status, start)

    def mend(self, user: str) -> None:
        """Gives the notes whose tags are no JSON empty ones."""
        with closing(sqlite3.connect(self._servers.data / "db.sqlite3")) as database, database:
            malformed = "owner = ? AND NOT json_valid(tags)"
            database.execute(f"UPDATE notes_note SET tags = '[]' WHERE {malformed}", (user,))  # noqa: S608 ours

    def _ended(self, status: int, start: float) -> Run:
        held = self._servers.ask(f"/api/v1/flags/{FLAG}")["users"]
        return Run(status, start, time.time(), tuple(held))
