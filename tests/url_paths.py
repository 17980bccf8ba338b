"""All URL paths of the site."""

from django.urls import URLResolver


def paths(patterns, prefix=""):
    """Yield (path, pattern) of every view below these URL patterns."""
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from paths(pattern.url_patterns, path)
        else:
            yield path, pattern
