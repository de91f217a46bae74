"""What the site keeps."""

from django.db import models


class Note(models.Model):
    """One note of one user. ``tags`` is a JSON list, written by an import of long ago."""

    owner = models.CharField(max_length=64, db_index=True)
    title = models.CharField(max_length=200)
    body = models.TextField()
    tags = models.TextField(default="[]")
