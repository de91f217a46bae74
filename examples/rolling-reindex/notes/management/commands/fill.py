"""``manage.py fill 200``: a database with so many users, 100 notes each, and their indexes."""

from __future__ import annotations

import random
import shutil
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction

from notes.index import Index
from notes.models import Note

NOTES = 100  # of each user
WORDS = 60  # of each note
EVERY = 4  # each fourth note has the word that is searched for
WORD = "invoice"
VOCABULARY = 2000  # other words


class Command(BaseCommand):
    """Whatever is in the folder is thrown away."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("users", type=int)
        parser.add_argument("--broken", help="the user with a note whose tags are malformed")

    def handle(self, *_: Any, users: int, broken: str | None, **__: Any) -> None:
        shutil.rmtree(settings.DATA, ignore_errors=True)
        settings.INDEX.mkdir(parents=True)
        call_command("migrate", verbosity=0)
        for number in range(1, users + 1):
            _fill(f"user-{number:03}", random.Random(number))  # noqa: S311 the same notes each time
        if broken is not None:
            # In the middle, so that a rebuild has begun when it gets there.
            note = Note.objects.filter(owner=broken).order_by("id")[NOTES // 2]
            note.tags = '["home", '
            note.save()


@transaction.atomic
def _fill(user: str, chance: random.Random) -> None:
    notes = Note.objects.bulk_create(_note(user, number, chance) for number in range(NOTES))
    Index(settings.INDEX, user).create((note.id, f"{note.title} {note.body}") for note in notes)


def _note(user: str, number: int, chance: random.Random) -> Note:
    words = [f"word{chance.randrange(VOCABULARY)}" for _ in range(WORDS)]
    if number % EVERY == 0:
        words[chance.randrange(WORDS)] = WORD
    return Note(owner=user, title=f"Note {number}", body=" ".join(words), tags='["home"]')
