"""Django's settings. All data lies in the folder that ``NOTES_DATA`` names."""

import os
from pathlib import Path

DATA = Path(os.environ.get("NOTES_DATA", "data")).resolve()
INDEX = DATA / "index"  # a search index a user
REQUEST_LOG = DATA / "requests.log"

SECRET_KEY = "an example signs nothing"  # noqa: S105 of no use to anybody
ALLOWED_HOSTS = ["*"]  # whatever the balancer is called
USE_TZ = True
ROOT_URLCONF = "notes.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["notes"]
MIDDLEWARE = ["notes.request_log.RequestLog"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA / "db.sqlite3"}}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
