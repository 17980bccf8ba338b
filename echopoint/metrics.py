"""`/metrics`: the counters of all processes, and gauges read from the database."""

from django.conf import settings
from django.db import connection
from django.db.utils import Error
from django.http import HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare

from echopoint.core.metrics import metrics
from echopoint.executions.models import RunnerJob
from echopoint.mail.models import MailMessage

UNAUTHENTICATED = "Send METRICS_TOKEN as Authorization: Bearer …."


def answer(request):
    """Return the metrics in Prometheus' text format, or 401 without the token."""
    sent = request.headers.get("Authorization", "")
    if not constant_time_compare(sent, f"Bearer {settings.METRICS_TOKEN}"):
        body = {"errors": [{"code": "UNAUTHENTICATED", "message": UNAUTHENTICATED}]}
        response = JsonResponse(body, status=401)
        response["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return response
    from prometheus_client import generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    text = generate_latest(metrics.collected()) + generate_latest(DatabaseCollector())
    response = HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
    response["Cache-Control"] = "no-store"
    return response


class DatabaseCollector:
    """Gauges queried on each scrape. If the database is down, only that is reported."""

    def collect(self):
        from prometheus_client.core import GaugeMetricFamily as Gauge

        up = Gauge("echopoint_database_up", "Whether the database answered.")
        families = []
        try:
            families = [
                by_state("echopoint_jobs", "Jobs of self-hosted runners.", jobs()),
                by_state("echopoint_mail", "Mail messages.", mail()),
            ]
        except Error:
            connection.close()
        up.add_metric([], 1 if families else 0)
        return [up, *families]


def by_state(name, help, counts):
    from prometheus_client.core import GaugeMetricFamily as Gauge

    family = Gauge(name, f"{help} By state.", labels=["state"])
    for state, count in counts.items():
        family.add_metric([state], count)
    return family


def jobs():
    """Return the number of unfinished jobs by state."""
    unfinished = RunnerJob.objects.filter(finished_at=None)
    held = unfinished.filter(lease_expires_at__isnull=False).count()
    return {"waiting": unfinished.count() - held, "claimed": held}


def mail():
    return MailMessage.objects.count_by_state()
