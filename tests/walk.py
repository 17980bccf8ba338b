"""Walking the URLconf."""

from django.urls import URLResolver


def paths(patterns, prefix=""):
    """Yield (path, pattern) for every view below these URL patterns."""
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from paths(pattern.url_patterns, path)
        else:
            yield path, pattern
