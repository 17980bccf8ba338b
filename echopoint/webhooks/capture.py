"""The public receiver: it keeps what anyone sends to a webhook's address, or below it."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError
from django.http import Http404, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException, MethodNotAllowed

from echopoint.api.exceptions import CODES, NOT_FOUND, RateExceeded, error_response
from echopoint.api.quotas import LimitReached
from echopoint.core import rate_limits
from echopoint.flow_language.words import HTTP_METHODS
from echopoint.webhooks import cors
from echopoint.webhooks.contents import contents
from echopoint.webhooks.models import WEBHOOK_ID, Webhook
from echopoint.webhooks.serializers import WebhookResponseSerializer

FULL = "This webhook cannot store the request: its organization has reached its limit."


@csrf_exempt
@login_not_required
def receive(request, id, below=""):
    """Keep the request for the webhook's organization; it needs no credential."""
    if cors.is_preflight(request):
        # It is a question of the browser, and the same for ids that name nothing: the
        # page gets the 404 for the request that it asks about.
        return cors.allow(request)
    try:
        captured = capture(request, id, below)
    except Http404:
        return error_response(404, "NOT_FOUND", NOT_FOUND)
    except APIException as error:
        return refusal(error)
    except LimitReached as limit:
        # A stranger is not told how much that is.
        return error_response(limit.status, limit.code, FULL)
    return answer(request, captured)


def answer(request, captured) -> HttpResponse:
    """Return what a sender is told."""
    response = JsonResponse(WebhookResponseSerializer(captured).data)
    response["Cache-Control"] = "no-store"
    if request.method == "OPTIONS":
        response["Allow"] = ", ".join(HTTP_METHODS)
    return response


def refusal(error):
    """Return the envelope of one of DRF's exceptions."""
    code = CODES.get(type(error), error.default_code)
    response = error_response(error.status_code, code, str(error.detail))
    if isinstance(error, MethodNotAllowed):
        response["Allow"] = ", ".join(HTTP_METHODS)
    if isinstance(error, RateExceeded):
        for name, value in error.fields().items():
            response[name] = value
    return response


def capture(request, id, below):
    """Return the captured request, or raise why there is none."""
    if request.method not in HTTP_METHODS:
        raise MethodNotAllowed(request.method)
    webhook = WEBHOOK_ID.fullmatch(id) and Webhook.objects.filter(pk=id).first()
    if not webhook:
        raise Http404
    count(webhook)
    values = contents(request, below)
    try:
        return webhook.capture(**values)
    except IntegrityError:
        # It was deleted while the body came in.
        raise Http404 from None


def count(webhook):
    """Raise `RateExceeded` for more than a webhook, or its organization, takes.

    What the webhook refuses does not count for the others of the organization.
    """
    for name, id, limit in (
        ("webhook", webhook.pk, settings.CAPTURES_PER_MINUTE),
        (
            "organization",
            webhook.organization_id,
            settings.CAPTURES_PER_MINUTE_AND_ORGANIZATION,
        ),
    ):
        rate = rate_limits.hit(f"captures-{name}", id, limit)
        if rate.is_exceeded:
            raise RateExceeded(
                rate,
                f"This {name} takes {limit} requests per minute. Send it again in"
                f" {rate.reset} s.",
            )
