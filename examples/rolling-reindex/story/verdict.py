"""Whether the story is true: claims, each computed from the logs, each able to fail."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from story.logs import SEARCH, Answer, Span, Story

FLAG = "reindex"
FOUND = 25  # notes that each user's search has to find
UNREADABLE = 3  # what reindex.py ends with at a note that it cannot read
ROUNDING = 0.001  # seconds: audit and journal tell milliseconds


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence, whether it is true, and the figures that say so."""

    says: str
    true: bool
    figures: str

    def __str__(self) -> str:
        return f"{'ok    ' if self.true else 'FAILED'}  {self.says}: {self.figures}"


def judge(story: Story) -> list[Claim]:
    """Every claim of the story, in the order in which it is told."""
    return [
        _all_rebuilt(story),
        _none_overlaps(story),
        _none_wrong(story),
        _held_by_own_turn(story),
        _all_else_answered(story),
        _other_pages_up(story),
        _few_at_a_time(story),
        _through_all_replicas(story),
        _failure_stays(story),
        _goes_on(story),
    ]


def figures(story: Story) -> Iterator[str]:
    """What was measured, in words."""
    asked = sum(answer.path == SEARCH for answer in story.answers)
    yield (
        f"{len(story.users)} users, {len(story.answers):,} requests "
        f"({asked:,} of them searches) in {story.ended - story.began:.0f} s"
    )
    plain = [span for user, span in story.turns.items() if user != story.broken]
    if plain:
        yield from _lengths(plain, {span.user: span.length for span, _ in story.reindexes})


def _lengths(turns: Sequence[Span], own: Mapping[str, float]) -> Iterator[str]:
    held = [turn.length * 1000 for turn in turns]
    work = [own[turn.user] * 1000 for turn in turns if turn.user in own]
    ratios = [turn.length / own[turn.user] for turn in turns if turn.user in own]
    yield f"held for {median(held):.0f} ms on the median, {max(held):.0f} ms at most"
    yield f"a reindex took {median(work):.0f} ms on the median, {max(work):.0f} ms at most"
    yield f"so a user is held for {median(ratios):.1f} times their own reindex on the median"


def is_held(answer: Answer) -> bool:
    """Whether the gateway refused it for the flag."""
    return answer.status == 503 and answer.flag == FLAG


def is_wrong(answer: Answer) -> bool:
    """Whether it is a search that was answered, and did not find all."""
    return answer.path == SEARCH and answer.status == 200 and answer.found != FOUND


def _all_rebuilt(story: Story) -> Claim:
    times = Counter(span.user for span, _ in story.reindexes)
    last = {span.user: status for span, status in story.reindexes}
    expected = {user: 2 if user == story.broken else 1 for user in story.users}
    done = sum(status == 0 for status in last.values())
    return Claim(
        "every user's index was rebuilt, once, and that of the failed one again",
        times == expected and done == len(story.users),
        f"{done} of {len(story.users)}",
    )


def _none_overlaps(story: Story) -> Claim:
    own: dict[str, list[Span]] = defaultdict(list)
    for span, _ in story.reindexes:
        own[span.user].append(span)
    count = sum(
        any(span.meets(search.start, search.end) for span in own[search.user])
        for search in story.searches
    )
    return Claim(
        "no search ran in the app while its user's reindex did",
        bool(story.searches) and not count,
        f"{count} of {len(story.searches):,}",
    )


def _none_wrong(story: Story) -> Claim:
    answered = [each for each in story.answers if each.path == SEARCH and each.status == 200]
    wrong = sum(map(is_wrong, answered))
    return Claim(
        "no search was answered from an index that is half there",
        bool(answered) and not wrong,
        f"{wrong} of {len(answered):,}",
    )


def _held_by_own_turn(story: Story) -> Claim:
    held = [answer for answer in story.answers if is_held(answer)]
    outside = sum(not _in_turn(story, answer) for answer in held)
    users = len({answer.user for answer in held})
    return Claim(
        "nobody was held but in their own turn",
        bool(held) and not outside,
        f"{len(held)} answers held, of {users} users, {outside} of them outside",
    )


def _all_else_answered(story: Story) -> Claim:
    others = [answer for answer in story.answers if not is_held(answer)]
    bad = Counter(answer.status for answer in others if answer.status != 200)
    what = ", ".join(f"{count} with {status}" for status, count in bad.items()) or "none other"
    return Claim(
        "whatever was not held was answered with 200",
        bool(others) and not bad,
        f"{len(others) - bad.total():,}, {what}",
    )


def _other_pages_up(story: Story) -> Claim:
    pages = [each for each in story.answers if each.path != SEARCH and _in_turn(story, each)]
    good = sum(answer.status == 200 for answer in pages)
    return Claim(
        "other pages of a user whose turn it was stayed up",
        0 < len(pages) == good,
        f"{good} of {len(pages)}",
    )


def _few_at_a_time(story: Story) -> Claim:
    turns = [turn for turn in story.turns.values() if turn.user != story.broken]
    most = max((sum(each.meets(turn.start, turn.start) for each in turns) for turn in turns),
        default=0)  # fmt: skip
    return Claim(
        f"no more than {story.jobs} at a time had their turn, the failed one left out",
        0 < most <= story.jobs,
        f"{most} at most",
    )


def _through_all_replicas(story: Story) -> Claim:
    let: set[str | None] = set()
    held: set[str | None] = set()
    for answer in story.answers:
        (held if is_held(answer) else let).add(answer.replica)
    return Claim(
        "every replica let requests through and held others",
        len(let) == len(held) == story.replicas,
        f"{len(let)} and {len(held)} of {story.replicas}",
    )


def _failure_stays(story: Story) -> Claim:
    first = story.runs[0]
    since, until = first.end, story.runs[1].start
    meanwhile = [each for each in story.answers if since < each.sent and each.received < until]
    own = [each for each in meanwhile if each.user == story.broken and each.path == SEARCH]
    held = sum(map(is_held, meanwhile))
    return Claim(
        f"the run ended as the command did, and left {story.broken} alone held",
        (first.status == UNREADABLE and first.left == (story.broken,)
         and 0 < len(own) == sum(map(is_held, own)) == held),
        f"exit status {first.status}; {held} of their {len(own)} searches held until the next run, "
        f"none of {len(meanwhile) - len(own)} other requests",
    )  # fmt: skip


def _goes_on(story: Story) -> Claim:
    first, second = story.runs[:2]
    done = {span.user for span, status in story.reindexes if not status and span.end < first.end}
    again = {span.user for span, _ in story.reindexes if span.start > second.start}
    return Claim(
        "the second run began with the failed one and went on from there",
        second.status == 0 and not second.left and not done & again and story.broken in again,
        f"{len(done)} done by the first, {len(again)} by the second, "
        f"{len(done & again)} of them again",
    )


def _in_turn(story: Story, answer: Answer) -> bool:
    turn = story.turns.get(answer.user)
    return turn is not None and turn.meets(answer.sent - ROUNDING, answer.received + ROUNDING)
