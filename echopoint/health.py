"""`/health`, `/ready` and `/metrics`, for what starts, stops and routes to processes.

They are answered before anything else: probes come without TLS, by address, and while
the database is away.
"""

import time

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error
from django.http import JsonResponse

from apikeys.checks import check_pepper_secrets, check_peppers_in_use
from echopoint import metrics
from echopoint.environments.checks import check_encryption_keys_in_use

OK = "ok"
AWAY = "does not answer"
BEHIND = "lacks migrations: run manage.py migrate"
DIFFERS = "differs from the database: run manage.py check --database default"
KEPT_FOR = 10  # seconds, as anyone may ask


class HealthMiddleware:
    """Answers the addresses."""

    def __init__(self, get_response):
        self.get_response = get_response
        self.answers = {"/health": health, "/ready": ready}

    def __call__(self, request):
        if answer := self.answers.get(request.path_info):
            return answer()
        if request.path_info == "/metrics" and settings.METRICS_TOKEN:
            return metrics.answer(request)
        return self.get_response(request)


def health():
    """Return 200: the process answers."""
    return told({"status": OK}, 200)


def ready():
    """Return 200 if requests can be served now, or 503 with the part that cannot."""
    parts = {"database": database()} | settled()
    is_ready = set(parts.values()) == {OK}
    status = OK if is_ready else "not ready"
    return told({"status": status, "parts": parts}, 200 if is_ready else 503)


def told(body, status):
    response = JsonResponse(body, status=status)
    response["Cache-Control"] = "no-store"
    return response


def database():
    """Return whether the database answers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        connection.close()
        return AWAY
    return OK


class Kept:
    """What was found last, and when."""

    def __init__(self):
        self.parts, self.until = {}, 0

    def get(self, find):
        now = time.monotonic()
        if now >= self.until:
            self.parts, self.until = find(), now + KEPT_FOR
        return self.parts

    def forget(self):
        self.until = 0


kept = Kept()


def settled():
    """Return what changes with a release or a setting, as it was lately."""
    return kept.get(compare)


def compare():
    """Compare the program and its settings with the database."""
    found = {}
    for part, (is_right, complaint) in PARTS.items():
        try:
            found[part] = OK if is_right() else complaint
        except Error:
            connection.close()
            found[part] = AWAY
    return found


def is_migrated():
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def has_peppers():
    return not any(
        check(None, [DEFAULT_DB_ALIAS])
        for check in (check_pepper_secrets, check_peppers_in_use)
    )


def has_encryption_keys():
    return not check_encryption_keys_in_use(None, [DEFAULT_DB_ALIAS])


PARTS = {
    "migrations": (is_migrated, BEHIND),
    "peppers": (has_peppers, DIFFERS),
    "encryption_keys": (has_encryption_keys, DIFFERS),
}
