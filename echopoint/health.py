"""`/health`, `/ready` and `/metrics`, for orchestrators, load balancers and Prometheus.

Answered before all other middleware: probes come without TLS, by IP address, and while the
database is down.
"""

import time

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error
from django.http import JsonResponse

from apikeys.checks import check_pepper_secrets, check_peppers_in_use
from echopoint import metrics
from echopoint.core.replica.reads import ReplicaState, state_for
from echopoint.core.replica.servers import is_configured
from echopoint.environments.checks import check_encryption_keys_in_use

OK = "ok"
AWAY = "does not answer"
BEHIND = "lacks migrations: run manage.py migrate"
DIFFERS = "differs from the database: run manage.py check --database default"
REPLICA_WORDS = {
    ReplicaState.AWAY: "does not answer: lists are read from the primary",
    ReplicaState.FOREIGN: "is not a hot standby of the database: run manage.py check --database"
    " default",
    ReplicaState.UNKNOWN: "is not read: Redis or the database does not answer",
    ReplicaState.BEHIND: "is behind: lists are read from the primary",
}
CACHE_SECONDS = 10  # anyone may call /ready, and these checks read several tables


class HealthMiddleware:
    """Answer the health and metrics endpoints."""

    def __init__(self, get_response):
        self.get_response = get_response
        self.endpoints = {"/health": health, "/ready": ready}

    def __call__(self, request):
        if endpoint := self.endpoints.get(request.path_info):
            return endpoint()
        if request.path_info == "/metrics" and settings.METRICS_TOKEN:
            return metrics.answer(request)
        return self.get_response(request)


def health():
    """Return 200: the process is running."""
    return uncached_json({"status": OK}, 200)


def ready():
    """Return 200 if requests can be served, or 503 and the failed parts.

    Without the replica they can: its part is named, and the status is "degraded".
    """
    parts = {"database": database_state()} | cached_checks.get()
    failed = {name for name, state in parts.items() if state != OK}
    is_ready = failed <= {"replica"}
    status = "not ready" if not is_ready else "degraded" if failed else OK
    return uncached_json({"status": status, "parts": parts}, 200 if is_ready else 503)


def uncached_json(body, status):
    response = JsonResponse(body, status=status)
    response["Cache-Control"] = "no-store"
    return response


def database_state():
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        connection.close()
        return AWAY
    return OK


class CachedChecks:
    """Run the deployment checks at most every `CACHE_SECONDS`."""

    def __init__(self):
        self.states, self.expires_at = {}, 0
        self.was_behind = False

    def get(self):
        """Return the state of each part, by name."""
        now = time.monotonic()
        if now >= self.expires_at:
            self.states, self.expires_at = run_checks(), now + CACHE_SECONDS
            if is_configured():
                self.states["replica"] = self.replica_state()
        return self.states

    def replica_state(self):
        """Return the state of the replica.

        It is behind only if the last check found that too: it may have been asked for
        what was written milliseconds before.
        """
        state = state_for()
        was_behind, self.was_behind = self.was_behind, state == ReplicaState.BEHIND
        if self.was_behind and not was_behind:
            return OK
        return REPLICA_WORDS.get(state, OK)

    def clear(self):
        self.expires_at, self.was_behind = 0, False


cached_checks = CachedChecks()


def run_checks():
    """Compare the code and its settings with the database."""
    states = {}
    for part, (check, failure) in CHECKS.items():
        try:
            states[part] = OK if check() else failure
        except Error:
            connection.close()
            states[part] = AWAY
    return states


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


CHECKS = {
    "migrations": (is_migrated, BEHIND),
    "peppers": (has_peppers, DIFFERS),
    "encryption_keys": (has_encryption_keys, DIFFERS),
}
