"""The picture: time from left to right, a row for each user, as an SVG for light and dark pages.

Above all users and the whole time, below a few of them around the reindex that failed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import attrgetter

from story.logs import SEARCH, Answer, Run, Span, Story
from story.verdict import figures, is_held, is_wrong

WIDTH, HEIGHT = 960, 748
LEFT, RIGHT = 96, 936  # of both panels
BEFORE, AFTER = 6, 2  # users around the failed one, in the lower panel
NOTE = 380  # the width of the longest text in the panel
LONG = 12  # a row so high has room to show how long a search took
STYLE = """
  svg { --paper: #ffffff; --ink: #1f2328; --faint: #59636e; --line: #d1d9e0;
        --let: #a3afbb; --turn: #ffd596; --work: #e07b00; --held: #cf222e;
        --wrong: #8250df; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0d1117; --ink: #e6edf3; --faint: #9da7b1; --line: #30363d;
          --let: #66717d; --turn: #8a6420; --work: #f5a93b; --held: #ff6a69;
          --wrong: #c297ff; }
  }
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--faint); }
  .head { font-size: 19px; font-weight: 600; fill: var(--ink); }
  .name { font-weight: 600; fill: var(--ink); }
  .end { text-anchor: end; }
  .mid { text-anchor: middle; }
  .note { fill: var(--ink); paint-order: stroke; stroke: var(--paper); stroke-width: 5px;
          stroke-linejoin: round; }
  .line { fill: none; stroke: var(--line); }
  .frame { fill: none; stroke: var(--faint); }
  .let, .held, .wrong { fill: none; stroke-linecap: round; }
  .let { stroke: var(--let); }
  .held { stroke: var(--held); }
  .wrong { stroke: var(--wrong); }
  .turn { fill: var(--turn); }
  .work { fill: var(--work); }
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the picture that shows ``users`` from ``start`` to ``end``, in seconds."""

    users: Sequence[str]
    start: float
    end: float
    top: float
    height: float
    dot: float  # its width

    @property
    def row(self) -> float:
        return self.height / len(self.users)

    def x(self, at: float) -> float:
        share = (min(max(at, self.start), self.end) - self.start) / (self.end - self.start)
        return round(LEFT + share * (RIGHT - LEFT), 1)

    def y(self, user: str) -> float:
        """The middle of the user's row."""
        return round(self.top + (self.users.index(user) + 0.5) * self.row, 1)

    def shows(self, span: Span) -> bool:
        return span.user in self.users and span.meets(self.start, self.end)


def draw(story: Story) -> str:
    """The whole SVG."""
    around = story.users.index(story.broken)
    some = story.users[max(0, around - BEFORE) : around + AFTER + 1]
    failed = story.runs[0].end
    spans = (*story.turns.values(), *(span for span, _ in story.reindexes))
    start = min(span.start for span in spans if span.user in some and span.start < failed)
    dot = max(1.7, 72 / len(story.users))
    whole = Panel(story.users, story.began, story.ended, 132, 360, min(dot, 6))
    few = Panel(some, start - 0.4, failed + (failed - start) / 4, 552, 158, 6)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            f"<title>{_title(story)}</title>",
            f"<desc>{'; '.join(figures(story))}.</desc>",
            f"<style>{STYLE}</style>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" rx="6" style="fill: var(--paper)"/>',
            *_head(story),
            *_whole(story, whole, few),
            *_few(story, few),
            "</svg>\n",
        )
    )


def _title(story: Story) -> str:
    how = "each held for their own reindex" if story.turns else "reindexed with nobody held"
    return f"{len(story.users)} users, {how}"


def _head(story: Story) -> Iterator[str]:
    yield _text(24, 36, _title(story), "head")
    legend = [
        ('<path class="let" stroke-width="6" d="M0 0h0"/>', "a search, answered"),
        ('<path class="held" stroke-width="6" d="M0 0h0"/>', "a search, held: 503"),
        ('<rect class="turn" x="-9" y="-7" width="18" height="14"/>', "the user's turn"),
        ('<rect class="work" x="-9" y="-3" width="18" height="6"/>', "their reindex"),
    ]
    if not story.turns:
        wrong = '<path class="wrong" stroke-width="6" d="M0 0h0"/>'
        legend[1:3] = [(wrong, "answered wrongly: 200")]
    for number, (sign, says) in enumerate(legend):
        yield f'<g transform="translate({36 + 190 * number} 64)">{sign}</g>'
        yield _text(52 + 190 * number, 68.5, says)


