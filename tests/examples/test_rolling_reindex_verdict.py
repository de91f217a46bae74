"""The verdict of ``examples/rolling-reindex`` on stories that are made up: each claim can fail."""

from __future__ import annotations

from dataclasses import replace

import pytest
from story.logs import Answer, Run, Span, Story
from story.picture import draw
from story.verdict import judge

HELD = {"status": 503, "flag": "reindex", "found": None}
TRUE = Story(
    users=("ann", "bob", "eve"),
    broken="bob",
    jobs=1,
    replicas=1,
    # Ann is held from 1 to 2, Bob from 3 to 7, Eve from 8 to 9.
    turns={"ann": Span("ann", 1, 2), "bob": Span("bob", 3, 7), "eve": Span("eve", 8, 9)},
    reindexes=[
        (Span("ann", 1.4, 1.8), 0),
        (Span("bob", 3.4, 3.8), 3),
        (Span("bob", 6.4, 6.8), 0),
        (Span("eve", 8.4, 8.8), 0),
    ],
    runs=[Run(3, 0.9, 4, ("bob",)), Run(0, 6, 9.1, ())],
    answers=[
        Answer("ann", "/search", 1.5, 1.6, 503, "reindex", None, "replica1"),
        Answer("ann", "/search", 4.5, 4.6, 200, None, 25, "replica1"),
        Answer("bob", "/search", 5.0, 5.1, 503, "reindex", None, "replica1"),
        Answer("bob", "/notes", 5.2, 5.3, 200, None, None, "replica1"),
        Answer("eve", "/search", 5.0, 5.1, 200, None, 25, "replica1"),
    ],
    searches=[Span("ann", 4.51, 4.59), Span("eve", 5.01, 5.09)],
)


def failed(story: Story) -> list[str]:
    return [claim.says for claim in judge(story) if not claim.true]


def answered(number: int, **fields: object) -> Story:
    """The true story, but for one answer."""
    answers = list(TRUE.answers)
    answers[number] = answers[number]._replace(**fields)
    return replace(TRUE, answers=answers)


def test_true_story_is_found_true() -> None:
    assert failed(TRUE) == []


@pytest.mark.parametrize(
    ("story", "claim"),
    [
        pytest.param(
            replace(TRUE, reindexes=TRUE.reindexes[:-1]), "every user's index", id="none of Eve's"
        ),
        pytest.param(
            replace(TRUE, searches=[Span("ann", 1.2, 1.4)]), "no search ran", id="an overlap"
        ),
        pytest.param(replace(TRUE, searches=[]), "no search ran", id="the app logged nothing"),
        pytest.param(answered(1, found=13), "no search was answered", id="half an index"),
        pytest.param(answered(4, **HELD, sent=1.5, received=1.6), "nobody was held", id="in Ann's"),
        pytest.param(answered(1, status=502), "whatever was not held", id="a 502"),
        pytest.param(
            answered(0, flag=None), "whatever was not held", id="the app's own 503 is no hold"
        ),
        pytest.param(answered(3, status=0), "other pages", id="a page of Bob's"),
        pytest.param(
            replace(TRUE, turns={**TRUE.turns, "eve": Span("eve", 1.5, 9)}),
            "no more than 1", id="Ann and Eve at a time",
        ),
        pytest.param(replace(TRUE, replicas=2), "every replica", id="one replica idle"),
        pytest.param(
            replace(TRUE, runs=[TRUE.runs[0]._replace(status=0), TRUE.runs[1]]),
            "the run ended as", id="another exit status",
        ),
        pytest.param(
            replace(TRUE, runs=[TRUE.runs[0]._replace(left=()), TRUE.runs[1]]),
            "the run ended as", id="Bob let go",
        ),
        pytest.param(answered(2, status=200, flag=None, found=25), "the run ended as", id="let in"),
        pytest.param(
            replace(TRUE, reindexes=[*TRUE.reindexes, (Span("ann", 8.0, 8.1), 0)]),
            "the second run", id="Ann again",
        ),
        pytest.param(
            replace(TRUE, runs=[TRUE.runs[0], TRUE.runs[1]._replace(status=3)]),
            "the second run", id="failed again",
        ),
    ],
)  # fmt: skip
def test_untrue_story_is_found_out(story: Story, claim: str) -> None:
    assert any(says.startswith(claim) for says in failed(story))


def test_picture_has_a_dot_for_each_search() -> None:
    picture = draw(TRUE)

    # The upper panel shows all, the lower one those around the failure.
    assert _dots(picture, "let") == [2, 1]
    assert _dots(picture, "held") == [2, 1]


def _dots(picture: str, kind: str) -> list[int]:
    lines = [line for line in picture.splitlines() if line.startswith(f'<path class="{kind}"')]
    return [line.count("h0") for line in lines if 'stroke-width="2"' not in line]
