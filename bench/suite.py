"""What is measured: the app, every proxy in front of it, and the rounds over all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import gateways, peers
from bench.load import BROWSER_HEAD, HTML_HEAD, PLAIN_HEAD, Load, answer
from bench.process import BenchError, Process, free_port
from bench.table import BROWSER, FORWARD, GATEWAY, REFUSE, Sample

BEFORE = "gateway before"
OWN_PAGE = "gateway, its own page"
LOGGING = "gateway, access log"
HEADS = {FORWARD: PLAIN_HEAD, BROWSER: BROWSER_HEAD, REFUSE: HTML_HEAD}
WARM_UP_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Case:
    """One proxy asked in one way."""

    column: str
    proxy: str
    process: Process
    port: int

    @property
    def status(self) -> int:
        return 503 if self.column == REFUSE else 200

    def check(self) -> None:
        """Look at one whole answer before any is counted."""
        status, body = answer(self.port, HEADS[self.column])
        page = self.column == REFUSE
        whole = len(body) == peers.BODY_BYTES or (page and self.proxy == OWN_PAGE)
        if status != self.status or not whole:
            raise BenchError(
                f"{self.proxy}, {self.column}: {status}, {len(body)} bytes, not {self.status}, "
                f"{peers.BODY_BYTES} bytes\n{body[:300]!r}\n{self.process.log_tail()}"
            )

    def measure(self, load: Load, seconds: int) -> Sample:
        before = self.process.cpu_seconds()
        answered = load.run(self.port, HEADS[self.column], self.status, seconds=seconds)
        spent = self.process.cpu_seconds() - before
        return Sample(
            cpu=spent * 1e6 / answered.requests,
            p50=answered.p50,
            p99=answered.p99,
            memory=self.process.memory_bytes(),
            rate=answered.requests / answered.micros * 1e6,
        )


@dataclass(slots=True)
class Suite:
    """The app and the proxies, running until ``stack`` is closed.

    ``cores`` is where a proxy runs, ``elsewhere`` where the app does.
    """

    folder: Path
    stack: ExitStack
    cores: set[int]
    elsewhere: set[int]
    app: int = 0
    cases: list[Case] = field(default_factory=list)

    def start_app(self) -> None:
        self.app = free_port()
        start = peers.start_app(self.folder / "app", self.app)
        self._process("app", start, self.elsewhere).wait_ready(self.app)

    def add_peer(self, name: str) -> None:
        ports = peers.Ports(self.app, free_port(), free_port())
        page = self.page()
        start = (peers.PEERS | peers.LOGGING)[name](
            self.folder / name.lower().replace(", ", "-").replace(" ", "-"), ports, page
        )
        process = self._process(name, start, self.cores)
        process.wait_ready(ports.forward, ports.refuse)
        for column, port in (
            (FORWARD, ports.forward),
            (BROWSER, ports.forward),
            (REFUSE, ports.refuse),
        ):
            self.cases.append(Case(column, name, process, port))

    def add_gateway(self, proxy: str, body: str, columns: Sequence[str], checkout: Path) -> None:
        """One gateway process with these flags, measured in these columns."""
        folder = self.folder / f"gateway-{len(self.cases)}"
        listen, control = free_port(), free_port()
        config = gateways.write_config(folder, body, app=self.app, listen=listen, control=control)
        start = peers.Start(gateways.command(config, checkout))
        process = self._process(proxy, start, self.cores, cwd=checkout)
        process.wait_ready(listen)
        self.cases += [Case(column, proxy, process, listen) for column in columns]

    def add_own_gateway(self, checkout: Path, *, name: str = GATEWAY) -> None:
        """The gateway with one flag, and one that refuses with the page all others have."""
        self.add_gateway(name, gateways.one_flag(), (FORWARD, BROWSER), checkout)
        self.add_gateway(name, gateways.refusing(self.page()), (REFUSE,), checkout)

    def add_logging(self, checkout: Path) -> None:
        """The same with an access log, and nginx with one."""
        for name in peers.LOGGING:
            self.add_peer(name)
        for flags, columns in (
            (gateways.one_flag(), (FORWARD, BROWSER)),
            (gateways.refusing(self.page()), (REFUSE,)),
        ):
            log = gateways.logging_to(self.folder / f"access-{len(self.cases)}.log")
            self.add_gateway(LOGGING, log + flags, columns, checkout)

    def add_flags(self, checkout: Path) -> None:
        for row, flags in gateways.flags_of_a_kind().items():
            self.add_gateway(row, flags, (FORWARD, BROWSER), checkout)

    def page(self) -> Path:
        path = self.folder / "page.html"
        if not path.exists():
            path.write_text(peers.page_html())
        return path

    def run(
        self, load: Load, *, rounds: int, seconds: int, say: Callable[[str], None]
    ) -> dict[str, dict[str, list[Sample]]]:
        """Every case once a round, one after the other; a round to warm up is not counted."""
        samples: dict[str, dict[str, list[Sample]]] = {column: {} for column in HEADS}
        for case in self.cases:
            case.check()
            case.measure(load, WARM_UP_SECONDS)
        # Side by side within a column, so that what is compared is close in time.
        order = sorted(self.cases, key=lambda case: list(HEADS).index(case.column))
        for turn in range(1, rounds + 1):
            for case in order:
                say(f"round {turn} of {rounds}: {case.column}, {case.proxy}")
                found = case.measure(load, seconds)
                samples[case.column].setdefault(case.proxy, []).append(found)
        return samples

    def _process(
        self, name: str, start: peers.Start, cores: set[int], cwd: Path | None = None
    ) -> Process:
        log = self.folder / f"process-{len(self.cases)}-{name[:7].lower()}.log"
        process = Process(name, start.command, cores=cores, log=log, env=dict(start.env), cwd=cwd)
        return self.stack.enter_context(process)
