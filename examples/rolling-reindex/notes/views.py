"""The pages: who you are, your latest notes, and a search over all of yours."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from notes.index import Index
from notes.models import Note


@require_POST
def login(request: HttpRequest) -> HttpResponse:
    """Takes anybody's word for who they are: this is an example, and not of log-ins."""
    answer = redirect("/notes")
    answer.set_cookie("uid", request.POST["user"], httponly=True)
    return answer


@require_GET
def latest(request: HttpRequest) -> HttpResponse:
    """The last ten of one's notes, from the database."""
    mine = Note.objects.filter(owner=request.COOKIES["uid"])
    return render(request, "notes/latest.html", {"notes": mine.order_by("-id")[:10]})


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """How many of one's notes have a word, and which, from one's own index."""
    word = request.GET["q"]
    numbers = Index(settings.INDEX, request.COOKIES["uid"]).search(word)
    notes = Note.objects.in_bulk(numbers[:10])
    return render(
        request, "notes/found.html", {"word": word, "count": len(numbers), "notes": notes.values()}
    )
