"""The echo service that the demo flows call. Served only if DEMO is set."""

import json
import uuid

from django.contrib.auth.decorators import login_not_required
from django.http import JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from echopoint.demo.flows import ECHO


@csrf_exempt
@login_not_required
def echo(request, path):
    """Return the request as JSON, with a new id. `?status=503` sets the status."""
    answer = {
        "id": uuid.uuid4().hex[:12],
        "method": request.method,
        "path": f"/{path}",
        "query": request.GET.dict(),
        "headers": dict(request.headers),
        "json": json_of(request.body),
    }
    response = JsonResponse(answer, status=status_of(request.GET.get("status", "")))
    response["Cache-Control"] = "no-store"
    return response


def json_of(body):
    """Parse the body; None if it is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def status_of(text):
    is_status = text.isascii() and text.isdigit() and len(text) == 3
    return int(text) if is_status and 200 <= int(text) <= 599 else 200


urlpatterns = [path(f"{ECHO[1:]}/<path:path>", echo, name="demo_echo")]
