"""The public receiver: it keeps what anyone sends to a webhook's address."""

import base64
import re
from urllib.parse import parse_qsl

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError
from django.http import Http404, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException, MethodNotAllowed, ParseError

from echopoint.api.exceptions import (
    CODES,
    NOT_FOUND,
    PayloadTooLarge,
    RateExceeded,
    plain,
)
from echopoint.api.quotas import LimitReached
from echopoint.core import rate_limits
from echopoint.core.client import address
from echopoint.core.redaction import redact
from echopoint.webhooks.models import WEBHOOK_ID, Webhook
from echopoint.webhooks.serializers import METHODS_RECEIVED, WebhookResponseSerializer

FULL = "This webhook cannot store the request: its organization has reached its limit."
# NUL, and what stands for bytes that are not UTF-8 (PEP 383).
UNSTORABLE = re.compile(r"[\x00\udc80-\udcff]")


@csrf_exempt
@login_not_required
def receive(request, id):
    """Keep the request for the webhook's organization; it needs no credential."""
    try:
        captured = capture(request, id)
    except Http404:
        return plain(404, "NOT_FOUND", NOT_FOUND)
    except APIException as error:
        return refusal(error)
    except LimitReached as limit:
        # A stranger is not told how much that is.
        return plain(limit.status, limit.code, FULL)
    response = JsonResponse(WebhookResponseSerializer(captured).data)
    response["Cache-Control"] = "no-store"
    return response


def refusal(error):
    """Return the envelope of one of DRF's exceptions."""
    code = CODES.get(type(error), error.default_code)
    response = plain(error.status_code, code, str(error.detail))
    if isinstance(error, MethodNotAllowed):
        response["Allow"] = ", ".join(METHODS_RECEIVED)
    if isinstance(error, RateExceeded):
        for name, value in error.fields().items():
            response[name] = value
    return response


def capture(request, id):
    """Return the captured request, or raise why there is none."""
    if request.method not in METHODS_RECEIVED:
        raise MethodNotAllowed(request.method)
    webhook = WEBHOOK_ID.fullmatch(id) and Webhook.objects.filter(pk=id).first()
    if not webhook:
        raise Http404
    count(webhook)
    values = contents(request)
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


def contents(request):
    """Return the columns of what was sent: storable text, without keys."""
    headers = {name: storable(value) for name, value in request.headers.items()}
    if "Cookie" in headers:
        headers["Cookie"] = without_sessions(headers["Cookie"])
    body, body_is_base64 = body_text(read_body(request))
    return {
        "method": request.method,
        "headers": headers,
        "query_params": query_params(request),
        "body": body,
        "body_is_base64": body_is_base64,
        "content_type": headers.get("Content-Type", ""),
        "user_agent": headers.get("User-Agent", ""),
        "ip_address": address(request) or "",
    }


def read_body(request):
    """Return the whole body, or raise when it is too large or ends too early."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    length = request.META.get("CONTENT_LENGTH") or ""
    length = int(length) if length.isdecimal() else 0
    if length > limit:
        raise PayloadTooLarge(limit)
    try:
        body = request.read()
    except OSError:  # the client went away
        body = b""
    if len(body) < length:
        raise ParseError("The body ended too early. Send it again.")
    return body


def body_text(body):
    """Return (text, whether it is base64) for the bytes of a body."""
    text = redact(body.decode(errors="surrogateescape"))
    if UNSTORABLE.search(text):
        clean = text.encode(errors="surrogateescape")
        return base64.b64encode(clean).decode(), True
    return text, False


def query_params(request):
    """Return the query's parameters; the values of one that is repeated are joined."""
    query = decoded(request.META.get("QUERY_STRING", ""))
    params = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        params.setdefault(clean(name), []).append(clean(value))
    return {name: ", ".join(values) for name, values in params.items()}


def without_sessions(cookies):
    """Return a Cookie header without the values of our own cookies.

    A member who opens a webhook's address in a browser sends them along, and whoever
    reads the captured request could go on as that member.
    """
    own = "|".join(
        re.escape(name)
        for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME)
    )
    return re.sub(rf"((?:^|[;,])\s*(?:{own})\s*=)[^;,]*", r"\1…", cookies)


def storable(text):
    """Return a WSGI string as text that the databases can hold, without keys."""
    return clean(decoded(text))


def clean(text):
    """Return text that the databases can hold, without keys."""
    return redact(text.replace("\x00", "\N{REPLACEMENT CHARACTER}"))


def decoded(text):
    """Return a WSGI string as UTF-8 where it is that, else as Latin-1 (PEP 3333)."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
