"""`POST /api-keys/leaked/github`: keys that GitHub's secret scanning found."""

import base64
import hashlib

from django.conf import settings
from django.http import Http404
from rest_framework import serializers
from rest_framework.response import Response

from apikeys import leaks
from apikeys.leaks import Finding, Reporter
from echopoint.api.keyless_views import KeylessView
from echopoint.api.parsers import parse_json
from echopoint.core.client_metadata import one_line
from echopoint.keys_api import github_signatures

NAME = "GitHub secret scanning"
# Stored characters of a match.
MAX_SOURCE = 60
MAX_URL = 500
MAX_TYPE = 100


class GitHubLeakReportView(KeylessView):
    """Stop the live keys that GitHub found, and say which of the matches are keys."""

    def post(self, request):
        if not settings.GITHUB_SECRET_SCANNING_KEYS_URL:
            raise Http404
        body = request._request.body  # the bytes that are signed
        github_signatures.verify(
            body,
            request.headers.get("Github-Public-Key-Identifier"),
            request.headers.get("Github-Public-Key-Signature"),
        )
        matches = matches_in(body)
        findings = [finding_of(match) for match in matches]
        found = leaks.report(findings, Reporter.of(request, "github", NAME))
        return Response([feedback(match, found) for match in matches])


def matches_in(body):
    """Return the matches of a signed body; raise `ParseError` or `ValidationError`."""
    matches = parse_json(body)
    if not isinstance(matches, list):
        raise serializers.ValidationError("Send an array of matches.")
    for index, match in enumerate(matches):
        if not isinstance(match, dict) or not isinstance(match.get("token"), str):
            message = "A match is an object with the string token."
            raise serializers.ValidationError({f"[{index}]": [message]})
    return matches


def finding_of(match):
    """Return where a key was found. New kinds of places are recorded as they come."""
    return Finding(
        match["token"],
        text_in(match, "source", MAX_SOURCE),
        text_in(match, "url", MAX_URL),
    )


def text_in(match, name, most):
    """Return an optional text of a match in printable characters, without secrets."""
    text = match.get(name)
    return one_line(text, most) if isinstance(text, str) else ""


def feedback(match, found):
    """Return what GitHub learns about a match; the key is named by its hash only."""
    token = match["token"]
    digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
    return {
        "token_hash": base64.b64encode(digest).decode(),
        "token_type": text_in(match, "type", MAX_TYPE),
        "label": "true_positive" if token in found else "false_positive",
    }