def _whole(story: Story, panel: Panel, few: Panel) -> Iterator[str]:
    yield from _axis(panel, story.began, 12)
    for number, user in enumerate(story.users, 1):
        if number == 1 or number % max(1, len(story.users) // 4) == 0:
            yield _text(LEFT - 10, panel.y(user) + 4.5, user, "end")
    for order, run in zip(("first run", "second run"), story.runs, strict=True):
        yield from _run(panel, order, run)
    bars = max(3, panel.row * 0.4)
    yield from _marks(story, panel, bars, bars)
    half = panel.row / 2 + 3
    top, bottom = panel.y(few.users[0]) - half, panel.y(few.users[-1]) + half
    left, right = panel.x(few.start) - 3, panel.x(few.end) + 3
    yield _rect("frame", left, top, right - left, bottom - top, 'rx="3"')
    what = "they alone stay held" if story.turns else "half an index is left behind"
    says = f"the reindex of {story.broken} fails: {what},", "until the second run has done it again"
    anchor = "end" if right > LEFT + NOTE else ""  # to the left below the frame nothing is hidden
    for number, line in enumerate(says):
        at = right if anchor else left
        yield _text(at, bottom + 22 + 18 * number, line, f"note {anchor}")


def _run(panel: Panel, order: str, run: Run) -> Iterator[str]:
    left, right, y = panel.x(run.start), panel.x(run.end), panel.top - 14
    yield f'<path class="frame" d="M{left} {y + 6}v-6H{right}v6"/>'
    says = f"{order}: exit status {run.status}"
    yield _text((left + right) / 2, y - 8, says, "mid")


def _few(story: Story, panel: Panel) -> Iterator[str]:
    yield from _axis(panel, story.began, 9)
    for user in panel.users:
        yield _text(LEFT - 10, panel.y(user) + 4.5, user, "end" + " name" * (user == story.broken))
    yield _text(LEFT, panel.top - 12, "The framed part: each search from its start to its answer")
    yield from _marks(story, panel, panel.row * 0.82, panel.row * 0.4)


def _axis(panel: Panel, zero: float, most: int) -> Iterator[str]:
    """At round times after ``zero``, no more than so many."""
    bottom, step = panel.top + panel.height, _step(panel, most)
    first, last = math.ceil((panel.start - zero) / step), math.floor((panel.end - zero) / step)
    for number in range(first, last + 1):
        x = panel.x(zero + number * step)
        yield f'<path class="line" d="M{x} {panel.top}V{bottom:.1f}"/>'
        yield _text(x, bottom + 18, f"{number * step:g} s", "mid")
    yield f'<path class="line" d="M{LEFT} {bottom:.1f}H{RIGHT}"/>'


def _step(panel: Panel, most: int) -> float:
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)
    return next(step for step in steps if (panel.end - panel.start) / step <= most)


def _marks(story: Story, panel: Panel, turn: float, work: float) -> Iterator[str]:
    """Bars so many units high, and above them dots."""
    for kind, height, spans in (
        ("turn", turn, story.turns.values()),
        ("work", work, [span for span, _ in story.reindexes]),
    ):
        bars = [_bar(panel, span, height) for span in spans if panel.shows(span)]
        yield f'<path class="{kind}" d="{"".join(bars)}"/>'
    searches = [each for each in story.answers if each.path == SEARCH and each.user in panel.users]
    seen = [each for each in searches if panel.start <= each.received <= panel.end]
    for kind in ("let", "held", "wrong"):
        chosen = [each for each in seen if _kind(each) == kind]
        if panel.row > LONG:
            ways = "".join(_way(panel, answer) for answer in chosen)
            yield f'<path class="{kind}" stroke-width="2" d="{ways}"/>'
        width = panel.dot * (1.5 if kind != "let" and panel.row < LONG else 1)
        yield f'<path class="{kind}" stroke-width="{width:.1f}" d="{_dots(panel, chosen)}"/>'


def _kind(answer: Answer) -> str:
    return "held" if is_held(answer) else "wrong" if is_wrong(answer) else "let"


def _bar(panel: Panel, span: Span, height: float) -> str:
    left, right = panel.x(span.start), panel.x(span.end)
    width = max(right - left, 0.8)
    return f"M{left} {panel.y(span.user) - height / 2:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z"


def _way(panel: Panel, answer: Answer) -> str:
    return f"M{panel.x(answer.sent)} {panel.y(answer.user)}H{panel.x(answer.received)}"


def _dots(panel: Panel, answers: Iterable[Answer]) -> str:
    """As one path, of lines without a length: some 8 bytes a dot."""
    rows = []
    for user, own in groupby(sorted(answers, key=attrgetter("user", "received")), lambda a: a.user):
        at = [panel.x(each.received) for each in own]
        steps = (f"m{after - before:.1f} 0h0" for before, after in pairwise(at))
        rows.append(f"M{at[0]:g} {panel.y(user):g}h0{''.join(steps)}")
    return "".join(rows).replace(".0 ", " ")


def _rect(kind: str, x: float, y: float, width: float, height: float, rest: str = "") -> str:
    size = f'width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" {size} {rest}/>'


def _text(x: float, y: float, says: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{says}</text>'
