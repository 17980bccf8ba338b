"""The site's settings, except that pages need no `collectstatic`, which takes a minute."""

from echopoint.settings import *  # noqa: F403

STORAGES["staticfiles"]["BACKEND"] = (  # noqa: F405
    "django.contrib.staticfiles.storage.StaticFilesStorage"
)
