"""English."""

from __future__ import annotations

from gateway.pages.words import Looking, Spans, Words

ENGLISH = Words(
    tag="en",
    site=(
        "Down for maintenance",
        "We are working on the site. It will be back as soon as we are done.",
    ),
    feature=(
        "Closed for maintenance",
        "We are working on this part of the site. It will be back as soon as we are done.",
    ),
    user=(
        "Your account is being worked on",
        "This part of the site opens to you again as soon as we are done.",
    ),
    read_only=(
        "Changes are paused",
        "We are working on this. You can go on reading, but nothing can be changed for now.",
    ),
    unsent="What you sent was not passed on, and nothing was saved.",
    unsent_advice="Go back one page to find what you wrote, and send it again later.",
    expected="Expected back",
    worth_another_look="Worth another look",
    try_now="Try again now",
    return_to_form="Go back to what you wrote",
    open_without_sending="Open this page without sending anything",
    open_again="Open this page again",
    again="Try again {when}",
    again_now="Try again",
    percent="{percent} % done",
    spans=Spans(
        soon="in less than a minute",
        minutes=("in about a minute", "in about {n} minutes"),
        hours=("in about an hour", "in about {n} hours"),
        days=("in about a day", "in about {n} days"),
        form=lambda n: int(n != 1),
    ),
    looking=Looking(
        checking="Checking…",
        looks="This page looks again by itself.",
        looked="This page looks again by itself. Last look: {time}",
        offline="You seem to be offline. This page goes on once you are back.",
        silent="No answer just now. This page looks again by itself.",
        open="It is open again. Here we go.",
        open_unsent="It is open again. Go back to what you wrote and send it once more.",
    ),
)
