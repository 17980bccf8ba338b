"""The page for a person who sends too many requests."""

from django.shortcuts import render


def too_many(request, rate):
    """Return the page of an exceeded `RateLimit`, with status 429 and Retry-After."""
    wait = f"{rate.reset} seconds"
    response = render(request, "429.html", {"wait": wait}, status=429)
    response["Retry-After"] = str(rate.reset)
    return response
