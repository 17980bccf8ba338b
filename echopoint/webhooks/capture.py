"""The public receiver: stores requests that anyone sends to the URL of a webhook."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError
from django.http import Http404, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException, MethodNotAllowed

from echopoint.api.exceptions import CODES, NOT_FOUND, RateExceeded, error_response
from echopoint.api.quotas import LimitReached
from echopoint.core import rate_limits
from echopoint.core.replica.writes import mark_written
from echopoint.flow_language.words import HTTP_METHODS
from echopoint.webhooks import cors
from echopoint.webhooks.models import WEBHOOK_ID, Webhook
from echopoint.webhooks.request_columns import columns_of
from echopoint.webhooks.serializers import WebhookResponseSerializer

QUOTA_REACHED = (
    "This webhook cannot store the request: its organization has reached its limit."
)


@csrf_exempt
@login_not_required
def webhook_receiver(request, id, subpath=""):
    """Store the request for the organization of the webhook. Needs no credential."""
    if cors.is_preflight(request):
        # Browsers send preflights by themselves, so they are not stored. Unknown ids are
        # allowed too: the actual request gets the 404, which the page can then read.
        return cors.preflight_response(request)
    try:
        captured = store_request(request, id, subpath)
    except Http404:
        return error_response(404, "NOT_FOUND", NOT_FOUND)
    except APIException as error:
        return error_envelope(error)
    except LimitReached as limit:
        # The sender is anonymous: the message must not disclose the quota or its use.
        return error_response(limit.status, limit.code, QUOTA_REACHED)
    return success_response(request, captured)


def success_response(request, captured) -> HttpResponse:
    response = JsonResponse(WebhookResponseSerializer(captured).data)
    response["Cache-Control"] = "no-store"
    if request.method == "OPTIONS":
        response["Allow"] = ", ".join(HTTP_METHODS)
    return response


def error_envelope(error):
    """Return the error envelope for an exception of DRF."""
    code = CODES.get(type(error), error.default_code)
    response = error_response(error.status_code, code, str(error.detail))
    if isinstance(error, MethodNotAllowed):
        response["Allow"] = ", ".join(HTTP_METHODS)
    if isinstance(error, RateExceeded):
        for name, value in error.fields().items():
            response[name] = value
    return response


def store_request(request, id, subpath):
    """Store and return the request; raise Http404, APIException or LimitReached."""
    if request.method not in HTTP_METHODS:
        raise MethodNotAllowed(request.method)
    webhook = WEBHOOK_ID.fullmatch(id) and Webhook.objects.filter(pk=id).first()
    if not webhook:
        raise Http404
    # Before the body is read: a flood must not cost its transfer and decoding.
    enforce_rate_limits(webhook)
    values = columns_of(request, subpath)
    mark_written(webhook.organization_id)
    try:
        return webhook.capture(**values)
    except IntegrityError:
        # The webhook was deleted while the body was read.
        raise Http404 from None


def enforce_rate_limits(webhook):
    """Raise `RateExceeded` if the webhook or its organization gets too many requests.

    The webhook is checked first, so requests over its limit do not use up the limit that all
    webhooks of the organization share.
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
                f"This {name} accepts {limit} requests per minute. Send it again in"
                f" {rate.reset} s.",
            )
