"""`POST /api-keys/leaked`: report texts that may be leaked keys, without a credential."""

from django.conf import settings
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.response import Response

from apikeys import leaks
from apikeys.leaks import MAX_TEXTS, Finding, Reporter
from echopoint.api.exceptions import RateExceeded
from echopoint.api.fields import Text
from echopoint.api.keyless_views import KeylessView
from echopoint.core.client_metadata import Client
from echopoint.core.response_time import rounded_up_to
from echopoint.keys_api.serializers import ExactSerializer

# The same for every text, so that a report is no way to test a key.
ACCEPTED = {
    "message": "Received. Live keys among these texts are stopped, and their organizations"
    " see the report."
}


class LeakReportSerializer(ExactSerializer):
    """Texts that may be leaked keys."""

    example = {"keys": ["epk_live_…"]}

    keys = serializers.ListField(
        child=Text(allow_blank=True), min_length=1, max_length=MAX_TEXTS
    )


class LeakReportView(KeylessView):
    """Stop the live keys among the texts. The response never says which they are."""

    def post(self, request):
        require_within_limit(Client.of(request))
        findings = [Finding(text) for text in texts_in(request)]
        with rounded_up_to(settings.LEAK_REPORT_SECONDS):
            leaks.report(findings, Reporter.of(request, "api"))
        return Response(ACCEPTED, 202)


def texts_in(request):
    """Return the texts of the body; raise `ParseError` or `ValidationError`."""
    if request.stream is None:
        raise ParseError('Send a JSON object as the body: {"keys": ["…"]}.')
    body = LeakReportSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    return body.validated_data["keys"]


def require_within_limit(client):
    """Raise `RateExceeded` if the address sends too many reports."""
    rate = leaks.count_report(client)
    if rate.is_exceeded:
        raise RateExceeded(
            rate,
            f"An address may send {rate.quota} reports per minute, each with up to {MAX_TEXTS}"
            f" texts. Send it again in {rate.reset} s.",
        )
